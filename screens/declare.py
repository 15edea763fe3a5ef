"""Declare an incident: how bad it is, who is who tonight, what there was before. The first run explains itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content

from midwatch.incident.shelf import Summary
from midwatch.runbook.model import Runbook, Severity
from screens.help import FIVE_LINES
from screens.severity import WORDS
from screens.widgets.form import Field, Form
from screens.widgets.keyed import YES, bindings
from screens.widgets.pen import FAINT, STRONG, Pen

_EARLIER = 3


@dataclass(frozen=True, slots=True)
class Declaration:
    """What was chosen."""

    severity: Severity
    people: str
    """Who is who, as it was typed; empty when nobody said."""


class DeclareForm(Form):
    """`y` or the second choice declares; Esc declares nothing."""

    BINDINGS: ClassVar[list[BindingType]] = bindings((YES,))

    def __init__(self, pen: Pen, runbook: Runbook, earlier: Sequence[Summary]) -> None:
        self.declaration: Declaration | None = None
        options = [(level.value, f"{level.value} {words}") for level, words in WORDS.items()]
        roles = ", ".join(role.name for role in runbook.roles.values())
        who = f"Who is who tonight ({roles})" if roles else "Who is who tonight"
        super().__init__(
            pen,
            f"Declare one now? {runbook.title}",
            [
                Field("severity", "How bad is it?", kind="one", options=options, value=runbook.severity.value),
                Field("people", who, kind="line", required=False),
            ],
            self._chosen,
            words=_words(pen, earlier),
            accept="Declare",
        )
        self.leave_words = "Not now"
        self.hint = f"Esc not now {pen.signs.dot} {{yes}} declare"

    def _chosen(self, values: Mapping[str, str]) -> None:
        self.declaration = Declaration(Severity(values["severity"]), values["people"].strip())


def _words(pen: Pen, earlier: Sequence[Summary]) -> list[Content]:
    """The incidents before this one; how it works where there were none."""
    if not earlier:
        lines = [pen.ink("How it works", STRONG)]
        return lines + [pen.ink(f"{pen.signs.dot} {text}", FAINT) for text in FIVE_LINES]
    lines = [pen.ink("Before it", STRONG)]
    for summary in earlier[:_EARLIER]:
        state = "damaged" if summary.problem else "closed" if summary.closed else "open"
        lines.append(pen.ink(f"{summary.id}, {summary.severity or 'unknown'}, {state}", FAINT))
    return lines
