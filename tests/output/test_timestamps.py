"""When each part of the output came, read from the supervisor's file as it grows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.output.plain_text import plain_blocks, plain_tail
from midwatch.output.timestamps import Timestamps


def test_timestamps_follow_a_file_that_grows_and_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "output.timing"
    timing = Timestamps(path)
    timing.refresh()
    assert timing.at(0) is None
    path.write_text("0.010 0\n1.500 20\n2.")
    timing.refresh()
    assert [timing.at(offset) for offset in (0, 19, 20, 10_000)] == [0.01, 0.01, 1.5, 1.5]
    with path.open("a") as file:
        file.write("25 40\nrubbish\n9 3\nnan 50\n")
    timing.refresh()
    assert timing.at(40) == timing.at(50) == 2.25
    path.write_text("0.5 0\n")
    timing.refresh()
    assert timing.at(40) == 0.5


@given(st.binary(max_size=200))
def test_timestamp_file_of_any_bytes_is_read_without_a_fault(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("timing") / "output.timing"
    path.write_bytes(data)
    timing = Timestamps(path)
    timing.refresh()
    found = timing.at(5)
    assert found is None or 0 <= found < 1e9


def test_plain_text_commands_nothing_and_the_tail_is_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_bytes(b"first \x1b]52;c;cm0gLXJm\x07line\n" + b"50 %\r100 %\n" + b"n\xff\n" * 1200)
    whole = "".join(plain_blocks(path))
    assert whole.startswith("first line\n100 %\nn<FF>\n")
    assert whole.count("\n") == 1202
    tail = plain_tail(path, 60)
    assert whole.endswith(tail)
    assert tail == "n<FF>\n" * 10
    assert plain_tail(path, 10**9) == whole
