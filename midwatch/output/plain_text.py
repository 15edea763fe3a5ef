"""Converts a step's output to plain text without control sequences, for a pager, a file or the clipboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from midwatch.output.index import LONGEST_LINE, OutputIndex
from midwatch.system.sanitize import safe_text

_AT_ONCE = 500
_WHOLE_BYTES = 4 * 1024 * 1024
_LINE_BY_LINE = re.compile(rb"\r|\x1b[\]PX^_]|\xc2[\x90\x98\x9d-\x9f]|[^\n]{%d}" % (LONGEST_LINE + 1))
"""What has to be seen line by line: a line that is written anew or too long, a sequence that may go on in the next."""


def plain_lines(output_index: OutputIndex, start: int, stop: int) -> str:
    """Lines `start` to `stop`, each with a line end: of each what is seen of it, 4,096 bytes at most."""
    whole = output_index.whole(start, stop, _WHOLE_BYTES)
    if not whole or _LINE_BY_LINE.search(whole):
        return "".join(f"{safe_text(line)}\n" for line in output_index.lines(start, stop - start))
    text = safe_text(whole.decode("utf-8", "surrogateescape"), newlines=True)
    return text if text.endswith("\n") else f"{text}\n"


def plain_blocks(path: Path) -> Iterator[str]:
    """The file as it is now, some hundred lines at once: of each line what is seen of it, 4,096 bytes at most."""
    output_index = OutputIndex(path)
    while output_index.refresh():
        pass
    try:
        for start in range(0, output_index.line_count, _AT_ONCE):
            yield plain_lines(output_index, start, min(start + _AT_ONCE, output_index.line_count))
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
