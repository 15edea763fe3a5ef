"""The parts of a dialog that say when their size has changed."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static


class Said(Static):
    """The sentence above the choices, of any number of lines."""

    class Resized(Message):
        """Sent to the dialog once it stands in its lines, of which the body then has fewer or more."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class Body(VerticalScroll, can_focus=False):
    """The part that scrolls when the box would not fit."""

    class LayoutChanged(Message):
        """Sent to the dialog when the room or the content got larger or smaller."""

    def on_resize(self) -> None:
        self.post_message(self.LayoutChanged())

    def watch_virtual_size(self) -> None:
        self.post_message(self.LayoutChanged())
