"""Lines that are cleaned in blocks read as those that are cleaned one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.output.index import LONGEST_LINE, OutputIndex
from midwatch.output.plain_text import plain_lines
from midwatch.system.sanitize import safe_text

PIECES = st.sampled_from(
    [
        *(b"plain", b"\n", b"\r", b"\r\n", b"\t", b"\x1b[31m", b"\x1b[", b"\x1b]0;title", b"\x07", b"\x1b\\", b"\x1b"),
        *("é", "宽", "\u202e", "\u200b", "\x9d", "\x9b1m", "\x85"),
        *(b"\xff", b"\xc2", b"\x00", b"8;1H", b"x" * LONGEST_LINE, b"y" * (LONGEST_LINE + 1)),
    ]
).map(lambda piece: piece.encode() if isinstance(piece, str) else piece)


@given(st.lists(PIECES, max_size=12).map(b"".join), st.integers(0, 3))
def test_block_of_lines_is_cleaned_as_each_of_them(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "output"
    path.write_bytes(content)
    output_index = OutputIndex(path)
    output_index.refresh()
    count = output_index.line_count
    for stop in range(start, count + 1):
        expected = "".join(f"{safe_text(line)}\n" for line in output_index.lines(start, stop - start))
        assert plain_lines(output_index, start, stop) == expected
    output_index.close()
