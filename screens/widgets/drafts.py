"""What was typed into a dialog that was left by Esc: kept for the next opening of this dialog, until it is written.

Drafts are in memory only. A file would hold half-typed secrets, which no masking finds, and the disk may be full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from textual.app import App
from textual.screen import Screen
from textual.widgets import Input, TextArea

from screens.widgets.fields import content_of, contents_of, fields_in, fill, joined_content


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


class OpenDraft:
    """The fields of a dialog that is open, with the draft of an earlier opening in them."""

    def __init__(self, dialog: Screen[Any], name: str, *, adds: bool) -> None:
        """Put the draft of this name into the fields. `adds`: the fields open with something that is added to it."""
        self._dialog, self._name, self._drafts = dialog, name, drafts_of(dialog.app)
        draft, fields = self._drafts.kept.get(name, {}), fields_in(dialog)
        self.is_restored = bool(draft)
        for field_name, content in draft.items():
            if field_name in fields:
                offered = content_of(fields[field_name]) if adds else ""
                fill(fields[field_name], joined_content(content, offered) if offered else content)
        self._begun = contents_of(dialog)

    @property
    def is_changed(self) -> bool:
        """Whether something else stands in the fields now."""
        return contents_of(self._dialog) != self._begun

    def keep(self) -> bool:
        """Keep what stands in the fields; True when there is a draft now."""
        fields = fields_in(self._dialog)
        typed = {name for name, widget in fields.items() if isinstance(widget, Input | TextArea)}
        return bool(self._name and fields) and self._drafts.keep(
            self._name, self._begun, contents_of(self._dialog), typed
        )

    def forget(self) -> None:
        """What was typed was carried out."""
        self._drafts.forget(self._name)
