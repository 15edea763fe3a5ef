"""The line in which the checklist is filtered: narrows while it is typed, Enter keeps it, Esc gives it up."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from screens.widgets.line_input import LineInput


class FilterLine(LineInput):
    """Not there until it is opened."""

    DEFAULT_CSS = """
    FilterLine { display: none; }
    FilterLine.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False),
        Binding("down", "keep", show=False),
    ]

    class ChangedTo(Message):
        """What stands in it is another text now."""

        def __init__(self, term: str) -> None:
            super().__init__()
            self.term = term

    class Left(Message):
        """It was kept or given up."""

    def __init__(self, *, id: str, placeholder: str) -> None:
        super().__init__(id=id, placeholder=placeholder)

    def open(self, term: str) -> None:
        """Show it with what is filtered by now, and type into it."""
        self.value = term
        self.cursor_position = len(term)
        self.add_class("-open")
        self.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self.post_message(self.ChangedTo(message.value))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_keep()

    def action_keep(self) -> None:
        self.remove_class("-open")
        self.post_message(self.Left())

    def action_give_up(self) -> None:
        self.value = ""
        self.action_keep()
