"""Lines that were typed before the question that they would answer was printed."""

from __future__ import annotations

import contextlib
import select
import sys
import termios


def drop_typed_ahead() -> None:
    """Drop what was typed at the terminal and not read yet. A pipe is left alone: whoever writes it is no hand that
    slips."""
    with contextlib.suppress(OSError, ValueError, termios.error):
        if sys.stdin.isatty():
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def has_typed_ahead() -> bool:
    """Whether a whole line waits at the terminal already. Never waits."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stdin.isatty():
            ready, _, _ = select.select([sys.stdin], [], [], 0)
            return bool(ready)
    return False
