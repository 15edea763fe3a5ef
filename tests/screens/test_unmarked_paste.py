"""A paste that the terminal does not mark is told from keys by what comes in one read."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.message import Message

from tests.support.typed import named
from tui import pastes
from tui.pastes import Pastes


class Line:
    """Reads at the times of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
        self.reader, self.at, self.found = Pastes(), 1000.0, list[str]()

    def read(self, data: str, after: float = 0.0) -> None:
        self.at += after
        self._at_that_time(lambda: self.reader.feed(data))

    def wait(self, seconds: float) -> None:
        self.at += seconds
        self._at_that_time(self.reader.tick)

    def _at_that_time(self, told: object) -> None:
        real, pastes.time.monotonic = pastes.time.monotonic, lambda: self.at  # type: ignore[assignment]
        try:
            messages: Iterable[Message] = told()  # type: ignore[operator]
            self.found += named(messages)
        finally:
            pastes.time.monotonic = real  # type: ignore[assignment]


def test_eight_keys_in_one_read_are_a_paste_and_seven_are_keys() -> None:
    line = Line()
    line.read("abcdefg")
    line.wait(0.03)
    assert line.found == list("abcdefg")
    line.read("abcdefgh", 1)
    line.wait(0.2)
    assert line.found[7:] == ["pasted 'abcdefgh'"]


@given(
    st.integers(1, 4096),
    st.floats(0, 0.1),
    st.sampled_from(["", "\r", "\x1b[31m", "\x1b"]),
    st.sampled_from(["", "\r", "\x1b"]),
)
def test_unmarked_paste_of_many_reads_is_one(size: int, gap: float, begins: str, ends: str) -> None:
    """A thousand lines; nothing of it is a key, whatever it begins and ends with."""
    text = begins + "\r".join(f"q y line {number} \x1b[0m" for number in range(1000 if size > 64 else 40)) + ends
    line, size = Line(), max(size, 16)
    for at in range(0, len(text), size):
        line.read(text[at : at + size], gap)
        line.wait(0)
    line.wait(0.2)
    assert len(line.found) == 1
    assert line.found[0].startswith("pasted ")


def test_paste_may_begin_with_a_small_piece() -> None:
    line = Line()
    for piece in ("ye", "s\r", "no", "w\rq"):
        line.read(piece, 0.01)
    line.wait(0.2)
    assert line.found == ["pasted 'yes\\nnow\\nq'"]


@pytest.mark.parametrize(
    ("data", "keys"), [("\r" * 12, ["enter"] * 12), ("\x1b[A" * 12, ["up"] * 12), ("jjjjjjjjj", ["j"] * 9)]
)
def test_held_key_that_comes_in_one_piece_is_no_paste(data: str, keys: list[str]) -> None:
    line = Line()
    line.read(data)
    line.wait(0.2)
    assert line.found == keys


def test_marked_paste_and_single_keys_are_as_before() -> None:
    line = Line()
    line.read("\x1b[200~q\ry\r and more\x1b[201~")
    line.read("q", 1)
    assert line.found == ["pasted 'q\\ny\\n and more'", "q"]
