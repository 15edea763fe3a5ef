"""The footer: what Enter does, then the keys that work now, as many as there is room for. Each can be clicked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from textual import events
from textual.content import Content
from textual.message import Message

from screens.widgets.key import Key, shown
from screens.widgets.status_line import StatusLine
from screens.widgets.styles import CHOSEN, FAINT, TextStyles
from screens.widgets.text_layout import edges

ALWAYS = ("timeline", "detail", "leave", "help")
"""Keys that stand at the right edge at any width."""
_WORDS_FROM = 100
"""Cells from which on these have their words; below, only help has."""
_GO = "go"


@dataclass(slots=True)
class Footer:
    """The line, and where in it each key stands."""

    line: Content = field(default_factory=lambda: Content(""))
    places: list[tuple[int, int, str]] = field(default_factory=list)
    """First cell, the cell behind the last one, and the id of the key."""

    def key_at(self, cell: int) -> str:
        """The id of the key that stands there; empty between them."""
        return next((name for begin, end, name in self.places if begin <= cell < end), "")


class KeyLine(StatusLine):
    """The footer as a widget."""

    class Pressed(Message):
        """A key was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    _footer = Footer()

    def show_keys(self, footer: Footer) -> None:
        """Show this footer."""
        self._footer = footer
        self.show(footer.line)

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and (name := self._footer.key_at(at.x)):
            self.post_message(self.Pressed(name))


def footer_line(
    deed: str, keys: Iterable[tuple[Key, str]], keymap: Mapping[str, str], width: int, text_styles: TextStyles
) -> Footer:
    """`keys` are those that work now with their words, most useful first."""
    given = [(key.id, shown(keymap.get(key.id, key.key), ascii=text_styles.ascii), words) for key, words in keys]
    by_id = {name: (name, key, words) for name, key, words in given}
    full = width >= _WORDS_FROM
    right = [
        (name, _part(key, words if full or name == ALWAYS[-1] else "", text_styles))
        for name, key, words in (by_id[name] for name in ALWAYS if name in by_id)
    ]
    apart = 3 if full else 1
    room = width - sum(part.cell_length + apart for _, part in right) + apart - 3
    left = [(_GO, _part("Enter", deed, text_styles, CHOSEN))]
    used = left[0][1].cell_length
    for name, key, words in given:
        part = _part(key, words, text_styles)
        if name not in ALWAYS and used + 3 + part.cell_length <= room:
            left.append((name, part))
            used += 3 + part.cell_length
    line = edges(_joined(left, 3), _joined(right, apart), width)
    places = [*_places(left, 0, 3), *_places(right, width - _joined(right, apart).cell_length, apart)]
    return Footer(line, places[::-1])  # a first part that is too long is cut where the right ones begin


def _part(key: str, words: str, text_styles: TextStyles, style: str = "") -> Content:
    name = text_styles.ink(key, f"bold {style}".strip())
    return Content.assemble(name, text_styles.ink(f" {words}", style or FAINT)) if words else name


def _joined(parts: list[tuple[str, Content]], apart: int) -> Content:
    return Content(" " * apart).join(part for _, part in parts)


def _places(parts: list[tuple[str, Content]], begin: int, apart: int) -> list[tuple[int, int, str]]:
    found = []
    for name, part in parts:
        found.append((begin, begin + part.cell_length, name))
        begin += part.cell_length + apart
    return found
