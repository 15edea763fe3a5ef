"""A growing file by lines: any content, any growth, never more memory than what is in view."""

from __future__ import annotations

import os
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.output.index import BLOCK, LONGEST_LINE, OutputIndex
from midwatch.output.search import count_matches, find_expression, find_text
from tests.support.examples import examples


def taken_in(output_index: OutputIndex) -> OutputIndex:
    while output_index.refresh():
        pass
    return output_index


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "output"


def test_output_that_appears_late_and_grows_is_followed(path: Path) -> None:
    output_index = OutputIndex(path)
    assert not output_index.refresh()
    assert (output_index.line_count, output_index.bytes, output_index.lines(0, 5)) == (0, 0, [])
    path.write_bytes(b"one\ntw")
    assert output_index.refresh()
    assert (output_index.line_count, output_index.lines(0, 5)) == (2, ["one", "tw"])
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert output_index.refresh()
    assert not output_index.refresh()
    assert (output_index.line_count, output_index.lines(1, 5), output_index.bytes) == (3, ["two", "three"], 14)
    assert output_index.lines(2, 0) == output_index.lines(3, 1) == output_index.lines(9, 1) == []
    assert output_index.lines(-5, 1) == ["one"]


CHUNKS = st.lists(
    st.sampled_from(
        [b"\n", b"a", b"line\n", b"x" * 70000, b"\r\n", b"y" * 4096, b"\xff\x00\n", b"1%\r2%\r", b"z" * 65535 + b"\n"]
    ),
    max_size=25,
)


@settings(max_examples=examples(80))
@given(chunks=CHUNKS, data=st.data())
def test_output_read_by_lines_equals_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("spool") / "output"
    path.touch()
    output_index = OutputIndex(path)
    whole = b""
    for chunk in chunks:
        with path.open("ab") as file:
            file.write(chunk)
        whole += chunk
        output_index.refresh()
    lines = whole.split(b"\n")[: -1 if whole.endswith(b"\n") or not whole else None]
    assert output_index.line_count == len(lines)
    assert output_index.bytes == len(whole)
    start, count = data.draw(st.integers(0, len(lines) + 1)), data.draw(st.integers(0, 5))
    wanted = [line.rstrip(b"\r") for line in lines[start : start + count]]
    for shown, line in zip(output_index.lines(start, count), wanted, strict=True):
        last = line[line.rfind(b"\r") + 1 :]
        if len(line) < LONGEST_LINE:
            assert shown.encode("utf-8", "surrogateescape") == last
        else:
            assert len(shown) <= LONGEST_LINE
            assert shown.encode("utf-8", "surrogateescape") in line


def test_output_search_finds_forwards_and_backwards(path: Path) -> None:
    path.write_text("".join(f"line {n} {'Needle' if n in (7, 4000, 39999) else ''}\n" for n in range(40000)))
    output_index = taken_in(OutputIndex(path))
    assert find_text(output_index, "needle", 0) == 7
    assert find_text(output_index, "needle", 7) == 7
    assert find_text(output_index, "needle", 8) == 4000
    assert find_text(output_index, "Needle", 4001) == 39999
    assert find_text(output_index, "NEEDLE", 0) is None
    assert find_text(output_index, "needle", 39999, backwards=True) == 39999
    assert find_text(output_index, "needle", 39998, backwards=True) == 4000
    assert find_text(output_index, "needle", 6, backwards=True) is None
    assert find_text(output_index, "", 0) is None
    assert find_text(output_index, "needle", 40000) is None
    assert find_text(output_index, "line [0-9]", 0) is None, "no regular expression"
    assert find_text(output_index, "line 39999 needle\n", 0) == 39999


def test_find_over_the_border_of_blocks_and_in_long_lines(path: Path) -> None:
    path.write_bytes(b"a\n" + b"x" * (BLOCK - 4) + b"needle" + b"x" * 3 * BLOCK + b"second" + b"\nend")
    output_index = taken_in(OutputIndex(path))
    assert find_text(output_index, "needle", 0) == find_text(output_index, "second", 0) == 1
    assert find_text(output_index, "end", 0) == 2
    assert find_text(output_index, "needle", 2, backwards=True) == 1


def test_progress_lines_show_what_is_last(path: Path) -> None:
    path.write_bytes(b"".join(b"%d %%\r" % n for n in range(20000)) + b"done\nnext\n")
    assert taken_in(OutputIndex(path)).lines(0, 2) == ["done", "next"]


def test_output_cut_or_replaced_is_read_anew(path: Path) -> None:
    path.write_bytes(b"one\ntwo\nthree\n" * 10000)
    output_index = taken_in(OutputIndex(path))
    os.truncate(path, 100)
    output_index.lines(20000, 50)
    find_text(output_index, "three", 20000)
    find_text(output_index, "three", 20000, backwards=True)
    assert output_index.refresh()
    assert output_index.bytes == 100
    path.unlink()
    path.write_bytes(b"new\n")
    assert output_index.refresh()
    assert output_index.lines(0, 9) == ["new"]


@pytest.mark.slow
def test_output_line_without_end_uses_little_memory(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"start ")
        file.truncate(1024 * 1024 * 1024)  # a gibibyte of NUL without a line end
        file.seek(0, os.SEEK_END)
        file.write(b"\nend\n")
    output_index = OutputIndex(path)
    tracemalloc.start()
    output_index.refresh()
    assert output_index.bytes == 8 * 1024 * 1024, "no single call reads it all"
    taken_in(output_index)
    assert output_index.line_count == 2
    first, last = output_index.lines(0, 2)
    assert first.startswith("start \0")
    assert len(first) == LONGEST_LINE
    assert last == "end"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 1024 * 1024


def test_output_index_of_a_long_file_uses_little_memory(path: Path) -> None:
    with path.open("wb") as file:
        block = b"".join(b"%09d some words of output\n" % n for n in range(10000))
        for _ in range(100):
            file.write(block)
    tracemalloc.start()
    output_index = taken_in(OutputIndex(path))
    for start in (0, 500_000, 999_950):
        assert len(output_index.lines(start, 50)) == 50
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert output_index.line_count == 1_000_000
    assert peak < 512 * 1024, "a number per 64 KiB, and one block"


@settings(max_examples=examples(150))
@given(
    lines=st.lists(
        st.sampled_from([b"", b"needle", b"Needle needle", b"x" * 70_000 + b"nee", b"dle", b"none"]), max_size=40
    ),
    upto=st.integers(-1, 41),
)
def test_count_is_that_of_a_plain_reading(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], upto: int
) -> None:
    path = tmp_path_factory.mktemp("count") / "output"
    path.write_bytes(b"\n".join(lines))
    output_index = taken_in(OutputIndex(path))
    holding = [n for n, line in enumerate(lines) if b"needle" in line.lower()]
    assert count_matches(output_index, "needle", upto) == (sum(n <= upto for n in holding), len(holding))
    assert count_matches(output_index, "", upto) == (0, 0)


def test_search_by_expression_over_the_border_of_what_is_read_at_once(path: Path) -> None:
    path.write_bytes(b"fine\n" * 3 + b"x" * (1024 * 1024 - 18) + b" ERROR: no\nERROR again\n")
    output_index = taken_in(OutputIndex(path))
    expression = re.compile(rb"\b(?:ERROR|fatal:)")
    assert find_expression(output_index, expression, 0, longest=16) == 3
    assert find_expression(output_index, expression, 4, longest=16) == 4
    assert find_expression(output_index, expression, 5, longest=16) is None
    assert find_expression(output_index, re.compile(rb"no such"), 0, longest=16) is None
