"""Small things to choose with: a button of one line, and one of several options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from screens.widgets.styles import CHOSEN, FAINT, SOON, TextStyles
from screens.widgets.text_layout import wrap

_INDENT = " " * 6
"""Below the mark of an option: `( ) ` and two blanks before it."""


class InlineButton(Widget, can_focus=True):
    """`[ Cancel ]`: one line, pressed by Enter, marked by brackets and not by colour alone."""

    DEFAULT_CSS = """
    InlineButton { width: auto; height: 1; }
    InlineButton:focus { text-style: bold reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "press", show=False)]

    class Pressed(Message):
        """It was pressed."""

        def __init__(self, choice: InlineButton) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, label: str, *, id: str) -> None:
        super().__init__(id=id)
        self.label = label

    def render(self) -> Content:
        return Content(f"[ {self.label} ]")

    def action_press(self) -> None:
        if not self.disabled:
            self.post_message(self.Pressed(self))

    def on_click(self) -> None:
        self.action_press()


class PickOne(Widget, can_focus=True):
    """One of several: arrows move, the first letter jumps. Nothing is chosen until somebody chooses.

    The mark stands at what is chosen, and nowhere while nothing is. Space moves on in a list; it never answers yes or
    no.
    """

    DEFAULT_CSS = """
    PickOne { height: auto; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,down", "move(1)", show=False),
        Binding("space", "space", show=False),
        Binding("left,up", "move(-1)", show=False),
        Binding("enter", "submit", show=False),
    ]
    picked: reactive[int] = reactive(-1)

    class Submitted(Message):
        """Enter was pressed."""

    def __init__(
        self,
        options: Sequence[tuple[str, str]],
        text_styles: TextStyles,
        *,
        id: str,
        picked: str = "",
        across: bool = False,
        required: bool = True,
    ) -> None:
        """Options are value and words; `across`: in one line where there is room for it."""
        super().__init__(id=id)
        self.options = list(options)
        self._pen, self._across, self._required = text_styles, across, required
        self.set_reactive(PickOne.picked, next((n for n, (value, _) in enumerate(options) if value == picked), -1))

    @property
    def value(self) -> str:
        """What is chosen; empty while nothing is."""
        return self.options[self.picked][0] if self.picked >= 0 else ""

    def pick(self, value: str) -> None:
        """Choose the option with this value; another value chooses nothing."""
        self.picked = next((n for n, (option, _) in enumerate(self.options) if option == value), -1)

    def _is_across(self, width: int) -> bool:
        return self._across and sum(cell_len(words) + 7 for _, words in self.options) <= width + 1

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1 if self._is_across(width) else sum(len(self._rows(words, width)) for _, words in self.options)

    def _rows(self, words: str, width: int) -> list[str]:
        """The words of an option, broken behind its mark."""
        return wrap(self._pen.clean(words), max(width - len(_INDENT), 1))

    def render(self) -> Content:
        parts: list[Content] = []
        width, is_across = self.content_size.width, self._is_across(self.content_size.width)
        for number, (_, words) in enumerate(self.options):
            chosen = number == self.picked
            style = ("bold " if self.has_focus else "") + CHOSEN if chosen else "" if self.has_focus else FAINT
            here = self._pen.ink(f"{self._pen.signs.next} " if chosen and self.has_focus else "  ", CHOSEN)
            rows = [words] if is_across else self._rows(words, width)
            first = self._pen.ink(f"{'(*)' if chosen else '( )'} {rows[0]}", style)
            parts.append(Content(f"\n{_INDENT}").join([here + first, *(self._pen.ink(row, style) for row in rows[1:])]))
        hint = f"  {self._pen.signs.arrow} choose one"
        with_room = [n for n, part in enumerate(parts) if is_across or part.cell_length + cell_len(hint) <= width]
        if with_room and self.picked < 0 and self._required and self.has_focus:
            parts[with_room[-1]] = Content.assemble(parts[with_room[-1]], self._pen.ink(hint, SOON))
        return Content(" " if is_across else "\n").join(parts)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def action_move(self, step: int) -> None:
        self.picked = (
            (self.picked + step) % len(self.options) if self.picked >= 0 or step > 0 else len(self.options) - 1
        )

    def action_space(self) -> None:
        """The next one of a list. Yes and no are answered by their letters and by arrows."""
        if [value for value, _ in self.options] != ["yes", "no"]:
            self.action_move(1)

    def action_submit(self) -> None:
        self.post_message(self.Submitted())

    def on_key(self, event: events.Key) -> None:
        found = [
            n
            for n, (_, words) in enumerate(self.options)
            if event.character and words.lower().startswith(event.character)
        ]
        if len(found) == 1:
            self.picked = found[0]
            event.stop()
