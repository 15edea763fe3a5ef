"""A format of tokens: how they begin, and what follows."""

from __future__ import annotations

import re
from typing import NamedTuple

from midwatch.redaction.lazy_pattern import lazy_pattern

LONGEST_BODY_BYTES = 8192
_LONGEST_BYTES = 512
_DASHED = r"[A-Za-z0-9_-]"


class Token(NamedTuple):
    """A format of tokens."""

    name: str
    source: str
    """The documentation of the maker, a standard, or the list that has the format."""
    begins: tuple[bytes, ...]
    """Literal beginnings, in the case in which they are written."""
    characters: re.Pattern[bytes]
    """The longest run of what may belong to such a token, from its beginning on."""
    complete: re.Pattern[bytes]
    """What a run begins with when it is one."""
    exact: bool
    """Whether a longer run is none."""
    longest: int
    """Bytes after which an unfinished one is given up."""
    glued: bool
    """Whether a letter or digit may stand directly before."""


def token(
    name: str,
    source: str,
    begins: str,
    body: str,
    characters: str = _DASHED,
    *,
    exact: bool = False,
    longest: int = _LONGEST_BYTES,
    glued: bool = False,
) -> Token:
    """`begins`: alternatives, parted by blanks. `body`: what has to follow one of them."""
    heads = tuple(begins.encode().split())
    start = b"(?:" + re.escape(b" ".join(heads)).replace(b"\\ ", b"|") + b")"
    run = lazy_pattern(start + characters.encode() + b"{0,%d}" % LONGEST_BODY_BYTES)
    return Token(name, source, heads, run, lazy_pattern(start + body.encode()), exact, longest, glued)


def plain(name: str, source: str, begins: str, least: int, characters: str = _DASHED) -> Token:
    """A prefix and at least so many characters."""
    return token(name, source, begins, characters + "{" + str(least) + "}", characters)
