"""End a step that runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from midwatch.runbook.model import Step
from screens.desk import Desk
from screens.widgets.dialog import Dialog
from screens.widgets.environments import step_mark
from screens.widgets.keyed import YES, bindings
from screens.widgets.pen import Pen
from screens.widgets.rows import joined, paragraph


class CancelStep(Dialog):
    """Says how it will be ended."""

    DEFAULT_CSS = "CancelStep #words { height: auto; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings((YES,))
    leave_words = "Let it run"
    accept_words = "End it"

    def __init__(self, pen: Pen, desk: Desk, step: Step) -> None:
        super().__init__(pen, f"End {step.number} {step.title}?", mark=step_mark(desk.runbook.environment, step.risk, pen))
        self._desk, self._step = desk, step
        self.hint = f"Esc let it run {pen.signs.dot} {{yes}} end it"

    def body(self) -> Iterable[Widget]:
        words = (
            "Its processes are interrupted, then terminated, then killed, with a few seconds between. What it has done so "
            "far stays done; an unfinished backup keeps its partial name. The step counts as cancelled, not as failed."
        )
        yield Static(joined(paragraph(words, self.room, self.pen)), id="words", markup=False)

    def action_accept(self) -> None:
        self.perform(lambda: self._desk.cancel(self._step.id), "Asking it to end")
