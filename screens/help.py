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
    "The line marked next is what to do now; Enter does it.",
    "You see first what a step will touch; with no way back, you type a name.",
    "Steps go on when this screen or the line dies; midwatch finds them again.",
    "All goes into the journal; the timeline and the post-mortem come from it.",
    "No state is told by colour alone: each has a sign and a word.",
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
