"""The checklist: the cursor moves over phases and steps; phases fold."""

from __future__ import annotations

from typing import ClassVar, Protocol

from textual.binding import Binding, BindingType
from textual.message import Message

from midwatch.incident.state import Incident
from midwatch.runbook.model import Phase, Runbook, Step
from midwatch.system.clock import Clock
from screens.widgets.checklist_rows import Entry, checklist_lines, entries, loop_key
from screens.widgets.line_view import LineView
from screens.widgets.styles import TextStyles


class Shown(Protocol):
    """What the checklist needs to know."""

    @property
    def runbook(self) -> Runbook: ...
    @property
    def incident(self) -> Incident: ...
    @property
    def clock(self) -> Clock: ...


class Checklist(LineView):
    """Draws itself from the incident; says when the operator has moved the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("home", "ends(0)", show=False),
        Binding("end", "ends(-1)", show=False),
        Binding("right", "fold(True)", show=False),
        Binding("left", "fold(False)", show=False),
        Binding("pagedown", "app.step_page(1)", show=False),
        Binding("pageup", "app.step_page(-1)", show=False),
    ]

    class Moved(Message):
        """The operator moved the cursor or folded a phase."""

    def __init__(self, text_styles: TextStyles, *, id: str) -> None:
        super().__init__(id=id)
        self._pen = text_styles
        self._cursor = ""
        self._folds: dict[str, bool] = {}
        self._shown: list[Entry] = []
        self.term = ""
        """What the checklist is filtered by; empty when it is whole."""
        self._about: Shown

    def set_up(self, about: Shown) -> None:
        """Show this incident, from its first step on."""
        self._about = about
        first = next(about.runbook.steps(), None)
        self._cursor = first.id if first else f"phase {about.runbook.phases[0].id}"

    @property
    def step(self) -> Step | None:
        """The step under the cursor; None on a phase."""
        return self._about.runbook.find(self._cursor)

    @property
    def phase(self) -> Phase:
        """The phase under the cursor, or that of the step under it."""
        if self.step is not None:
            return self._about.runbook.phase_of(self._cursor)
        phases = self._about.runbook.phases
        return next((phase for phase in phases if self._cursor == f"phase {phase.id}"), phases[0])

    @property
    def found(self) -> int:
        """Steps that are listed."""
        return sum(entry.step is not None for entry in self._shown)

    def filter(self, term: str) -> None:
        """List only the steps that hold these words, and put the cursor on the first of them; all when there are
        none."""
        if term == self.term:
            return
        self.term = term
        self.draw()
        steps = [entry.key for entry in self._shown if entry.step is not None]
        if term and steps and self._cursor not in steps:
            self._cursor = steps[0]
        self.post_message(self.Moved())

    @property
    def phase_open(self) -> bool:
        """Whether the phase under the cursor shows its steps."""
        return any(entry.step is not None and entry.phase is self.phase for entry in self._shown)

    def go_to(self, step_id: str) -> None:
        """Put the cursor on a step; phases that were unfolded manually stay so."""
        self._cursor = step_id
        item = self.step.item if self.step else None
        own = {self.phase.id, loop_key(item.loop) if item else ""}
        self._folds = {name: is_open for name, is_open in self._folds.items() if name not in own}
        self.draw()

    def draw(self) -> None:
        """Draw it as the incident stands now."""
        runbook, incident = self._about.runbook, self._about.incident
        height = self.scrollable_content_region.height
        self._shown = entries(runbook, incident, self._cursor, self._folds, self.term, height)
        steady = incident.elapsed_now(self._about.clock)
        self.show(checklist_lines(self._shown, runbook, incident, self._cursor, steady, self.room, self._pen))
        index = self._index
        after = index + 2 if index + 2 < len(self._shown) else index
        self.reveal(max(index - 2, 0), after)

    @property
    def _index(self) -> int:
        return next((n for n, entry in enumerate(self._shown) if entry.key == self._cursor), 0)

    def _move_to(self, index: int) -> None:
        if self._shown:
            self._cursor = self._shown[min(max(index, 0), len(self._shown) - 1)].key
            self.post_message(self.Moved())

    def action_move(self, step: int) -> None:
        self._move_to(self._index + step)

    def action_ends(self, end: int) -> None:
        self._move_to(0 if end == 0 else len(self._shown) - 1)

    def action_fold(self, unfold: bool) -> None:
        """Show the items of the loop or the steps of the phase under the cursor, or hide them and stay on it."""
        step, phase = self.step, self.phase
        loop = (step.item.loop if step.item else step.id if step.loop and step.loop.steps else "") if step else ""
        if loop and (unfold or (step and step.item) or self._items_of(loop)):
            self._folds[loop_key(loop)] = unfold
            self._cursor = self._cursor if unfold else loop
        else:
            self._folds[phase.id] = unfold
            if not unfold:
                self._cursor = f"phase {phase.id}"
        self.post_message(self.Moved())

    def _items_of(self, loop: str) -> list[Entry]:
        """The lines of the items of this loop that are listed."""
        return [entry for entry in self._shown if entry.step and entry.step.item and entry.step.item.loop == loop]

    def on_line_view_clicked(self, message: LineView.Clicked) -> None:
        """A click puts the cursor on a line; another one on it folds or unfolds its phase."""
        message.stop()
        if 0 <= message.line < len(self._shown):
            if self._shown[message.line].key == self._cursor and self.step is None:
                self.action_fold(not self.phase_open)
            else:
                self._move_to(message.line)
