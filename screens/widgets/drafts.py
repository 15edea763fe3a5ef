"""What was typed into a dialog that was left by Esc: kept for the next opening of this dialog, until it is written.

Drafts are in memory only. A file would hold half-typed secrets, which no masking finds, and the disk may be full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.widgets import Input, TextArea

from screens.widgets.inline_button import PickOne


@dataclass(slots=True)
class Drafts:
    """The drafts of one incident on one screen: of each dialog, by its name, the content of its fields."""

    kept: dict[str, dict[str, str]] = field(default_factory=dict)

    def keep(self, name: str, begun: Mapping[str, str], left: Mapping[str, str], typed: set[str]) -> bool:
        """Keep the fields of a dialog that was left; True when there is a draft now.

        `begun` are the fields as they were when the dialog opened, `typed` the fields that text is typed into. A dialog
        in which nothing was changed leaves the draft as it was; a dialog whose text was deleted has no draft.
        """
        if left != begun:
            self.forget(name)
            if any(left[key].strip() for key in typed):
                self.kept[name] = dict(left)
        return name in self.kept

    def forget(self, name: str) -> None:
        self.kept.pop(name, None)

    def forget_about(self, title: str) -> None:
        """Forget what was typed about this step: it was run since."""
        for name in [name for name in self.kept if name.endswith(title)]:
            self.forget(name)


def drafts_of(app: App[Any]) -> Drafts:
    """The drafts of this application; an application without an incident keeps none."""
    found = getattr(app, "drafts", None)
    return found if isinstance(found, Drafts) else Drafts()


def fields_in(dialog: DOMNode) -> dict[str, Input | TextArea | PickOne]:
    """The fields of a dialog by their names; a secret is none of them, so that it is never kept."""
    found = [*dialog.query(Input), *dialog.query(TextArea), *dialog.query(PickOne)]
    return {widget.id: widget for widget in found if widget.id and not (isinstance(widget, Input) and widget.password)}


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
