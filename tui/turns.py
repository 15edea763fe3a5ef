"""Keys typed ahead: each is heard by what is on the screen when its turn comes, and by nothing that was there before."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input, TextArea

from screens.widgets.dialog import Dialog

TOO_LONG = 2.0
"""Seconds after which a turn counts as over, whatever became of it: no key waits for ever."""
AT_ONCE = ("ctrl+q", "ctrl+z")
"""Keys by which one gets away from anything, a dialog that hangs among it."""
_STEPS_ON_A_SCREEN = 3

Typed = events.Key | events.Paste


class Turns:
    """Hands what is typed on, one after the other, each only when the one before has done what it does.

    Textual gives a key to what has the focus the moment it arrives. Over a slow line many arrive at once: the words
    after `n` would go to the checklist, and the `q` after Ctrl+S into the note that is just being saved.

    While a dialog writes, keys wait for what comes then. Those that answer the dialog were meant for it and are dropped,
    and so are all that wait when it is refused: they were typed for a screen that did not come. Ctrl+Q and Ctrl+Z are
    heard at once, and those that wait are dropped.
    """

    def __init__(self, app: App[Any], hear: Callable[[Typed], Awaitable[None]]) -> None:
        """`hear` is what the application does with a key whose turn has come."""
        self._app, self._hear = app, hear
        self._waiting: deque[Typed] = deque()
        self._turn = 0
        self._since: float | None = None
        """When the turn began that is not over."""
        self._watched = 0
        """The turn whose end is not waited for longer than that."""

    async def take(self, event: Typed) -> None:
        """Something was typed."""
        if isinstance(event, events.Key) and event.key in AT_ONCE and self._writing:
            self._waiting.clear()
            await self._hear(event)
            return
        self._waiting.append(event)
        if self._since is None or time.monotonic() - self._since > TOO_LONG:
            await self._next()
        else:
            self._watch()

    def rested(self, *, refused: bool) -> None:
        """A dialog has written what it was to write, or refuses to."""
        if refused:
            self._waiting.clear()
        elif self._waiting and self._since is None:
            self._begin()
            self._watch()
            self._pass_on(self._turn, self._settling(None))

    @property
    def _writing(self) -> bool:
        screen = self._app.screen
        return isinstance(screen, Dialog) and screen.writing

    def _answers(self, key: str) -> bool:
        """Whether the dialog on the screen is answered by this key."""
        found = self._app.screen.active_bindings.get(key)
        bound = found is not None and found.node is self._app.screen and not found.binding.action.startswith("app.")
        return bound or key == "enter"

    def _begin(self) -> None:
        self._turn += 1
        self._since = time.monotonic()

    def _watch(self) -> None:
        """What waits behind this turn does not wait for ever: its end may be lost with a screen that goes."""
        if self._watched != self._turn:
            self._watched = self._turn
            self._app.set_timer(TOO_LONG, partial(self._arrived, self._turn))

    async def _next(self) -> None:
        """Let the next one be heard, unless it waits for a dialog that writes."""
        self._since = None
        while self._waiting and self._writing:
            event = self._waiting[0]
            if isinstance(event, events.Key) and not self._answers(event.key):
                return
            self._waiting.popleft()
        if self._waiting:
            self._begin()
            before, heard_by = self._app.screen, self._app.focused or self._app.screen
            await self._hear(self._first())
            if self._waiting:
                self._watch()
            self._pass_on(self._turn, self._path(before, heard_by))

    def _first(self) -> Typed:
        """What comes next. A character with Alt is, outside a field, what was sent for it: Escape and the character."""
        event = self._waiting.popleft()
        if (
            isinstance(event, events.Key)
            and event.key.startswith("alt+")
            and event.is_printable
            and not isinstance(self._app.focused, Input | TextArea)
        ):
            self._waiting.appendleft(events.Key(event.key.removeprefix("alt+"), event.character))
            return events.Key("escape", None)
        return event

    def _path(self, before: Screen[Any], heard_by: MessagePump) -> Iterator[Callable[[Callable[[], object]], bool]]:
        """Where a key goes, and what it causes: from the widget up to the application, where bindings are, and once more."""
        way: list[MessagePump] = [heard_by]
        while (parent := way[-1]._parent) is not None:
            way.append(parent)
        for pump in (heard_by, *way, heard_by, *way):
            yield pump.call_later
        yield from self._settling(before)

    def _settling(self, before: Screen[Any] | None) -> Iterator[Callable[[Callable[[], object]], bool]]:
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
        """Follow what a key causes, queue by queue: behind it in each, one is never ahead of it. Those gone are passed by."""
        for later in path:
            if later(partial(self._pass_on, turn, path)):
                return
        self._app.call_later(partial(self._arrived, turn))
