"""The words at which a closer look at a text begins, and the marks by which it is read in another way."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from midwatch.redaction.command_contexts import COMMANDS
from midwatch.redaction.contexts import Context
from midwatch.redaction.device_contexts import DEVICES
from midwatch.redaction.file_contexts import FILES
from midwatch.redaction.input_contexts import INPUTS
from midwatch.redaction.literal_matcher import Automaton
from midwatch.redaction.setting_contexts import SETTINGS
from midwatch.redaction.token_format import Token
from midwatch.redaction.tokens import TOKENS
from midwatch.redaction.tool_contexts import TOOLS
from midwatch.redaction.visible_text import EIGHT_BIT, HIDING, WRAPPING

SCHEME_END = (b"://",)
_READINGS = (
    ("hidden", HIDING),
    ("control", EIGHT_BIT),
    ("wrapped", WRAPPING),
    ("encoded", (*(b"%%%x" % digit for digit in range(16)), b"\\", b"&", b"'\"", b"''", b'""', b"$$")),
    (
        "printable",
        (*(b"=%x" % byte for byte in b'!"#$./=@[\\]^`{|}~'), b"=\n", b"=\r", b"=\t", b"= \n", b"= \r", b"=  "),
    ),
    ("printable", tuple(b"=%x=" % byte for byte in (*range(0x20, 0x80), *range(0xC0, 0x100)))),
)
"""Marks by which a text is to be read in another way."""


class Triggers(NamedTuple):
    """The triggers, and what finds them."""

    automaton: Automaton
    rows: list[list[Context | Token]]
    """Of each trigger: at what a closer look is taken."""
    readings: list[str]
    """Of each trigger: in which other way the text is to be read."""
    scheme_end: int
    """The trigger that the automaton leaves out, because it is frequent and says little without an `@` behind it."""
    beginnings: dict[bytes, bool]
    """How tokens begin, and whether a letter may stand before."""
    lengths: dict[bytes, set[int]]
    """How long the beginnings are that end in two bytes, or are one."""


@cache
def triggers() -> Triggers:
    """Made when the first text is read."""
    rows: dict[bytes, list[Context | Token]] = {}
    for context in (*SETTINGS, *COMMANDS, *TOOLS, *INPUTS, *DEVICES, *FILES):
        for word in context.keywords:
            rows.setdefault(word, []).append(context)
    beginnings: dict[bytes, bool] = {}
    lengths: dict[bytes, set[int]] = {}
    for token in sorted(TOKENS, key=lambda token: token.glued):
        for word in {begin.lower() for begin in token.begins}:
            rows.setdefault(word, []).append(token)
        for beginning in {begin[:size] for begin in token.begins for size in range(1, len(begin))}:
            beginnings[beginning] = token.glued
            lengths.setdefault(beginning[-2:], set()).add(len(beginning))
    readings = {mark: reading for reading, marks in _READINGS for mark in marks}
    words = sorted({**rows, **readings}, key=lambda word: word in SCHEME_END)
    return Triggers(
        Automaton(words[:-1]),
        [rows.get(word, []) for word in words],
        [readings.get(word, "") for word in words],
        len(words) - 1,
        beginnings,
        lengths,
    )
