"""The checklist as lines: phases that fold, a sign and a word for each step, and one line that is next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from midwatch.incident.conditions import Verdict
from midwatch.incident.state import Incident
from midwatch.incident.step_state import StepState
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.forks import branch_of
from midwatch.runbook.model import Phase, Risk, Runbook, Step, StepKind
from midwatch.system.units import duration
from screens.widgets.styles import CHOSEN, FAINT, STATE_STYLES, STRONG, WELL, WRONG, TextStyles
from screens.widgets.text_layout import edges, fit, fit_apart
from screens.widgets.time_labels import span

_COLUMNS, _RISKS, _LINE, _WORDS = 64, 34, 6, 13
"""Cells from which on a line has columns for risk, time and state, and from which on it has the risk; cells of a line
beside number and title, and those for a word behind them."""
_COLUMNS_CELLS = 28
_FEW = 200
"""Steps up to which a title looks different from every other one of the runbook; then, from those of its phase."""
_WORTH_A_WORD = (StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.UNKNOWN, StepStatus.NOT_NEEDED, StepStatus.UNDECIDED)
_PROVE_AGAIN = "prove again"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the checklist: a phase, or a step of an unfolded phase."""

    phase: Phase
    step: Step | None = None
    is_open: bool = False
    """Whether the items of a loop are listed below."""

    @property
    def key(self) -> str:
        """What the cursor remembers; ids of steps and phases are apart."""
        return self.step.id if self.step else f"phase {self.phase.id}"


def phase_status(phase: Phase, incident: Incident) -> StepStatus:
    """The state of a phase, from those of its steps: what is wrong comes first."""
    states = [incident.status(step) for step in phase.steps]
    for status in (StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.RUNNING, StepStatus.PROVE_AGAIN):
        if status in states:
            return status
    if all(status.concluded for status in states):
        return StepStatus.SKIPPED if StepStatus.SKIPPED in states else StepStatus.DONE
    done = any(status in (StepStatus.DONE, StepStatus.SKIPPED) for status in states)
    return StepStatus.RUNNING if done else StepStatus.TODO


def entries(
    runbook: Runbook, incident: Incident, cursor: str, folds: Mapping[str, bool], term: str = "", height: int = 0
) -> list[Entry]:
    """The lines of the checklist, top to bottom; with a term only the steps that hold all its words, below their
    phases.

    A phase shows its steps as the operator said, else where the cursor, the next or a running step is. Every phase does
    where all of them have room in `height` lines: there is nothing to gain by hiding what comes. A loop shows its items
    as the operator said, else where the cursor is on one of them.
    """
    found: list[Entry] = []
    all_fit = len(runbook.phases) + sum(1 for phase in runbook.phases for _ in runbook.entries(phase)) <= height
    following = [incident.next_step(runbook), *(runbook.step(state.id) for state in incident.running())]
    open_ids = {runbook.phase_of(step.id).id for step in following if step is not None}
    at = runbook.find(cursor)
    open_ids |= {runbook.phase_of(at.id).id} if at is not None else set()
    for phase in runbook.phases:
        if term.strip():
            steps = [step for step in phase.steps if _holds(step, incident, term)]
            found += [Entry(phase), *(Entry(phase, step) for step in steps)] if steps else []
            continue
        found.append(Entry(phase))
        if folds.get(phase.id, all_fit or phase.id in open_ids):
            for step in runbook.entries(phase):
                items = step.loop.steps if step.loop else ()
                is_open = folds.get(
                    loop_key(step.id), at is not None and at.item is not None and at.item.loop == step.id
                )
                found += [
                    Entry(phase, step, bool(items) and is_open),
                    *(Entry(phase, item) for item in items if is_open),
                ]
    return found


def checklist_width(runbook: Runbook, most: int) -> int:
    """Cells in which every number and title has room, with the columns where these have room too; `most` at most."""
    titles = [f"{step.number} {step.title}" for step in runbook.steps()]
    titles += [f"{phase.section} {phase.title}" for phase in runbook.phases]
    longest = max(map(cell_len, titles), default=0) + _LINE
    with_columns = longest + _COLUMNS_CELLS
    return min(with_columns if most >= max(_COLUMNS, longest + _WORDS) else longest + _WORDS, most)


def loop_key(loop: str) -> str:
    """What a fold of the items of a loop is remembered by; no phase has this id."""
    return f"loop {loop}"


def _holds(step: Step, incident: Incident, term: str) -> bool:
    """Whether the words are in what a person would look for: number, title, state, risk, who did it, what does it."""
    state = incident.steps.get(step.id)
    who = state.actor if state else ""
    kind = "manual" if step.kind is StepKind.MANUAL else step.risk.value
    text = " ".join((step.number, step.title, incident.status(step).value, kind, step.uses, who)).lower()
    return all(word in text for word in term.lower().split())


def checklist_lines(
    shown: list[Entry],
    runbook: Runbook,
    incident: Incident,
    cursor: str,
    steady: float,
    width: int,
    text_styles: TextStyles,
) -> list[Content]:
    """One line an entry. The next step is marked by sign, weight and colour; the cursor by its background."""
    next_step, count = incident.next_step(runbook), sum(len(phase.steps) for phase in runbook.phases)
    every = [step.title for step in runbook.steps()] if count <= _FEW else []
    open_phases = {entry.phase.id for entry in shown if entry.step}
    lines = []
    for entry in shown:
        if entry.step is None:
            line = _phase_line(entry.phase, incident, entry.phase.id in open_phases, width, text_styles)
        else:
            titles = every or (step.title for step in entry.phase.steps)
            is_next = entry.step is next_step
            line = _step_line(entry.step, entry.is_open, titles, incident, is_next, steady, width, text_styles)
        if entry.key == cursor:
            line = line.stylize(text_styles.cursor)
        lines.append(line)
    return lines


def _phase_line(phase: Phase, incident: Incident, is_open: bool, width: int, text_styles: TextStyles) -> Content:
    status, tally = phase_status(phase, incident), incident.tally(phase.steps)
    fold = text_styles.signs.unfolded if is_open else text_styles.signs.folded
    style = FAINT if status in (StepStatus.DONE, StepStatus.SKIPPED) else STRONG
    number = f"{phase.section} " if phase.section else ""
    left = Content.assemble(text_styles.ink(f"{fold} ", FAINT), text_styles.ink(f"{number}{phase.title}", style))
    right = (
        tally.short_words if width - left.cell_length >= len(tally.short_words) + 4 else f"{tally.done}/{tally.total}"
    )
    signed = (StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.PROVE_AGAIN, StepStatus.DONE, StepStatus.SKIPPED)
    sign = text_styles.signs.states[status] + " " if status in signed else ""
    return edges(
        left, text_styles.ink(sign + right, {StepStatus.FAILED: WRONG, StepStatus.DONE: WELL}.get(status, FAINT)), width
    )


def _step_line(
    step: Step,
    is_open: bool,
    titles: Iterable[str],
    incident: Incident,
    is_next: bool,
    steady: float,
    width: int,
    text_styles: TextStyles,
) -> Content:
    status = incident.status(step)
    mark = text_styles.ink(text_styles.signs.next if is_next else " ", f"bold {CHOSEN}")
    signs, has_items = text_styles.signs, step.loop is not None and bool(step.loop.steps)
    fold = text_styles.ink((signs.unfolded if is_open else signs.folded) if has_items else " ", FAINT)
    number = f"{step.number} "
    indent = "  " * (step.item is not None) + f"{text_styles.signs.branch} " * (branch_of(step) is not None)
    text = {StepStatus.DONE: FAINT, StepStatus.SKIPPED: FAINT, StepStatus.NOT_NEEDED: FAINT}.get(
        status, STATE_STYLES[status]
    )
    style_of_title = f"bold {CHOSEN}" if is_next and status is StepStatus.TODO else text
    word, style = _word(step, incident, status)
    took = _time(incident.steps.get(step.id), status, steady)
    if width >= _COLUMNS:
        right = _columns(step, status, word, style, took, text_styles)
    else:
        if status is StepStatus.RUNNING and step.loop is None:
            word = took  # the sign says the rest
        elif width >= _RISKS:
            word = f"{word} {took}".strip()
        if width >= _RISKS and not word and status is StepStatus.TODO:
            word = _risk(step) if step.risk is not Risk.OBSERVE else ""
        room = (
            len(_PROVE_AGAIN)
            if status is StepStatus.PROVE_AGAIN
            else max(width // 3, _WORDS - 1 if width >= _RISKS else 4)
        )
        right = text_styles.ink(fit(text_styles.clean(word), room, text_styles), style)
    left = Content.assemble(
        mark, fold, indent, text_styles.state(status), text_styles.ink(f" {number}", style_of_title)
    )
    room = width - left.cell_length - right.cell_length - (1 if right.cell_length else 0)
    title = fit_apart(text_styles.clean(step.title), map(text_styles.clean, titles), room, text_styles)
    return edges(Content.assemble(left, text_styles.ink(title, style_of_title)), right, width)


def _columns(step: Step, status: StepStatus, word: str, style: str, took: str, text_styles: TextStyles) -> Content:
    """Risk, time and who or what state, each in its own column; a time that is only a limit says so."""
    risk, at_most = _risk(step), "<=" if text_styles.ascii else "≤"
    if not took and step.loop is None and step.kind is not StepKind.MANUAL and not status.concluded:
        took = f"{at_most}{duration(step.timeout)}"
    risk_style = WRONG if risk == Risk.DESTROY and not status.concluded else FAINT
    shown = text_styles.ink(fit(text_styles.clean(word), len(_PROVE_AGAIN), text_styles).ljust(10), style)
    return Content.assemble(
        text_styles.ink(f"{risk:<8}" if risk else "", risk_style),  # where there is none, the title may be longer
        text_styles.ink(f"{took:>7}  "[: 19 - shown.cell_length], CHOSEN if status is StepStatus.RUNNING else FAINT),
        shown,
    )


def _way(step: Step, state: StepState | None) -> str:
    """The way that was chosen at a fork; empty for a step without a choice."""
    choices = [question.name for question in step.questions if question.kind == "choice"]
    return next((state.values[name] for name in choices if name in state.values), "") if state else ""


def _risk(step: Step) -> str:
    if step.kind is StepKind.MANUAL:
        return "manual"
    return "" if step.risk is Risk.OBSERVE else step.risk.value


def _time(state: StepState | None, status: StepStatus, steady: float) -> str:
    """How long it has run, or took."""
    last = state.last if state else None
    if last is None:
        return ""
    if status is StepStatus.RUNNING:
        return span(last.runs_for(steady))
    if not last.outcome or last.seconds is None or status in (StepStatus.TODO, StepStatus.PROVE_AGAIN):
        return ""
    return span(last.seconds)


def _word(step: Step, incident: Incident, status: StepStatus) -> tuple[str, str]:
    """The state in a word, where the sign does not say it all; or who did it, where that was not the driver."""
    state = incident.steps.get(step.id)
    tally = incident.tally(step.loop.steps if step.loop is not None else ())
    if tally.total:
        return f"{tally.done} of {tally.total}", STATE_STYLES[status] or FAINT
    if status is StepStatus.RUNNING:
        return (state.last.present_try if state and state.last else "") or "running", CHOSEN
    if status is StepStatus.NOT_NEEDED and (branch := branch_of(step)) is not None:
        is_open = incident.condition(step).verdict is Verdict.PENDING
        return f"if {'/'.join(branch[1])}" if is_open else "not taken", FAINT
    if status is StepStatus.DONE and (way := _way(step, state)):
        return way, FAINT
    if status is StepStatus.PROVE_AGAIN:
        return _PROVE_AGAIN, STATE_STYLES[status]
    if status in _WORTH_A_WORD:
        return status.value, STATE_STYLES[status]
    if status is StepStatus.DONE and state and state.actor != incident.driver:
        return state.actor.partition("@")[0], FAINT
    return ("optional" if step.optional else "", FAINT)
