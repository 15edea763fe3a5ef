"""One line to type in. Its cursor stands still: nothing on the screen blinks."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class LineInput(Input):
    """A field one cell high, told from its surroundings without colours too."""

    DEFAULT_CSS = """
    LineInput { width: 1fr; height: 1; border: none; padding: 0 1; background: $field; }
    LineInput:focus { border: none; background: $field-focus; }
    LineInput > .input--placeholder { color: $faint; }
    LineInput:ansi > .input--placeholder { color: ansi_default; text-style: dim; }
    LineInput:nocolor { border-left: ascii !important; }
    """

    def __init__(self, value: str = "", *, id: str, placeholder: str = "", password: bool = False) -> None:
        super().__init__(value, id=id, placeholder=placeholder, password=password, compact=True, select_on_focus=False)
        self.cursor_blink = False

    def _on_paste(self, event: events.Paste) -> None:
        """Several lines become one; Textual's own field keeps the first line alone, which may be an empty one.

        A password keeps every blank that it has.
        """
        event.prevent_default()
        text = event.text.strip("\r\n") if self.password else " ".join(event.text.split())
        super()._on_paste(events.Paste(text))
        event.stop()
