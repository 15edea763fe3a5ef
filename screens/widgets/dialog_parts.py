"""The parts of a dialog that say when their size has changed."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static, TextArea


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

    class Typed(Message):
        """Sent to the dialog when a field changed, or the cursor moved in it."""

        def __init__(self, field: Input | TextArea) -> None:
            super().__init__()
            self.field = field

    def on_input_changed(self, message: Input.Changed) -> None:
        self.post_message(self.Typed(message.input))

    def on_text_area_selection_changed(self, message: TextArea.SelectionChanged) -> None:
        self.post_message(self.Typed(message.text_area))

    def show_cursor(self, field: Input | TextArea) -> None:
        """Scroll, if need be, to the row of the field that has the cursor."""
        row = field.cursor_screen_offset.y - self.region.y
        if not 0 <= row < self.size.height:
            self.scroll_to(y=self.scroll_offset.y + row - self.size.height // 2, animate=False)

    def on_resize(self) -> None:
        self.post_message(self.LayoutChanged())

    def watch_virtual_size(self) -> None:
        self.post_message(self.LayoutChanged())
