"""What is typed comes as the keys that were pressed, in whatever pieces the line delivers it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.typed import named
from tui.terminal import input_parser
from tui.terminal.input_parser import InputParser

KEYS = {
    "n": "n",
    "é": "é",
    "?": "question_mark",
    "\r": "enter",
    "\t": "tab",
    "\x13": "ctrl+s",
    "\x7f": "backspace",
    "\x1b[A": "up",
    "\x1bOB": "down",
    "\x1b[5~": "pageup",
    "\x1b[1;5C": "ctrl+right",
    "\x1b[Z": "shift+tab",
    "\x1b[[A": "f1",
    "\x1bq": "alt+q",
    "\x1b[200~lines\n\x1b[31mof it\x1b[200~ é\x1b[201~": "pasted 'lines\\nof it é'",
    "\x1b[<0;3;4M": "mouse 2,3",
    "\x1b[M !!": "",  # an old terminal's mouse, which is not read
    "\x1b]11;rgb:ffff/ffff/ffff\x1b\\": "",
    "\x1bP>|a terminal's name\x1b\\": "",
}


@given(st.lists(st.sampled_from(sorted(KEYS)), max_size=12), st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_keys_are_the_same_however_the_line_cuts_and_gathers_them(pressed: list[str], cuts: list[int]) -> None:
    reader, text, found, at = InputParser(), "".join(pressed), [], 0
    for size in cuts * (len(text) // sum(cuts) + 1):
        found += named(reader.feed(text[at : at + size]))
        at += size
    assert found == [KEYS[key] for key in pressed if KEYS[key]]


@given(st.text(st.sampled_from("\x1b[]OPM<0;1~AnqX \\\x07\x9b\r") | st.characters(), max_size=40), st.integers(1, 5))
def test_input_parser_after_any_bytes_hears_the_next_key(text: str, size: int) -> None:
    reader = InputParser()
    for at in range(0, len(text), size):
        named(reader.feed(text[at : at + size]))
    named(reader.feed("\x1b[201~\x07\x1b\\"))
    assert named(reader.feed("~~~~q"))[-1:] == ["q"]


def later(reader: InputParser, monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[str]:
    """What it tells after so long in which nothing came."""
    now = input_parser.time.monotonic()
    with monkeypatch.context() as patched:
        patched.setattr(input_parser.time, "monotonic", lambda: now + seconds)
        return named(reader.tick())


def test_escape_is_a_key_once_nothing_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InputParser()
    assert named(reader.feed("\x1b")) == []
    assert later(reader, monkeypatch, 0.01) == []
    assert later(reader, monkeypatch, 0.2) == ["escape"]
    assert later(reader, monkeypatch, 9) == []
    assert named(reader.feed("q")) == ["q"]
    assert named(reader.feed("\x1b\x1b[A\x1b\r")) == ["escape", "up", "escape", "enter"]


def test_arrow_that_is_cut_for_long_is_no_escape_and_no_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once more than Escape has come, no hand can have begun it; and one that was told too early still is an arrow."""
    reader = InputParser()
    assert named(reader.feed("\x1b[1;")) == []
    assert later(reader, monkeypatch, 1) == []
    assert named(reader.feed("5A")) == ["ctrl+up"]
    assert named(reader.feed("\x1b")) == []
    assert later(reader, monkeypatch, 0.2) == ["escape"]
    assert named(reader.feed("[A")) == ["up"]
    assert named(reader.feed("\x1b[1;")) == []
    assert later(reader, monkeypatch, 9) == []
    assert named(reader.feed("n")) == ["n"]
