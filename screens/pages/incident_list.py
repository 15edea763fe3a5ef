"""Every incident of this place, newest first: how bad, how far, who drives. Enter opens it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from midwatch.engine.repository import Summary, incidents, summary
from screens.pages.block_cursor import BlockCursor
from screens.pages.page import Page
from screens.widgets.line_view import LineView
from screens.widgets.styles import CHOSEN, FAINT, SOON, STRONG, WRONG, TextStyles
from screens.widgets.text_layout import edges, paragraph


def summaries(logs: Path) -> list[Summary]:
    """A line for each incident below this place; reads their journals. Raises `Failed`."""
    return [summary(folder) for folder in incidents(logs)]


class IncidentsPage(Page):
    """The list, with a cursor. Enter, or a click on the chosen one, opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll(1)", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("enter", "open", show=False),
    ]
    hints = (("Enter", "open", "open"),)
    moves = (
        ("↑ ↓", "Another incident"),
        ("Enter", "Open it; this one is left as by leaving the screen"),
        ("Esc", "Back"),
    )

    def __init__(
        self, text_styles: TextStyles, found: Sequence[Summary], here: str, chosen: Callable[[str], object]
    ) -> None:
        """`here`: the id of the incident on the screen below. `chosen` gets the id of the one that Enter opens."""
        self._cursor = BlockCursor(self, self._blocks, next((n for n, one in enumerate(found) if one.id == here), 0))
        super().__init__(text_styles, "Incidents", self._cursor.lines)
        self._found, self._here, self._chosen = found, here, chosen

    def _blocks(self, width: int) -> list[list[Content]]:
        return [
            incident_lines(
                one, width, self.text_styles, is_here=one.id == self._here, is_chosen=number == self._cursor.at
            )
            for number, one in enumerate(self._found)
        ]

    def action_scroll(self, step: int) -> None:
        self._cursor.go_to(self._cursor.at + step)

    def go_to_line(self, number: int) -> None:
        self._cursor.go_to(self._cursor.block_at(number))

    def on_line_view_clicked(self, message: LineView.Clicked) -> None:
        """A click chooses an incident; another click on it opens it."""
        number = self._cursor.block_at(message.line)
        if number == self._cursor.at:
            self.action_open()
        else:
            self._cursor.go_to(number)

    def action_open(self) -> None:
        """Back to the incident below, or on to the chosen one."""
        one = self._found[self._cursor.at]
        if one.id != self._here and not one.problem:
            self._chosen(one.id)
        elif not one.problem:
            self.dismiss(None)


def incident_lines(
    one: Summary, width: int, text_styles: TextStyles, *, is_here: bool, is_chosen: bool
) -> list[Content]:
    """One incident; a damaged one says why."""
    state = "damaged" if one.problem else one.state
    style = {"damaged": WRONG, "open": SOON}.get(state, FAINT)
    name = Content.assemble(
        text_styles.ink(f"{text_styles.signs.next} " if is_chosen else "  ", CHOSEN),
        text_styles.ink(one.id, STRONG),
        text_styles.ink(", on this screen" if is_here else "", FAINT),
    )
    head = edges(name, text_styles.ink(f"{one.severity} {state}".strip(), style), width)
    if one.problem:
        return [head, *paragraph(one.problem, width, text_styles, style=FAINT, indent=4)]
    steps = f"steps {one.steps.short_words}" if one.steps is not None else "its runbook cannot be read"
    when = f"{one.opened:%Y-%m-%d %H:%M} UTC" if one.opened else "unknown when"
    driver = f", {one.driver} drives" if one.driver else ""
    words = f"{one.title}: declared {when}, {steps}{driver}"
    head = head.stylize(text_styles.cursor) if is_chosen else head
    return [head, *paragraph(words, width, text_styles, style=FAINT, indent=4)]
