"""Take control, or ask for it: what may be done depends on whoever has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input, Static

from midwatch.engine.incident_protocols import IncidentView
from midwatch.engine.pending_requests import ControlOption
from midwatch.engine.reasons import fault_of_reason
from midwatch.reports.handoff_summary import handoff_summary
from screens.dialogs.handoff import summary_lines
from screens.widgets.dialog import Dialog
from screens.widgets.key_bindings import YES, bindings
from screens.widgets.line_input import LineInput
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import joined, paragraph


class TakeControl(Dialog[str]):
    """Says who has control and how the incident stands. The answer is the reason, empty where none is needed."""

    DEFAULT_CSS = """
    TakeControl Static { height: auto; width: 1fr; }
    TakeControl #why, TakeControl #so { margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings((YES,))

    def __init__(self, text_styles: TextStyles, session: IncidentView, way: ControlOption) -> None:
        super().__init__(text_styles, "Control", mark=text_styles.ink(session.incident.id, FAINT))
        self._desk = session
        self._way = way
        self.draft_name = "Control"
        self.accept_words = self.doing = way.action
        self.hint = "Esc cancel" + (
            "" if self._way.needs_reason else f" {text_styles.signs.dot} {{yes}} {self._way.action.lower()}"
        )

    def body(self) -> Iterable[Widget]:
        yield Static(joined(paragraph(self._way.message, self.room, self.text_styles)), id="so", markup=False)
        if self._way.needs_reason:
            yield Static(self.text_styles.ink("Why do you take it?", FAINT), markup=False)
            yield LineInput(id="why")
        session = self._desk
        sections = handoff_summary(session.runbook, session.incident, session.clock, session.next_update_due)
        yield Static(joined(summary_lines(sections, self.room, self.text_styles)), markup=False)

    def first_focus(self) -> Widget:
        return self.query_one("#why") if self._way.needs_reason else super().first_focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`y` says nothing where a reason is typed."""
        return not self._way.needs_reason if action == "yes" else True

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_accept()

    def action_accept(self) -> None:
        reason = self.query_one("#why", Input).value.strip() if self._way.needs_reason else ""
        if self._way.needs_reason and (fault := fault_of_reason(reason)):
            self.complain(f"{fault}. Why do you take it?")
        else:
            self.answer(reason)
