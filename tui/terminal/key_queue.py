"""Queue of keys typed ahead: each key goes to the screen that was shown when the key was typed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input, TextArea

from screens.incident.screen import IncidentScreen
from screens.widgets import held_keys
from screens.widgets.dialog import Dialog
from screens.widgets.held_keys import HeldKeys, Press

TOO_LONG = 2.0
"""Seconds after which a turn counts as over, whatever became of it: no key waits for ever."""
AT_ONCE = ("ctrl+q", "ctrl+z")
"""Keys by which one gets away from anything, a dialog that hangs among it."""
_STEPS_ON_A_SCREEN = 3
_MOVES = frozenset(
    ["up", "down", "left", "right", "home", "end", "pageup", "pagedown", "tab", "shift+tab", "backspace", "delete"]
)
"""Keys that may be held: they decide nothing."""

Typed = events.Key | events.Paste


@dataclass(slots=True, eq=False)
class _Arrival:
    """Something that was typed and waits for its turn."""

    event: Typed
    press: Press = Press.FRESH


class KeyQueue:
    """Hands what is typed on, one after the other, each only when the one before has done what it does.

    Textual gives a key to what has the focus the moment it arrives. Over a slow line many arrive at once: the words
    after `n` would go to the checklist, and the `q` after Ctrl+S into the note that is just being saved.

    A key that was typed before a dialog opened or closed is dropped: nobody typed it for what comes then. Only text
    goes on into the field of the dialog that opens. While a dialog writes every key is dropped but Ctrl+Q and Ctrl+Z. A
    key that is held acts once; text, the keys that move and all keys of pages to read may be held. What is pasted goes
    into a field, or is offered as a note, and never acts.
    """

    def __init__(
        self, app: App[Any], held_keys: HeldKeys, hear: Callable[[Typed], Awaitable[None]], offer: Callable[[str], None]
    ) -> None:
        """`hear` is what the application does with a key whose turn has come, `offer` with a pasted text without a
        field."""
        self._app, self._held_keys, self._hear, self._offer = app, held_keys, hear, offer
        self._waiting: deque[_Arrival] = deque()
        self._doubtful: _Arrival | None = None
        """The last arrival that a repeat would show to be a repeat as well."""
        self._changed_at, self._opened = 0.0, False
        """When another screen came to the top, and whether it was opened rather than uncovered."""
        self._text_goes_on = False
        """Whether text that was typed before the screen was opened is for its field."""
        self._turn = 0
        self._since: float | None = None
        """When the turn began that is not over."""
        self._watched = 0
        """The turn whose end is not waited for longer than that."""

    def screen_changed(self, *, opened: bool) -> None:
        """Another screen is at the top now."""
        self._changed_at, self._opened, self._text_goes_on = self._held_keys.now(), opened, opened

    async def take(self, event: Typed) -> None:
        """Something was typed."""
        if isinstance(event, events.Key) and event.key in AT_ONCE and self._writing:
            self._waiting.clear()
            await self._hear(event)
            return
        arrival = _Arrival(event)
        if isinstance(event, events.Key):
            arrival.press = self._held_keys.register(event.key, event.time)
            if arrival.press is Press.REPEAT and self._doubtful is not None:
                self._doubtful.press = Press.REPEAT
            self._doubtful = arrival if arrival.press is Press.DOUBTFUL else None
        if self._writing:
            return
        self._waiting.append(arrival)
        if self._since is None or time.monotonic() - self._since > TOO_LONG:
            await self._next()
        else:
            self._watch()

    @property
    def is_idle(self) -> bool:
        """Whether every key has done what it does."""
        return self._since is None

    @property
    def _writing(self) -> bool:
        screen = self._app.screen
        return isinstance(screen, Dialog) and screen.writing

    def _begin(self) -> None:
        self._turn += 1
        self._since = time.monotonic()

    def _watch(self) -> None:
        """What waits behind this turn does not wait for ever: its end may be lost with a screen that goes."""
        if self._watched != self._turn:
            self._watched = self._turn
            self._app.set_timer(TOO_LONG, partial(self._arrived, self._turn))

    async def _next(self) -> None:
        """Let the next one be heard that acts."""
        self._since = None
        while self._waiting:
            arrival = self._waiting[0]
            if not self._counts(arrival):
                self._waiting.popleft()
            elif arrival.press is Press.DOUBTFUL and not self._is_harmless(arrival.event):
                self._begin()
                self._app.set_timer(held_keys.REPEAT_S, partial(self._believe, arrival, self._turn))
                return
            else:
                await self._let_act(self._first())
                return

    async def _let_act(self, event: Typed) -> None:
        has_no_field = isinstance(event, events.Paste) and not self._prepare_field()
        self._begin()
        before, heard_by = self._app.screen, self._app.focused or self._app.screen
        if isinstance(event, events.Paste) and has_no_field:
            self._paste_without_field(event.text)
        else:
            await self._hear(event)
        if self._waiting:
            self._watch()
        self._pass_on(self._turn, self._path(before, heard_by))

    async def _believe(self, arrival: _Arrival, turn: int) -> None:
        """No repeat followed: the press was one of its own."""
        if arrival.press is Press.DOUBTFUL:
            arrival.press = Press.FRESH
        if turn == self._turn:
            await self._next()

    # What counts

    def _counts(self, arrival: _Arrival) -> bool:
        """Whether this was typed for what is on the screen now, and is no repeat of a held key."""
        event = arrival.event
        if isinstance(event, events.Paste):
            return not self._writing
        if self._writing:
            return False
        if event.time < self._changed_at and not (self._text_goes_on and self._is_text(event)):
            self._text_goes_on = (
                False  # what is typed behind a key that is dropped was meant for what that key would do
            )
            return False
        if arrival.press is Press.REPEAT and not self._is_harmless(event):
            return False
        return not self._opened_by(event)

    def _opened_by(self, event: events.Key) -> bool:
        """Whether this is the Enter that opened the dialog, pressed twice by quick fingers."""
        return (
            event.key == "enter"
            and isinstance(self._app.screen, Dialog)
            and self._opened
            and event.time - self._changed_at < self._app.screen.grace_s
            and not isinstance(self._app.focused, TextArea)
            and not self._held_keys.pressed_since(self._changed_at, but="enter")
        )

    def _is_text(self, event: events.Key) -> bool:
        """Whether the key writes or removes a character in the field that has the focus."""
        focused = self._app.focused
        if not isinstance(focused, Input | TextArea) or focused.disabled:
            return False
        return (
            event.is_printable or event.key == "backspace" or (event.key == "enter" and isinstance(focused, TextArea))
        )

    def _is_harmless(self, event: Typed) -> bool:
        """Whether the key may be held: it writes, moves, or is for a page that is only read."""
        if isinstance(event, events.Paste) or event.key in _MOVES or self._is_text(event):
            return True
        screen = self._app.screen
        return screen.is_move(event.key) if isinstance(screen, IncidentScreen) else not isinstance(screen, Dialog)

    # What is pasted

    def _prepare_field(self) -> bool:
        """Whether there is a field for a pasted text; that of a dialog gets the focus."""
        screen = self._app.screen
        if isinstance(screen, Dialog) and not isinstance(self._app.focused, Input | TextArea):
            return screen.focus_field()
        return isinstance(self._app.focused, Input | TextArea)

    def _paste_without_field(self, text: str) -> None:
        if not isinstance(self._app.screen, Dialog):
            self._offer(text)

    # One after the other

    def _first(self) -> Typed:
        """What comes next. A character with Alt is, outside a field, what was sent for it: Escape and the character."""
        event = self._waiting.popleft().event
        if (
            isinstance(event, events.Key)
            and event.key.startswith("alt+")
            and event.is_printable
            and not isinstance(self._app.focused, Input | TextArea)
        ):
            character, escape = events.Key(event.key.removeprefix("alt+"), event.character), events.Key("escape", None)
            character.time = escape.time = event.time
            self._waiting.appendleft(_Arrival(character))
            return escape
        return event

    def _path(self, before: Screen[Any], heard_by: MessagePump) -> Iterator[Callable[[Callable[[], object]], bool]]:
        """Where a key goes, and what it causes: from the widget up to the application, where bindings are, and once
        more."""
        way: list[MessagePump] = [heard_by]
        while (parent := way[-1]._parent) is not None:
            way.append(parent)
        for pump in (heard_by, *way, heard_by, *way):
            yield pump.call_later
        yield from self._settling(before)

    def _settling(self, before: Screen[Any]) -> Iterator[Callable[[Callable[[], object]], bool]]:
        """What is on the screen then has to be ready; where it is another than before, it has to stand there."""
        for _ in range(_STEPS_ON_A_SCREEN):
            yield self._app.screen.call_later
            yield self._app.call_later
        if self._app.screen is not before:
            yield self._app.screen.call_after_refresh
            yield self._app.call_later

    async def _arrived(self, turn: int) -> None:
        if turn == self._turn:
            await self._next()

    def _pass_on(self, turn: int, path: Iterator[Callable[[Callable[[], object]], bool]]) -> None:
        """Follow what a key causes, queue by queue: behind it in each, one is never ahead of it. Those gone are passed
        by."""
        for later in path:
            if later(partial(self._pass_on, turn, path)):
                return
        self._app.call_later(partial(self._arrived, turn))
