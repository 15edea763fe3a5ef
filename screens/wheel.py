"""Take the wheel, or ask for it: what may be done depends on whoever has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input, Static

from midwatch.beckoning import way_to_wheel
from midwatch.handover import handover
from midwatch.reasons import fault_of_reason
from screens.desk import Desk
from screens.handoff import summary_lines
from screens.widgets.dialog import Dialog
from screens.widgets.keyed import YES, bindings
from screens.widgets.line import Line
from screens.widgets.pen import FAINT, Pen
from screens.widgets.rows import joined, paragraph


class TakeWheel(Dialog):
    """Says who has it, asks for a reason where one is needed, and shows how the incident stands."""

    DEFAULT_CSS = """
    TakeWheel Static { height: auto; width: 1fr; }
    TakeWheel #why, TakeWheel #so { margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings((YES,))

    def __init__(self, pen: Pen, desk: Desk) -> None:
        super().__init__(pen, "The wheel", mark=pen.ink(desk.incident.id, FAINT))
        self._desk = desk
        self._way = way_to_wheel(desk)
        self.accept_words = self._way.deed
        self.hint = "Esc cancel" + ("" if self._way.needs_reason else f" {pen.signs.dot} {{yes}} {self._way.deed.lower()}")

    def body(self) -> Iterable[Widget]:
        yield Static(joined(paragraph(self._way.words, self.room, self.pen)), id="so", markup=False)
        if self._way.needs_reason:
            yield Static(self.pen.ink("Why do you take it?", FAINT), markup=False)
            yield Line(id="why")
        desk = self._desk
        sections = handover(desk.runbook, desk.incident, desk.clock, desk.next_update_due)
        yield Static(joined(summary_lines(sections, self.room, self.pen)), markup=False)

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
            return
        self.perform(lambda: self._way.go(self._desk, reason), f"{self.accept_words} {self.pen.signs.more}")
