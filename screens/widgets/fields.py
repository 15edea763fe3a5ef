"""The fields of a dialog: which there are, what stands in them, and what is typed beside them."""

from __future__ import annotations

from typing import Any

from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input, TextArea

from screens.widgets.inline_button import PickOne


def fields_in(dialog: DOMNode) -> dict[str, Input | TextArea | PickOne]:
    """The fields of a dialog by their names; a secret is none of them, so that it is never kept."""
    found = [*dialog.query(Input), *dialog.query(TextArea), *dialog.query(PickOne)]
    return {widget.id: widget for widget in found if widget.id and not (isinstance(widget, Input) and widget.password)}


def contents_of(dialog: DOMNode) -> dict[str, str]:
    """What stands in the fields of a dialog, by their names."""
    return {name: content_of(widget) for name, widget in fields_in(dialog).items()}


def content_of(widget: Input | TextArea | PickOne) -> str:
    return widget.text if isinstance(widget, TextArea) else widget.value


def joined_content(draft: str, offered: str) -> str:
    """A draft with what is offered beside it, such as pasted lines: nothing of either is lost."""
    return draft if offered in draft else f"{draft.rstrip()}\n{offered}" if draft.strip() else offered


def fill(widget: Input | TextArea | PickOne, content: str) -> None:
    """Put the content into the field, with the cursor behind it."""
    if isinstance(widget, PickOne):
        widget.pick(content)
    elif isinstance(widget, TextArea):
        widget.text = content
        widget.move_cursor(widget.document.end)
    else:
        widget.value = content
        widget.cursor_position = len(content)


def next_text_field(screen: Screen[Any]) -> Input | TextArea | None:
    """The field for what is typed or pasted beside it: the next one behind the focus, else the first."""
    focused, chain = screen.focused, screen.focus_chain
    after = chain[chain.index(focused) + 1 :] if focused in chain else []
    return next((widget for widget in [*after, *chain] if isinstance(widget, Input | TextArea)), None)


def type_into(widget: Input | TextArea, text: str) -> None:
    """Insert the text at the cursor of the field."""
    if isinstance(widget, Input):
        widget.insert_text_at_cursor(text)
    else:
        widget.insert(text)
