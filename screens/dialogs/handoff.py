"""Hand control over: how the incident stands, and to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from midwatch.engine.incident_protocols import IncidentView
from midwatch.reports.handoff_summary import Section, handoff_summary
from screens.widgets.dialog import Dialog
from screens.widgets.key_bindings import YES, bindings
from screens.widgets.line_input import LineInput
from screens.widgets.styles import FAINT, SOON, STRONG, TextStyles
from screens.widgets.text_layout import joined, paragraph


class Handoff(Dialog[str]):
    """To whom, and below it the summary that they are shown. While an offer stands, the empty answer withdraws the
    offer."""

    DEFAULT_CSS = """
    Handoff Static { height: auto; width: 1fr; }
    Handoff #to, Handoff #offered { margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings((YES,))

    def __init__(self, text_styles: TextStyles, session: IncidentView) -> None:
        super().__init__(text_styles, "Hand control over", mark=text_styles.ink(session.incident.id, FAINT))
        self.draft_name = "Hand control over"
        self._desk, self._offer = session, session.offer
        self.accept_words = "Offer no longer" if self._offer else "Offer control"
        self.leave_words = "Back" if self._offer else "Cancel"
        key = "{yes} offer no longer" if self._offer else "Enter offer it"
        self.hint = f"Esc {self.leave_words.lower()} {text_styles.signs.dot} {key}"

    def body(self) -> Iterable[Widget]:
        if self._offer:
            until = f"{self._offer.expires:%H:%M:%S} UTC"
            words = f"Offered to {self._offer.to} until {until}. You have control until they take it."
            yield Static(joined(paragraph(words, self.room, self.text_styles, style=SOON)), id="offered", markup=False)
        else:
            asked = self._desk.incident.asked_by
            words = f"To whom (a login). {asked} asks for it." if asked else "To whom (a login)"
            yield Static(self.text_styles.ink(words, FAINT), markup=False)
            yield LineInput(asked, id="to")
        yield Static(joined(summary_lines(self._sections(), self.room, self.text_styles)), markup=False)

    def first_focus(self) -> Widget:
        return super().first_focus() if self._offer else self.query_one("#to")

    def _sections(self) -> list[Section]:
        session = self._desk
        return handoff_summary(session.runbook, session.incident, session.clock, session.next_update_due)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`y` says nothing where a login is typed."""
        return self._offer is not None if action == "yes" else True

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.action_accept()

    def action_accept(self) -> None:
        to = "" if self._offer else self.query_one("#to", Input).value.strip()
        self.doing = f"Offering it to {to}" if to else "Withdrawing"
        if to or self._offer:
            self.answer(to)
        else:
            self.complain("To whom: an answer is needed")


def summary_lines(sections: Sequence[Section], width: int, text_styles: TextStyles) -> list[Content]:
    """The summary, a heading and its lines each."""
    lines: list[Content] = []
    for section in sections:
        lines.append(text_styles.ink(section.title, STRONG))
        for line in section.lines:
            lines += paragraph(line, width, text_styles, indent=2)
    return lines
