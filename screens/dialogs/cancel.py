"""End a step that runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from midwatch.runbook.model import Runbook, Step
from screens.widgets.dialog import Dialog
from screens.widgets.environments import step_mark
from screens.widgets.key_bindings import YES, bindings
from screens.widgets.styles import TextStyles
from screens.widgets.text_layout import joined, paragraph


class CancelStep(Dialog[bool]):
    """Says how the step will be ended."""

    DEFAULT_CSS = "CancelStep #words { height: auto; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings((YES,))
    leave_words = "Let it run"
    accept_words = "End it"
    doing = "Asking it to end"

    def __init__(self, text_styles: TextStyles, runbook: Runbook, step: Step) -> None:
        mark = step_mark(runbook.environment, step.risk, text_styles)
        super().__init__(text_styles, f"End {step.number} {step.title}?", mark=mark)
        self.hint = f"Esc let it run {text_styles.signs.dot} {{yes}} end it"

    def body(self) -> Iterable[Widget]:
        words = (
            "Its processes are interrupted, then terminated, then killed, with a few seconds between. What it "
            "has done so "
            "far stays done; an unfinished backup keeps its partial name. The step counts as cancelled, not as failed."
        )
        yield Static(joined(paragraph(words, self.room, self.text_styles)), id="words", markup=False)

    def action_accept(self) -> None:
        self.answer(True)
