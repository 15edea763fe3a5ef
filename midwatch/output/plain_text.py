"""Converts a step's output to plain text without control sequences, for a pager, a file or the clipboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from midwatch.output.index import OutputIndex
from midwatch.system.sanitize import safe_text

_AT_ONCE = 500


def plain_blocks(path: Path) -> Iterator[str]:
    """The file as it is now, some hundred lines at once: of each line what is seen of it, 4,096 bytes at most."""
    output_index = OutputIndex(path)
    while output_index.refresh():
        pass
    try:
        for start in range(0, output_index.line_count, _AT_ONCE):
            yield "".join(f"{safe_text(line)}\n" for line in output_index.lines(start, _AT_ONCE))
    finally:
        output_index.close()


def plain_tail(path: Path, most: int) -> str:
    """The last lines of the file, `most` bytes of UTF-8 at most."""
    output_index = OutputIndex(path)
    while output_index.refresh():
        pass
    found: list[str] = []
    room, start = most, output_index.line_count
    while start > 0 and room > 0:
        count = min(start, _AT_ONCE)
        start -= count
        for line in reversed(output_index.lines(start, count)):
            text = f"{safe_text(line)}\n"
            room -= len(text.encode())
            if room < 0:
                break
            found.append(text)
    output_index.close()
    return "".join(reversed(found))
