"""The modes of the terminal's line while a question is asked: what a Ctrl+C drops, and what is shown."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from os import read

_LFLAG, _CC = 3, 6
LONGEST_BYTES = 4096
"""A terminal holds no more of one line."""


def keeping_half_typed() -> AbstractContextManager[None]:
    """Meanwhile a Ctrl+C leaves what was typed of a line with the terminal, which drops such lines otherwise."""
    return _local_modes(added=termios.NOFLSH)


def without_echo() -> AbstractContextManager[None]:
    """Meanwhile nothing that is typed appears on the terminal."""
    return _local_modes(removed=termios.ECHO, when=termios.TCSADRAIN)


@contextmanager
def _local_modes(*, added: int = 0, removed: int = 0, when: int = termios.TCSANOW) -> Iterator[None]:
    """Change local modes (`c_lflag` of termios) for a while; where the input is no terminal, nothing changes."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    changed = (before[_LFLAG] | added) & ~removed
    termios.tcsetattr(sys.stdin, when, [*before[:_LFLAG], changed, *before[_LFLAG + 1 :]])
    try:
        yield
    finally:
        with suppress(termios.error):  # the line was hung up
            termios.tcsetattr(sys.stdin, when, before)


def take_half_typed() -> str:
    """What was typed of a line without its end. The terminal has it no longer."""
    with suppress(OSError, ValueError, termios.error):
        if sys.stdin.isatty():
            before = termios.tcgetattr(sys.stdin)
            characters = [*before[_CC]]
            characters[termios.VMIN], characters[termios.VTIME] = 0, 0
            by_character = [*before[:_LFLAG], before[_LFLAG] & ~termios.ICANON, *before[4:_CC], characters]
            termios.tcsetattr(sys.stdin, termios.TCSANOW, by_character)
            try:
                typed = read(sys.stdin.fileno(), LONGEST_BYTES)
            finally:
                termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
            return typed.decode(sys.stdin.encoding, "replace")
    return ""
