"""One line that is drawn only when it has changed."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class StatusLine(Static):
    """A `Static` for content that is set again and again and mostly stays the same."""

    DEFAULT_CSS = """
    StatusLine { height: 1; }
    """

    def __init__(self, content: Content | str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(content, id=id, classes=classes, markup=False)
        self._shown = Content(content) if isinstance(content, str) else content

    def show(self, content: Content) -> None:
        """Show this; nothing happens when it is shown already."""
        if not self._shown.is_same(content):
            wider = self._shown.cell_length != content.cell_length
            self._shown = content
            self.update(content, layout=wider)
