"""Work that may take seconds, done beside the screen's loop.

Threads of our own and not Textual's thread workers: those share a small pool, which a few hung sources would fill, and
closing the loop waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ParamSpec, TypeVar

from textual.dom import DOMNode
from textual.worker import Worker

from midwatch.redaction import mask
from midwatch.runbook.secret_sources import environment_secrets
from midwatch.system.errors import MidwatchError

T = TypeVar("T")
P = ParamSpec("P")
RUNNING: set[threading.Thread] = set()
"""Threads that still work; tests wait for them, and leaving waits for those that write."""


class WorkFailed(Exception):
    """The work failed; `str` is one sentence without secrets."""


async def in_background(name: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a thread of this name and return its result. Raises `WorkFailed`."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def hand_over(settle: Callable[[], None]) -> None:
        if not result.done():  # whoever waited may have gone
            settle()

    def body() -> None:
        try:
            try:
                settle: Callable[[], None] = partial(result.set_result, work(*args, **kwargs))
            except MidwatchError as error:
                settle = partial(result.set_exception, _failure(str(error)))
            except Exception as error:  # a plug-in may break in any way; the screen stands and says so
                settle = partial(result.set_exception, _failure(f"{type(error).__name__}: {error}"))
            with contextlib.suppress(RuntimeError):  # the screen has ended
                loop.call_soon_threadsafe(hand_over, settle)
        finally:
            RUNNING.discard(threading.current_thread())

    thread = threading.Thread(target=body, name=name, daemon=True)
    RUNNING.add(thread)
    thread.start()
    return await result


def start_work(node: DOMNode, work: Callable[P, Coroutine[Any, Any, None]], *args: P.args, **kwargs: P.kwargs) -> None:
    """Begin `work` in a worker of the node, which makes the coroutine: cancelled before that, it leaves none that
    nobody awaits."""
    _: Worker[None] = node.run_worker(partial(work, *args, **kwargs))


def _failure(sentence: str) -> WorkFailed:
    return WorkFailed(mask(sentence, environment_secrets()))


def writing() -> bool:
    """Whether something that the operator decided is still on its way into the journal."""
    return any(thread.name.startswith(("start ", "dialog ")) for thread in list(RUNNING))
