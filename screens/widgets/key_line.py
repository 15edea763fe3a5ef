"""A line of keys with what they do: each can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from textual import events
from textual.content import Content

from screens.widgets.status_line import StatusLine
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import edges

Parts = Sequence[tuple[str, Content]]
"""Texts that stand beside one another, each with the action that a click on it does; an empty action does nothing."""


@dataclass(slots=True)
class ClickableLine:
    """A line, and where in it each action stands."""

    line: Content = field(default_factory=lambda: Content(""))
    places: list[tuple[int, int, str]] = field(default_factory=list)
    """First cell, the cell behind the last one, and the action."""

    def action_at(self, cell: int) -> str:
        """The action that stands there; empty between them."""
        return next((action for begin, end, action in self.places if begin <= cell < end), "")


class KeyLine(StatusLine):
    """The line as a widget; a click is the action, on the screen that has the line."""

    _keys = ClickableLine()

    def show_keys(self, keys: ClickableLine) -> None:
        """Show this line."""
        self._keys = keys
        self.show(keys.line)

    async def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and (action := self._keys.action_at(at.x)):
            await self.app.run_action(action, default_namespace=self.screen)


def key_part(key: str, words: str, text_styles: TextStyles, style: str = "") -> Content:
    """A key with its words."""
    name = text_styles.ink(key, f"bold {style}".strip())
    return Content.assemble(name, text_styles.ink(f" {words}", style or FAINT)) if words else name


def clickable(parts: Parts, apart: int | Content = 3) -> ClickableLine:
    """The parts in one line, with so many blanks or this text between them."""
    between = apart if isinstance(apart, Content) else Content(" " * apart)
    line, places = Content(""), []
    for action, part in parts:
        line = Content.assemble(line, between, part) if line else part
        places.append((line.cell_length - part.cell_length, line.cell_length, action))
    return ClickableLine(line, places)


def on_both_edges(left: ClickableLine, right: ClickableLine, width: int) -> ClickableLine:
    """Both in one line; a left one that is too long is cut where the right one begins."""
    shift = width - right.line.cell_length
    places = [(begin + shift, end + shift, action) for begin, end, action in right.places]
    return ClickableLine(edges(left.line, right.line, width), places + left.places)
