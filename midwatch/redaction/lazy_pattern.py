"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re
from typing import Any, cast


class _LazyPattern:
    """Takes the methods of the compiled pattern over at the first use of one."""

    def __init__(self, pattern: bytes, flags: int) -> None:
        self.pattern, self.flags = pattern, flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self.pattern, self.flags)
        self.match, self.search, self.fullmatch = compiled.match, compiled.search, compiled.fullmatch
        self.finditer, self.sub = compiled.finditer, compiled.sub
        return getattr(compiled, name)


def lazy_pattern(pattern: bytes, flags: int = 0) -> re.Pattern[bytes]:
    """Of hundreds of patterns a stream needs few, and compiling all of them takes longer than most streams."""
    return cast("re.Pattern[bytes]", _LazyPattern(pattern, flags))
