"""Distinguishes pasted text from typed keys, also on terminals that do not mark a paste."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from textual import events
from textual.message import Message

from midwatch.system.sanitize import safe_text
from tui.terminal.input_parser import WHOLE, InputParser

PASTE_KEYS = 8
"""So many keys of text in one read were pasted: no hand types them between two reads."""
GATHER_S = 0.02
"""Keys that came together wait so long for more: a paste may begin with a small piece."""
PASTE_ENDS_S = 0.15
"""A paste that is not marked has ended when nothing came for so long."""
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
"""A key at the end of a read that is not whole yet."""
PASTE_BEGINS = "\x1b[200~"


class Pastes:
    """Makes keys and pastes of what a terminal sends. A paste is one event, however many reads it comes in."""

    def __init__(self, debug: bool = False) -> None:
        self._typed = InputParser(debug)
        self._early = ""
        """Keys that came together and may begin a paste."""
        self._paste: list[str] = []
        self._last = ""
        """The last key that was told at once."""
        self._at = 0.0
        """When something came last."""

    def feed(self, data: str) -> Iterator[Message]:
        """What came in one read. What may go on is told by `tick`."""
        soon, self._at = time.monotonic() - self._at < GATHER_S, time.monotonic()
        if self._paste:
            self._paste.append(data)
            return
        data, self._early = self._early + data, ""
        if self._typed.in_paste or PASTE_BEGINS in data:
            yield from self._typed.feed(data)
            return
        keys = text_keys(self._typed.unfinished + data)
        if len(keys) >= PASTE_KEYS and len(set(keys)) > 1:
            self._paste.append(data)
        elif len(set(keys)) > 1 or (keys and soon and keys != self._last):
            self._early = data
        else:
            self._last = keys[-1:] or self._last
            yield from self._typed.feed(data)

    @property
    def waits(self) -> bool:
        """Whether `tick` may soon have something to tell."""
        return bool(self._early or self._paste) or self._typed.waits

    def tick(self) -> Iterator[Message]:
        """What time makes of what came."""
        waited = time.monotonic() - self._at
        if self._early and waited >= GATHER_S:
            data, self._early = self._early, ""
            yield from self._typed.feed(data)
        if self._paste and waited >= PASTE_ENDS_S:
            data, self._paste = "".join(self._paste), []
            yield events.Paste(safe_text(data.replace("\r\n", "\n").replace("\r", "\n"), newlines=True))
        yield from self._typed.tick()


def text_keys(data: str) -> str:
    """What in it is text: characters, Enter and Tab, without the sequences that other keys and the mouse send."""
    rest = _BEGUN.sub("", WHOLE.sub("", data))
    return "".join(character for character in rest if character.isprintable() or character in "\r\n\t")
