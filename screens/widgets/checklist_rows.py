"""The checklist as lines: phases that fold, a sign and a word for each step, and one line that is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from midwatch.incident.state import Incident, StepStatus
from midwatch.runbook.model import Phase, Runbook, Step
from screens.widgets.ages import span
from screens.widgets.pen import CHOSEN, FAINT, STATE_STYLES, STRONG, WELL, WRONG, Pen
from screens.widgets.rows import edges, fit

_WORTH_A_WORD = (StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.UNKNOWN, StepStatus.NOT_NEEDED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the checklist: a phase, or a step of an unfolded phase."""

    phase: Phase
    step: Step | None = None

    @property
    def key(self) -> str:
        """What the cursor remembers; ids of steps and phases are apart."""
        return self.step.id if self.step else f"phase {self.phase.id}"


def counts(steps: tuple[Step, ...], incident: Incident) -> tuple[int, int]:
    """Settled steps and all steps; those that are not needed count in neither."""
    states = [status for step in steps if (status := incident.status(step)) is not StepStatus.NOT_NEEDED]
    return sum(status.settled for status in states), len(states)


def phase_status(phase: Phase, incident: Incident) -> StepStatus:
    """The state of a phase, from those of its steps: what is wrong comes first."""
    states = [incident.status(step) for step in phase.steps]
    for status in (StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.RUNNING):
        if status in states:
            return status
    if all(status.settled for status in states):
        return StepStatus.DONE
    done = any(status in (StepStatus.DONE, StepStatus.SKIPPED) for status in states)
    return StepStatus.RUNNING if done else StepStatus.TODO


def unfolded(phase: Phase, runbook: Runbook, incident: Incident, cursor: str, folds: Mapping[str, bool]) -> bool:
    """Whether a phase shows its steps: as the operator said, else where the cursor, the next or a running step is."""
    if phase.id in folds:
        return folds[phase.id]
    next_step = incident.next_step(runbook)
    return any(step.id == cursor or step is next_step or incident.status(step) is StepStatus.RUNNING for step in phase.steps)


def entries(runbook: Runbook, incident: Incident, cursor: str, folds: Mapping[str, bool]) -> list[Entry]:
    """The lines of the checklist, top to bottom."""
    found: list[Entry] = []
    for phase in runbook.phases:
        found.append(Entry(phase))
        if unfolded(phase, runbook, incident, cursor, folds):
            found.extend(Entry(phase, step) for step in phase.steps)
    return found


def checklist_lines(
    shown: list[Entry], runbook: Runbook, incident: Incident, cursor: str, now: datetime, width: int, pen: Pen
) -> list[Content]:
    """One line an entry. The next step is marked by sign, word and colour; the cursor by its background."""
    next_step = incident.next_step(runbook)
    open_phases = {entry.phase.id for entry in shown if entry.step}
    lines = []
    for entry in shown:
        if entry.step is None:
            line = _phase_line(entry.phase, incident, entry.phase.id in open_phases, width, pen)
        else:
            line = _step_line(entry.step, incident, entry.step is next_step, now, width, pen)
        if entry.key == cursor:
            line = line.stylize(pen.cursor)
        lines.append(line)
    return lines


def _phase_line(phase: Phase, incident: Incident, is_open: bool, width: int, pen: Pen) -> Content:
    status, (settled, total) = phase_status(phase, incident), counts(phase.steps, incident)
    fold = pen.signs.unfolded if is_open else pen.signs.folded
    style = FAINT if status is StepStatus.DONE else STRONG
    number = f"{phase.section} " if phase.section else ""
    left = Content.assemble(pen.ink(f"{fold} ", FAINT), pen.ink(f"{number}{phase.title}", style))
    right = f"{settled}/{total}"
    sign = pen.signs.states[status] + " " if status in (StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.DONE) else ""
    return edges(left, pen.ink(sign + right, {StepStatus.FAILED: WRONG, StepStatus.DONE: WELL}.get(status, FAINT)), width)


def _step_line(step: Step, incident: Incident, is_next: bool, now: datetime, width: int, pen: Pen) -> Content:
    status = incident.status(step)
    word, style = _word(step, incident, status, is_next, now, wide=width >= 34)
    mark = pen.ink(pen.signs.next if is_next else " ", f"bold {CHOSEN}")
    number = f"{step.number} " if width >= 34 else ""
    text = {StepStatus.DONE: FAINT, StepStatus.SKIPPED: FAINT, StepStatus.NOT_NEEDED: FAINT}.get(status, STATE_STYLES[status])
    right = pen.ink(fit(pen.clean(word), max(width // 3, 4), pen), style)
    title = pen.ink(f" {number}{step.title}", f"bold {CHOSEN}" if is_next and status is StepStatus.TODO else text)
    return edges(Content.assemble(mark, " ", pen.state(status), title), right, width)


def _word(step: Step, incident: Incident, status: StepStatus, is_next: bool, now: datetime, *, wide: bool) -> tuple[str, str]:
    """What stands at the end of a step's line, and its style."""
    state = incident.steps.get(step.id)
    if status is StepStatus.RUNNING and state and state.last:
        began = state.last.started_at or state.last.confirmed_at
        return span((now - began).total_seconds()), CHOSEN
    if status in _WORTH_A_WORD:
        return status.value, STATE_STYLES[status]
    if is_next:
        return "next", f"bold {CHOSEN}"
    if status is StepStatus.DONE and state:
        who = state.actor.partition("@")[0]
        took = state.last.seconds if state.last and state.last.outcome else None
        return (f"{who} {span(took)}" if wide and took is not None else who), FAINT
    return ("optional" if step.optional else "", FAINT)
