"""Nothing foreign can command the terminal, and plain text is left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.system.sanitize import safe_bytes, safe_text

DANGEROUS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\ud800-\udfff\ufeff]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [/red] text é 漢字", "plain [/red] text é 漢字"),
        ("\x1b[2Jgone\x1b[31mred\x1b[0m", "gonered"),
        ("clip\x1b]52;c;cm0gLXJm\x07board", "clipboard"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1bP+q544e\x1b\\dcs", "dcs"),
        ("\x9b31mC1\x9d0;title\x9c!", "C1!"),
        ("a\x07b\x00c\x7f", "a^Gb^@c^?"),
        ("\x1b", "^["),
        ("\x1b]0;never ended", "0;never ended"),
        ("\x85\x84", "<85><84>"),
        ("txt.\u202egpj", "txt.<U+202E>gpj"),
        ("in\u200bvisible\ufeff", "in<U+200B>visible<U+FEFF>"),
        ("a\tb", "a       b"),
        ("4.0K\t./a\n1008K\t\t./b", "4.0K    ./a⏎1008K           ./b"),
        ("日本\tb\té\u0301x\tc", "日本    b       é\u0301x      c"),
        ("\x1b[31mred\x1b[0m\tb\x07\tc", "red     b^G     c"),
        ("12345678\tc", "12345678        c"),
        ("a\r\nb\nc\rd", "a⏎b⏎c^Md"),
        ("\udcff\ud800", "<FF><U+D800>"),
        ("tag\U000e0041", "tag<U+E0041>"),
    ],
)
def test_text_with_known_tricks_is_made_safe(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_line_ends_stay_when_they_are_wanted() -> None:
    assert safe_text("a\r\nb\n\x07", newlines=True) == "a\nb\n^G"
    assert safe_text("ab\tc\né\td", newlines=True) == "ab      c\né       d"
    assert safe_text("a\tb\r\n", newlines=True, tabs=True) == "a\tb\n"


def test_control_byte_is_removed() -> None:
    assert safe_bytes(b"caf\xc3\xa9 \xff\x1b[1mx") == "café <FF>x"
    assert safe_bytes(b"\xc2\x9b31m") == ""


@given(st.text(st.characters()) | st.text("\x1b\x9b\x9d[]P\\;\x07 m0", max_size=30))
def test_sanitized_text_is_safe_and_sanitizing_twice_changes_nothing(text: str) -> None:
    shown = safe_text(text)
    assert not DANGEROUS.search(shown)
    assert "\n" not in shown
    assert safe_text(shown) == shown
    shown.encode("utf-8")
    assert not DANGEROUS.search(safe_text(text, newlines=True))


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_plain_text_is_left_alone(text: str) -> None:
    for odd in "\u00ad\u180e":
        text = text.replace(odd, "")
    assert safe_text(text) == text


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_made_safe(data: bytes) -> None:
    assert not DANGEROUS.search(safe_bytes(data))
