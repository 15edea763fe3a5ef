"""The words at which a closer look at a text begins, and the marks by which it is read in another way."""

from __future__ import annotations

from functools import cache

from ahocorasick_rs import BytesAhoCorasick

from midwatch.redaction.command_contexts import COMMANDS
from midwatch.redaction.contexts import Context
from midwatch.redaction.file_contexts import FILES
from midwatch.redaction.literal_matcher import automaton
from midwatch.redaction.setting_contexts import SETTINGS
from midwatch.redaction.token_format import Token
from midwatch.redaction.tokens import TOKENS
from midwatch.redaction.visible_text import EIGHT_BIT, HIDING, WRAPPING

SCHEME_END = (b"://",)
_READINGS = (
    ("hidden", HIDING),
    ("control", EIGHT_BIT),
    ("wrapped", WRAPPING),
    ("percent", tuple(b"%%%x" % digit for digit in range(16))),
    ("encoded", (b"\\", b"&", b"'\"", b"''", b'""', b"$$")),
)
"""Marks by which a text is to be read in another way."""


@cache
def triggers() -> tuple[list[list[Context | Token]], BytesAhoCorasick, dict[bytes, bool], frozenset[int], list[bytes]]:
    """The rows of each trigger, what finds triggers, how tokens begin, and the triggers of addresses with an `@`."""
    rows: dict[bytes, list[Context | Token]] = {}
    for context in (*SETTINGS, *COMMANDS, *FILES):
        for word in context.keywords:
            rows.setdefault(word, []).append(context)
    for token in TOKENS:
        for word in token.begins:
            here = rows.setdefault(word.lower(), [])
            if token not in here:
                here.append(token)
    for _, marks in _READINGS:
        for mark in marks:
            rows.setdefault(mark, [])
    words = sorted(rows)
    beginnings = {begin[:n]: token.glued for token in TOKENS for begin in token.begins for n in range(1, len(begin))}
    for token in TOKENS:
        if token.glued:
            beginnings |= {begin[:n]: True for begin in token.begins for n in range(1, len(begin))}
    addresses = {at for at, word in enumerate(words) if all(_needs_at(row) for row in rows[word])}
    return [rows[word] for word in words], automaton(words), beginnings, frozenset(addresses), words


@cache
def lengths() -> dict[bytes, tuple[int, ...]]:
    """How long the beginnings of tokens are that end in a byte."""
    found: dict[bytes, set[int]] = {}
    for beginning in triggers()[2]:
        found.setdefault(beginning[-1:], set()).add(len(beginning))
    return {last: tuple(sorted(counts)) for last, counts in found.items()}


@cache
def marks() -> dict[int, str]:
    """Which triggers only say that the text is to be read in another way."""
    words = triggers()[4]
    kinds = {mark: kind for kind, marks in _READINGS for mark in marks}
    return {at: kinds[word] for at, word in enumerate(words) if word in kinds}


def _needs_at(row: Context | Token) -> bool:
    return isinstance(row, Context) and row.keywords == SCHEME_END
