"""A time limit for calls that may never return, such as `statvfs` on a dead network mount."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from midwatch.system.errors import OutcomeUnknown

_LOG = logging.getLogger(__name__)

T = TypeVar("T")


class TimedOut(OutcomeUnknown):
    """The call takes longer than its limit, and still runs."""


_HINT = "A network mount whose server is gone looks like this"
_stuck: dict[str, threading.Thread] = {}
_guard = threading.Lock()


def within(seconds: float, what: str, call: Callable[[], T]) -> T:
    """What `call` returns or raises; `OutcomeUnknown` naming `what` if that takes longer than `seconds`.

    A call that hangs keeps its thread. While it does, further calls for the same `what` answer at once that it still
    hangs, so that a panel which looks every few seconds never gathers threads.
    """
    with _guard:
        earlier = _stuck.get(what)
        if earlier is not None and earlier.is_alive():
            raise TimedOut(f"{what} still does not answer", hint=_HINT)
        _stuck.pop(what, None)
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:
            answers.put((None, error))

    thread = threading.Thread(target=run, name=f"within {what}", daemon=True)
    thread.start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        with _guard:
            _stuck[what] = thread
        sentence = f"{what} did not answer within {seconds:g} s"
        _LOG.warning("%s", sentence)
        raise TimedOut(sentence, hint=_HINT) from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # no error, so it is what `call` returned
