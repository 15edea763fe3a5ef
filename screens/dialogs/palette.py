"""Everything that can be done now, found by its name: made from the one registry of keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from screens.widgets.dialog import Dialog
from screens.widgets.key import Key, shown
from screens.widgets.line_input import LineInput
from screens.widgets.styles import CHOSEN, FAINT, STRONG, TextStyles
from screens.widgets.text_layout import fit, joined


class Found(Static):
    """The commands that were found, a line each."""

    class Clicked(Message):
        """A line was clicked."""

        def __init__(self, line: int) -> None:
            super().__init__()
            self.line = line

    def on_click(self, event: events.Click) -> None:
        if (at := event.get_content_offset(self)) is not None:
            self.post_message(self.Clicked(at.y))


class Palette(Dialog[str]):
    """Typing narrows, arrows choose, Enter or a click does it. The answer is the key's id."""

    DEFAULT_CSS = "Palette #found { height: auto; width: 1fr; margin-top: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
    ]
    accept_words = "Do it"

    def __init__(self, text_styles: TextStyles, keys: Sequence[Key], keymap: Mapping[str, str]) -> None:
        super().__init__(text_styles, "Do what?")
        self._keys, self._keymap = list(keys), keymap
        self._at = self._first = self._shown = 0
        self.hint = f"Esc cancel {text_styles.signs.dot} Enter do it"

    def body(self) -> Iterable[Widget]:
        yield LineInput(id="find", placeholder="type some of it")
        yield Found(id="found", markup=False)

    def first_focus(self) -> Widget:
        return self.query_one("#find")

    def on_mount(self) -> None:
        super().on_mount()
        self._draw()

    def resized(self) -> None:
        super().resized()
        self._draw()

    @property
    def found(self) -> list[Key]:
        """What is named as was typed or holds every word that was typed, the best first."""
        typed = self.query_one("#find", Input).value.strip()
        ranked = [(rank, key) for key in self._keys if (rank := key.rank(typed)) is not None]
        return [key for _, key in sorted(ranked, key=lambda item: item[0])]

    def _draw(self) -> None:
        found, most = self.found, max(self.app.size.height - 10, 3)
        self._at = min(self._at, max(len(found) - 1, 0))
        self._first = max(0, min(self._at - most // 2, len(found) - most))
        lines = []
        for number, key in enumerate(found[self._first : self._first + most], start=self._first):
            mark = self.text_styles.ink(f"{self.text_styles.signs.next} " if number == self._at else "  ", CHOSEN)
            name = shown(self._keymap.get(key.id, key.key), ascii=self.text_styles.ascii)
            text = fit(key.help, max(self.room - 32, 10), self.text_styles)
            lines.append(
                Content.assemble(
                    mark,
                    self.text_styles.ink(f"{name:<7}", FAINT),
                    self.text_styles.ink(f"{key.called:<22}", STRONG),
                    self.text_styles.ink(text),
                )
            )
        self._shown = len(lines)
        more = len(found) - len(lines)
        if more or not found:
            lines.append(self.text_styles.ink(f"  and {more} more" if more else "  Nothing is like that.", FAINT))
        self.query_one("#found", Static).update(joined(lines))

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self._at = 0
        self._draw()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_accept()

    def on_found_clicked(self, message: Found.Clicked) -> None:
        """A click on a command is Enter on it."""
        message.stop()
        if message.line < self._shown:
            self._at = self._first + message.line
            self.action_accept()

    def action_move(self, step: int) -> None:
        self._at = min(max(self._at + step, 0), max(len(self.found) - 1, 0))
        self._draw()

    def action_accept(self) -> None:
        found = self.found
        if found:
            self.answer(found[self._at].id)
