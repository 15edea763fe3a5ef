"""A plan that takes two people: the driver asks for the second one, who approves or declines it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from midwatch.api.plan import Plan
from midwatch.engine.incident_controls import IncidentControls
from midwatch.engine.policy import name_to_type
from midwatch.runbook.model import Step
from screens.dialogs.confirm import Confirm
from screens.dialogs.reason import ask_reason
from screens.widgets.key_bindings import DECLINE, bindings
from screens.widgets.plan_lines import spared_names
from screens.widgets.styles import FAINT, STRONG, TextStyles
from screens.widgets.text_layout import joined, paragraph


class AskSecond(Confirm):
    """The driver's side: the plan, and how a second person comes to it."""

    doing = "Asking"

    def __init__(self, text_styles: TextStyles, session: IncidentControls, step: Step, plan: Plan) -> None:
        super().__init__(
            text_styles,
            step,
            plan,
            session.clock.now(),
            session.clock,
            environment=session.runbook.environment,
            name="",
            spared=spared_names(session.runbook),
            submit=lambda _: session.request_approval(step.id, plan),
        )
        self._command = f"midwatch approve {session.incident.id} {step.id}"
        self.accept_words = "Ask"
        self.hint = f"Esc cancel {text_styles.signs.dot} {{yes}} ask"

    def below(self) -> Iterable[Widget]:
        yield from super().below()
        yield Static(id="ask", markup=False)

    def _draw(self) -> None:
        super()._draw()
        words = "It takes two people. A second one approves it on their screen, or types at their login:"
        lines = [
            *paragraph(words, self.room, self.text_styles),
            *paragraph(self._command, self.room, self.text_styles, style=STRONG),
        ]
        self.query_one("#ask", Static).update(joined(lines))


class Approve(Confirm):
    """The second person's side: what is approved is this plan and no other."""

    BINDINGS: ClassVar[list[BindingType]] = bindings((DECLINE,))
    doing = "Approving"
    way_out = "{decline} decline"

    def __init__(self, text_styles: TextStyles, session: IncidentControls, step: Step, plan: Plan) -> None:
        name = name_to_type(step, plan)
        super().__init__(
            text_styles,
            step,
            plan,
            session.incident.approvals[step.id].asked_at,
            session.clock,
            environment=session.runbook.environment,
            name=name,
            spared=spared_names(session.runbook),
            submit=lambda typed: session.approve(step.id, plan, typed=typed),
        )
        self._desk, self._step = session, step
        self._asker = session.incident.approvals[step.id].asked_by.name
        self.accept_words = "Approve"
        self.leave_words = "Not now"
        self.hint = f"{'' if name else f'{{yes}} approve {text_styles.signs.dot} '}{{decline}} decline"

    def body(self) -> Iterable[Widget]:
        words = f"{self._asker} asks you to approve this. It may then run as it is shown here, once."
        yield Static(
            joined([*paragraph(words, self.room, self.text_styles, style=FAINT), Content("")]),
            markup=False,
            classes="plan",
        )
        yield from super().body()

    def action_decline(self) -> None:
        """Say no, and why; then this dialog is done with."""

        def closed(done: bool | None) -> None:
            if done:
                self.dismiss(True)

        decline = self._desk.decline
        form = ask_reason(
            self.text_styles, self._desk.runbook, self._step, "Decline", "Why not?", "Its driver reads this.", "Decline",
            lambda reason: decline(self._step.id, reason),
        )  # fmt: skip
        self.app.push_screen(form, closed)
