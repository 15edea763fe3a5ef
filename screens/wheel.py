"""Take the wheel, or ask for it: what may be done depends on whoever has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.widget import Widget
from textual.widgets import Input, Static

from midwatch.actor import login
from midwatch.handover import handover
from midwatch.incident.lease import Pulse
from screens.desk import Desk
from screens.handoff import summary_lines
from screens.widgets.dialog import Dialog
from screens.widgets.line import Line
from screens.widgets.pen import FAINT, Pen
from screens.widgets.rows import joined, paragraph


class TakeWheel(Dialog):
    """Says who has it, asks for a reason where one is needed, and shows how the incident stands."""

    DEFAULT_CSS = """
    TakeWheel Static { height: auto; width: 1fr; }
    TakeWheel #why { margin-bottom: 1; }
    """

    def __init__(self, pen: Pen, desk: Desk) -> None:
        super().__init__(pen, "The wheel", mark=pen.ink(desk.incident.id, FAINT))
        self._desk = desk
        self._words, self._needs_reason, self.accept_words, self._do = self._what()
        self.hint = "Esc cancel"

    def _what(self) -> tuple[str, bool, str, Callable[[str], object]]:
        """What is so, whether it takes a reason, and what can be done."""
        desk, lease, driver = self._desk, self._desk.lease, self._desk.incident.driver
        mine = login(driver) == login(desk.actor)
        if desk.offered_to_me and desk.offer is not None:
            words = f"{login(desk.offer.giver)} offers you the wheel until {desk.offer.expires:%H:%M:%S} UTC."
            return words, False, "Take the wheel", lambda _: desk.be_given_wheel()
        if lease.pulse is Pulse.LIVES and not mine:
            words = f"{login(driver)} has the wheel, and that screen lives: it is never taken, only asked for."
            return words, False, "Ask for it", lambda _: desk.ask_for_wheel()
        if lease.pulse is Pulse.LIVES:
            return "You have the wheel at another terminal.", False, "Take it here", lambda _: desk.be_given_wheel()
        if not driver:
            words = "Nobody has the wheel."
            if desk.offer is not None:
                words = f"{login(desk.offer.giver)} offers the wheel to {desk.offer.to}, who has not taken it yet."
            return words, desk.offer is not None, "Take the wheel", desk.take_wheel
        state = "has ended without giving it back"
        if lease.pulse is Pulse.SILENT:
            state = f"has given no sign of life for {lease.silent:.0f} s"
        return f"{login(driver)} has the wheel, but that screen {state}.", not mine, "Take the wheel", desk.take_wheel

    def body(self) -> Iterable[Widget]:
        yield Static(joined(paragraph(self._words, self.room, self.pen)), markup=False)
        if self._needs_reason:
            yield Static(self.pen.ink("Why do you take it?", FAINT), markup=False)
            yield Line(id="why")
        desk = self._desk
        sections = handover(desk.runbook, desk.incident, desk.clock.now(), desk.next_update_due)
        yield Static(joined(summary_lines(sections, self.room, self.pen)), markup=False)

    def first_focus(self) -> Widget:
        return self.query_one("#why") if self._needs_reason else super().first_focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_accept()

    def action_accept(self) -> None:
        reason = self.query_one("#why", Input).value.strip() if self._needs_reason else ""
        if self._needs_reason and not reason:
            self.complain("Why do you take it: an answer is needed")
            return
        self.perform(lambda: self._do(reason), f"{self.accept_words} {self.pen.signs.more}")
