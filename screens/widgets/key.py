"""One key: what it does, how it is called in a file of changed keys, and how it stands on a keyboard."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FUNCTION = re.compile(r"f\d+")
SHOWN = {
    "enter": "Enter",
    "space": "Space",
    "question_mark": "?",
    "slash": "/",
    "comma": ",",
    "colon": ":",
    "full_stop": ".",
    "tab": "Tab",
    "asterisk": "*",
    "plus": "+",
    "minus": "-",
    "escape": "Esc",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "left": "←",
    "right": "→",
}
ASCII_SHOWN = SHOWN | {"up": "Up", "down": "Down", "left": "Left", "right": "Right"}


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a key does."""

    id: str
    """The name by which it can be given another key; on the incident screen also what it does (`Commands`)."""
    key: str
    words: str
    """For the footer; empty keeps it out of the footer."""
    help: str
    writes: bool = False
    """Whether it changes the incident: an observer does not have it."""
    watches: bool = False
    """Whether it is an observer's only."""
    action: str = ""
    """What it does on the screen, where that is not the id."""

    @property
    def does(self) -> str:
        return self.action or self.id


def shown(key: str, *, ascii: bool) -> str:
    """A key as it stands on a keyboard."""
    names = ASCII_SHOWN if ascii else SHOWN
    *held, name = key.split("+")
    name = names.get(name, name.upper() if held or _FUNCTION.fullmatch(name) else name)
    return "+".join([*(word.capitalize() for word in held), name])
