"""All keys, from the one list of them, and the signs."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from midwatch.incident.state import StepStatus
from screens.keys import KEYS, MOVES
from screens.page import Page
from screens.widgets.key import shown
from screens.widgets.pen import CHOSEN, FAINT, STRONG, Pen
from screens.widgets.rows import labelled

FIVE_LINES = (
    "The line marked next is what to do now. Enter does it, and the footer says what that is.",
    "Before a step runs you see what it will touch. What cannot be taken back needs a name typed.",
    "Every step runs on its own: if this screen or the connection dies, it goes on, and midwatch finds it again.",
    "Everything is written into the incident's journal; the timeline and the post-mortem are made from it.",
    "Nothing is hidden by colour: every state has a sign and a word.",
)
"""How it works."""


def help_page(pen: Pen, keymap: Mapping[str, str], *, driving: bool) -> Page:
    """The page that shows them; keys that were changed are shown as changed."""
    return Page(pen, "Help", lambda width: help_lines(width, pen, keymap, driving=driving), can_help=False)


def help_lines(width: int, pen: Pen, keymap: Mapping[str, str], *, driving: bool) -> list[Content]:
    """How it works in five lines, the keys, the signs."""
    lines = [pen.ink("How it works", STRONG)]
    for text in FIVE_LINES:
        lines += labelled(f" {pen.signs.dot}", text, width, pen, column=3)
    lines += [Content(""), pen.ink("Keys", STRONG)]
    for key in KEYS:
        if not (key.watches if driving else key.writes):
            name = shown(keymap.get(key.id, key.key), ascii=pen.ascii)
            lines += [Content.assemble(pen.ink(f" {name:<10}", CHOSEN), pen.ink(key.help))]
    for glyphs, plain, words in MOVES:
        lines.append(Content.assemble(pen.ink(f" {plain if pen.ascii else glyphs:<10}", CHOSEN), pen.ink(words)))
    lines += [Content(""), pen.ink("Signs", STRONG)]
    lines.append(Content.assemble(" ", pen.ink(pen.signs.next, CHOSEN), pen.ink("   next", FAINT)))
    for status in StepStatus:
        lines.append(Content.assemble(" ", pen.state(status), pen.ink(f"   {status.value}", FAINT)))
    lines.append(Content.assemble(" ", pen.ink(pen.signs.person), pen.ink("   needs a person", FAINT)))
    return lines
