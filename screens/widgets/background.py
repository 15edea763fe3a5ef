"""Work that may take seconds, done beside the screen's loop.

Threads of our own and not Textual's workers: those share a small pool, which a few hung sources would fill, and closing
the loop waits for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from textual.message_pump import MessagePump

from midwatch.redaction import mask
from midwatch.runbook.secret_sources import environment_secrets
from midwatch.system.errors import MidwatchError

T = TypeVar("T")
RUNNING: set[threading.Thread] = set()
"""Threads that still work; tests wait for them, and leaving waits for those that write."""


def run_in_background(
    pump: MessagePump,
    work: Callable[[], T],
    done: Callable[[T], None],
    failed: Callable[[str], None],
    *,
    name: str,
) -> threading.Thread:
    """Run `work` in a thread, then `done` or `failed` with one sentence on the loop. Nothing happens when the pump is gone."""

    def body() -> None:
        try:
            try:
                result = work()
            except MidwatchError as error:
                sentence = mask(str(error), environment_secrets())
                _later(pump, lambda: failed(sentence))
            except Exception as error:  # a plug-in may break in any way; the screen stands and says so
                sentence = mask(f"{type(error).__name__}: {error}", environment_secrets())
                _later(pump, lambda: failed(sentence))
            else:
                _later(pump, lambda: done(result))
        finally:
            RUNNING.discard(threading.current_thread())

    thread = threading.Thread(target=body, name=name, daemon=True)
    RUNNING.add(thread)
    thread.start()
    return thread


def writing() -> bool:
    """Whether something that the operator decided is still on its way into the journal."""
    return any(thread.name.startswith(("start ", "dialog ")) for thread in list(RUNNING))


def _later(pump: MessagePump, callback: Callable[[], None]) -> None:
    """Have the pump call it in its own time; a screen that was left does not mind."""
    if pump.is_running:
        pump.call_later(callback)
