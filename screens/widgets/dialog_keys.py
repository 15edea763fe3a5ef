"""The keys of a dialog in words: the line beside the choices, and what the help says of moving about."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

from screens.widgets.inline_button import PickOne
from screens.widgets.key import shown
from screens.widgets.key_bindings import DIALOG, there
from screens.widgets.key_line import ClickableLine, clickable
from screens.widgets.styles import FAINT, TextStyles


def hint_line(dialog: Screen[Any], words: str, room: int, text_styles: TextStyles) -> ClickableLine:
    """These keys, and help where there is room for it. `{yes}` in the words stands for the key that says yes, and so
    on for others of the registry."""
    names = {key.does: shown(key.key, ascii=text_styles.ascii) for key in DIALOG}
    names |= {key.does: shown(given, ascii=text_styles.ascii) for given, key in there(dialog, DIALOG)}
    text, more = words.format_map(names), f"{names['help']} help"
    apart = f" {text_styles.signs.dot} "
    if len(text) > room:
        text = text.rpartition(apart)[0]
    both = f"{text}{apart}{more}" if text else more
    actions = {"Esc": "leave"} | {name: does for does, name in names.items()}
    parts = [
        (actions.get(part.split(" ")[0], ""), text_styles.ink(part, FAINT))
        for part in (both if len(both) <= room else text).split(apart)
    ]
    return clickable(parts, text_styles.ink(apart, FAINT))


def moves(focused: Widget | None, leave_words: str, text_styles: TextStyles, *, scrolls: bool) -> list[tuple[str, str]]:
    """Keys that are in no registry, with what they do where the focus is."""
    arrows = "Arrows" if text_styles.ascii else "← → ↑ ↓"
    found = [
        ("Esc", f"{leave_words}: nothing is done"),
        ("Tab", "The next field or choice; Shift+Tab the one before"),
    ]
    if scrolls:
        found.append(("PgUp PgDn", "Scroll what does not fit into the box"))
    if isinstance(focused, TextArea):
        return [*found, ("Enter", "A new line in this field")]
    if isinstance(focused, Input):
        return [*found, ("Enter", "On to the next field; on the last one, do it")]
    if isinstance(focused, PickOne):
        return [*found, (arrows, "Another one of these"), ("Enter", "Keep it, and on to the next field")]
    return [*found, (arrows, "The next choice, the one before"), ("Enter", "Press the choice that has the focus")]
