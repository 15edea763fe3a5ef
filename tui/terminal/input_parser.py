"""Parses terminal input that arrives late, joined or split in the middle of a key sequence."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.keys import KEY_NAME_REPLACEMENTS, _character_to_key
from textual.message import Message

from midwatch.system.sanitize import safe_text

ESC = "\x1b"
CUT = 2.0
"""Seconds that the rest of a sequence is waited for which no hand can have begun."""
_PASTE, _PASTED = f"{ESC}[200~", f"{ESC}[201~"
WHOLE = re.compile(r"\x1b(?:\[\[[A-E]|\[M[\s\S]{3}|\[[0-?]*[ -/]*[@-~]|O[ -~]|[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\))")
"""A key, a click or an answer of the terminal: the console's F1 to F5, an old mouse, the common form, F1 to F4, a
string."""
_BEGUN = re.compile(r"\x1b(?:\[\[?|\[[0-?]+[ -/]*|\[M[\s\S]{0,2}|O|[]PX^_][^\x07\x1b]*\x1b?)?\Z")
_REST = re.compile(r"\[[0-9;]*[A-Za-z~]")


class InputParser:
    """Makes keys and pastes of it, whole ones, whatever the pieces it comes in.

    Textual's parser is given one whole key at a time. By itself it takes what follows Escape in the same piece for one
    key with it, and what it does not know for words: Escape and an arrow would leave `^` and letters in a field.
    """

    def __init__(self, debug: bool = False) -> None:
        self._parser = XTermParser(debug)
        self._held, self._since = "", 0.0
        """What may yet become a key, and when it came; or an Escape that was told, in case it was none."""
        self._told = False
        self._pasted: list[str] | None = None

    def feed(self, data: str) -> Iterator[Message]:
        """What came. A bare Escape at its end is told by `tick` once nothing has followed."""
        if self._told and not (_REST.match(data) and time.monotonic() - self._since < CUT):
            self._held = ""
        text, self._held, self._told = self._held + data, "", False
        at = 0
        while at < len(text):
            if self._pasted is not None:
                at = yield from self._paste(text, at)
                continue
            if text[at] != ESC:
                plain = text[at:].partition(ESC)[0]
                yield from self._parser.feed(plain)
                at += len(plain)
            elif _BEGUN.match(text, at):
                self._held, self._since = text[at:], time.monotonic()
                return
            else:
                at = yield from self._sequence(text, at)

    @property
    def in_paste(self) -> bool:
        """Whether a paste that its terminal marks has begun and not ended."""
        return self._pasted is not None

    @property
    def unfinished(self) -> str:
        """What may yet become a key."""
        return "" if self._told else self._held

    @property
    def waits(self) -> bool:
        """Whether `tick` may soon have something to tell."""
        return bool(self._held) and not self._told

    def tick(self) -> Iterator[Message]:
        """What time makes of what came: an Escape that nothing followed was the key."""
        waited = time.monotonic() - self._since
        if not self._held or self._told or self._pasted is not None or waited < self._patience:
            return
        if self._held == ESC:
            self._told = True
            yield events.Key("escape", ESC)
        else:
            if len(self._held) == 2:
                yield _with_alt(self._held[1])
            self._held = ""

    @property
    def _patience(self) -> float:
        return CUT if self._held.startswith(f"{ESC}[") else constants.ESCAPE_DELAY

    def _sequence(self, text: str, at: int) -> Generator[Message, None, int]:
        """One key that begins with Escape; returns where it ends."""
        whole = WHOLE.match(text, at)
        if whole is None:
            following = text[at + 1]
            if following == ESC:
                yield events.Key("escape", ESC)
                return at + 1
            if following.isprintable():
                yield _with_alt(following)
            elif known := list(self._known(ESC + following)):
                yield from known
            else:
                yield events.Key("escape", ESC)
                return at + 1
            return at + 2
        if whole.group() == _PASTE:
            self._pasted = []
        elif whole.group()[1] in "[O":  # a string is the answer to what we never asked
            yield from self._known(whole.group())
        return whole.end()

    def _known(self, sequence: str) -> Iterator[Message]:
        """What Textual makes of it, and nothing where it does not know it."""
        yield from self._parser.feed(sequence)
        if self._parser._timeout_time is not None:  # it waits for more, and would make words of it
            self._parser._timeout_time = 0.0
            for _ in self._parser.tick():
                pass

    def _paste(self, text: str, at: int) -> Generator[Message, None, int]:
        """A part of what is pasted, or the whole; returns how far it goes. Nothing in it can command a terminal."""
        assert self._pasted is not None
        end = text.find(_PASTED, at)
        if end < 0:
            cut = next((n for n in range(len(_PASTED) - 1, 0, -1) if text.endswith(_PASTED[:n])), 0)
            kept = max(len(text) - cut, at)
            self._pasted.append(text[at:kept])
            self._held = text[kept:]
            return len(text)
        pasted = "".join([*self._pasted, text[at:end]])
        self._pasted = None
        yield events.Paste(safe_text(pasted.replace("\r\n", "\n").replace("\r", "\n"), newlines=True))
        return end + len(_PASTED)


def _with_alt(character: str) -> events.Key:
    name = _character_to_key(character)
    return events.Key(f"alt+{KEY_NAME_REPLACEMENTS.get(name, name)}", character)
