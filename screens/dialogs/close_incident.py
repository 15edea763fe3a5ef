"""Closure: every criterion evaluated now; what is not met needs a reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.reasons import fault_of_reason
from midwatch.engine.workflow import open_ends
from midwatch.incident.state import Incident
from midwatch.incident.step_state import CriterionState
from midwatch.runbook.model import Runbook
from screens.widgets.background import WorkFailed, in_background, start_work
from screens.widgets.dialog import Dialog
from screens.widgets.inline_button import InlineButton
from screens.widgets.key_bindings import EVALUATE, bindings
from screens.widgets.line_input import LineInput
from screens.widgets.styles import FAINT, MET_STYLES, SOON, WELL, TextStyles
from screens.widgets.text_layout import edges, fit, joined, paragraph


class CloseIncident(Dialog[str]):
    """The criteria with what was found. The answer is the reason for closing; an observer only reads."""

    DEFAULT_CSS = """
    CloseIncident #criteria, CloseIncident #why { height: auto; width: 1fr; }
    CloseIncident #why { margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings((EVALUATE,))
    leave_words = "Back"
    accept_words = "Close the incident"
    doing = "Evaluating once more, then closing"

    def __init__(self, text_styles: TextStyles, session: IncidentControls) -> None:
        super().__init__(text_styles, "Closure", mark=text_styles.ink(session.incident.id, FAINT))
        self._desk = session
        self.draft_name = "Closure"
        self._found: Mapping[str, CriterionState] | None = None
        self._freeze = ""
        self.hint = f"Esc back {text_styles.signs.dot} {{evaluate}} evaluate again"

    def body(self) -> Iterable[Widget]:
        yield Static(id="criteria", markup=False)
        yield Static(id="why", markup=False)
        yield LineInput(id="reason")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#reason").display = False
        self.query_one("#accept", InlineButton).display = self._desk.driving and self._desk.incident.open
        self._draw()
        self.action_evaluate()

    def action_evaluate(self) -> None:
        """Evaluate the criteria again."""
        if not self.writing and self._desk.incident.open:
            self._found = None
            self._draw()  # at once: the next key finds the focus where it stays
            self.workers.cancel_node(self)
            start_work(self, self._evaluate)

    def resized(self) -> None:
        super().resized()
        self._draw()

    async def _evaluate(self) -> None:
        try:
            self._freeze = await in_background("freeze", self._desk.freeze_to_lift)
            self._found = await in_background("closure", self._desk.evaluate_closure)
        except WorkFailed as failed:
            self.complain(str(failed))
            return
        self._draw()
        if self.query_one("#reason").display:
            self.query_one("#reason").focus()

    @property
    def _unmet(self) -> int:
        found = self._found if self._found is not None else self._desk.incident.criteria
        return sum(
            1
            for criterion in self._desk.runbook.closure
            if criterion.id not in found or found[criterion.id].met is not True
        )

    def _draw(self) -> None:
        runbook, looking = self._desk.runbook, self._found is None and self._desk.incident.open
        known = self._found if self._found is not None else self._desk.incident.criteria
        lines: list[Content] = []
        for criterion in runbook.closure:
            state = None if looking else known.get(criterion.id)
            word = "looking" if looking else "not evaluated" if state is None else _word(state.met)
            met = state.met if state else None
            sign = self.text_styles.ink("" if looking else self.text_styles.signs.met[met] + " ", MET_STYLES[met])
            lines.append(
                edges(
                    Content.assemble(sign, self.text_styles.ink(criterion.title)),
                    self.text_styles.ink(word, FAINT if looking or met else MET_STYLES[met]),
                    self.room,
                )
            )
            below = criterion.script if looking else state.detail if state else ""
            if below:
                lines += paragraph(below, self.room, self.text_styles, style=FAINT, indent=2)
        if self._desk.incident.open and not looking:
            for left in open_ends(self._desk):
                lines += paragraph(f"{left}.", self.room, self.text_styles, style=SOON)
            if self._freeze:
                lines += paragraph(f"{self._freeze}.", self.room, self.text_styles, style=FAINT)
        self.query_one("#criteria", Static).update(joined(lines))
        self._draw_reason(looking)

    def _draw_reason(self, looking: bool) -> None:
        why, reason, accept = (
            self.query_one("#why", Static),
            self.query_one("#reason", Input),
            self.query_one("#accept", InlineButton),
        )
        may = self._desk.driving and self._desk.incident.open and not looking
        accept.disabled = not (self._desk.driving and self._desk.incident.open)
        if reason.has_focus and not (may and self._unmet):
            self.set_focus(self.first_focus())  # before it goes, or Textual looks for another
        reason.display = may and self._unmet > 0
        if looking:
            why.update(self.text_styles.ink("Evaluating; slow checks read a whole backup.", FAINT))
        elif self._unmet:
            words = f"{self._unmet} of {len(self._desk.runbook.closure)} are not met." + (
                " To close all the same, say why:" if may else ""
            )
            why.update(self.text_styles.ink(words, SOON))
        else:
            why.update(self.text_styles.ink("All are met.", WELL))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter in the field only goes on, and only with a reason."""
        message.stop()
        if self._has_reason():
            self.query_one("#accept", InlineButton).focus()

    def _has_reason(self) -> bool:
        """Whether the reason says why, where one is needed; else it is asked for."""
        fault = fault_of_reason(self.query_one("#reason", Input).value) if self._unmet else ""
        if fault:
            self.complain(f"{fault}. Say why it is closed with criteria that are not met")
            self.query_one("#reason").focus()
        return not fault

    def action_accept(self) -> None:
        """Close it; the criteria are evaluated once more on the way."""
        accept = self.query_one("#accept", InlineButton)
        is_evaluating = self._found is None  # the button stays, or Tab and Enter would press the other one
        if not accept.disabled and accept.display and not is_evaluating and self._has_reason():
            self.answer(self.query_one("#reason", Input).value.strip())


def _word(met: bool | None) -> str:
    return {True: "met", False: "not met", None: "unknown"}[met]


def criteria_lines(runbook: Runbook, incident: Incident, width: int, text_styles: TextStyles) -> list[Content]:
    """The criteria in short, as they were last evaluated."""
    lines = []
    for criterion in runbook.closure:
        state = incident.criteria.get(criterion.id)
        sign = (
            text_styles.ink(text_styles.signs.met[state.met], MET_STYLES[state.met])
            if state
            else text_styles.ink(text_styles.signs.dot, FAINT)
        )
        title = fit(text_styles.clean(criterion.title), max(width - 3, 4), text_styles)
        lines.append(Content.assemble(sign, text_styles.ink(f" {title}", "" if state else FAINT)))
    return lines
