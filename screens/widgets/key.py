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
    "exclamation_mark": "!",
    "at": "@",
    "right_square_bracket": "]",
    "equals_sign": "=",
    "number_sign": "#",
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
    asks: bool = False
    """Whether an observer has it all the same, and the driver's screen does it."""
    watches: bool = False
    """Whether it is an observer's only."""
    action: str = ""
    """What it does on the screen, where that is not the id."""
    name: str = ""
    """For the palette; empty: the words of the footer."""
    aliases: str = ""
    """Other words by which the palette finds it, apart by blanks."""
    group: str = ""
    """With which others it stands in the help."""

    def is_there(self, *, driving: bool) -> bool:
        """Whether a driver, or an observer, has it."""
        return not (self.watches if driving else self.writes and not self.asks)

    @property
    def called(self) -> str:
        return self.name or self.words

    def rank(self, typed: str) -> int | None:
        """How well it is what was typed, 0 best; None when it is not."""
        text, names = " ".join(typed.lower().split()), (self.called.lower(), *self.aliases.split())
        if text in names:
            return min(names.index(text), 1)
        if any(name.startswith(text) for name in names):
            return 2 if names[0].startswith(text) else 3
        if any(word.startswith(text) for word in names[0].split()):
            return 4
        everything = f"{' '.join(names)} {self.help.lower()}"
        return 5 if all(word in everything for word in text.split()) else None

    @property
    def does(self) -> str:
        return self.action or self.id


def shown(key: str, *, ascii: bool) -> str:
    """A key as it stands on a keyboard."""
    names = ASCII_SHOWN if ascii else SHOWN
    *held, name = key.split("+")
    name = names.get(name, name.upper() if held or _FUNCTION.fullmatch(name) else name)
    return "+".join([*(word.capitalize() for word in held), name])
