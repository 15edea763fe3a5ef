"""All keys, from the one list of them: how it works first, then what the focus is on, then the rest, then the signs."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from midwatch.api.probe import Level
from midwatch.incident.step_status import StepStatus
from screens.keys.incident_keys import GROUPS, KEYS, MOVE, MOVES, RECORD, SCREEN, STEP, VIEW
from screens.pages.page import Page
from screens.widgets.key import shown
from screens.widgets.styles import CHOSEN, FAINT, STRONG, TextStyles
from screens.widgets.text_layout import labelled

FIVE_LINES = (
    "The marked line is what to do now; Enter does it.",
    "You see first what a step will touch; with no way back, you type a name.",
    "Steps go on when this screen or the line dies; midwatch finds them again.",
    "All goes into the journal; the timeline and the post-mortem come from it.",
    "No state is told by colour alone: each has a sign and a word.",
)
"""How it works."""
_FIRST = {"checklist": (STEP, MOVE), "step": (STEP, VIEW, MOVE), "output": (VIEW, MOVE, STEP)}
"""The groups of keys for what has the focus: they stand first."""
_TITLES = {
    STEP: "The step under the cursor",
    RECORD: "The incident and its people",
    VIEW: "What is shown",
    MOVE: "Moving",
    SCREEN: "The screen",
}


def help_page(text_styles: TextStyles, keymap: Mapping[str, str], *, driving: bool, focus: str = "checklist") -> Page:
    """The page that shows them; keys that were changed are shown as changed. `focus`: the pane that has it."""
    return Page(
        text_styles,
        f"Help, with the focus on the {focus}",
        lambda width: help_lines(width, text_styles, keymap, driving=driving, focus=focus),
        can_help=False,
    )


def help_lines(
    width: int, text_styles: TextStyles, keymap: Mapping[str, str], *, driving: bool, focus: str = "checklist"
) -> list[Content]:
    """How it works in five lines, the keys in groups, the signs."""
    lines = [text_styles.ink("How it works", STRONG)]
    for text in FIVE_LINES:
        lines += labelled(f" {text_styles.signs.dot}", text, width, text_styles, column=3)
    first = _FIRST.get(focus, (STEP, MOVE))
    for group in (*first, *(group for group in (*GROUPS, MOVE) if group not in first)):
        lines += [Content(""), text_styles.ink(_TITLES[group], STRONG)]
        rows = [
            (shown(keymap.get(key.id, key.key), ascii=text_styles.ascii), key.help)
            for key in KEYS
            if key.group == group and key.is_there(driving=driving)
        ]
        if group == MOVE:
            rows += [(plain if text_styles.ascii else glyphs, words) for glyphs, plain, words in MOVES]
        lines += [
            Content.assemble(text_styles.ink(f" {name:<10}", CHOSEN), text_styles.ink(words)) for name, words in rows
        ]
    lines += [Content(""), text_styles.ink("Signs", STRONG)]
    lines.append(
        Content.assemble(" ", text_styles.ink(text_styles.signs.next, CHOSEN), text_styles.ink("   next", FAINT))
    )
    for status in StepStatus:
        lines.append(Content.assemble(" ", text_styles.state(status), text_styles.ink(f"   {status.value}", FAINT)))
    signs = text_styles.signs
    for sign, words in (
        (signs.person, "needs you"),
        (signs.wrong, "wrong"),
        (signs.levels[Level.WARN], "a warning"),
        (signs.news, "news"),
    ):
        lines.append(Content.assemble(" ", text_styles.ink(sign), text_styles.ink(f"   {words}", FAINT)))
    return lines
