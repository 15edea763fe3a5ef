"""What has become of a step: running, done or in trouble, what it moved and reported, and every attempt at it."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content

from midwatch.incident.state import Incident
from midwatch.incident.step_state import Attempt, StepState
from midwatch.incident.step_status import StepStatus
from midwatch.reports.metric_changes import metric_changes
from midwatch.runbook.model import Step, StepKind
from midwatch.system.units import duration
from screens.widgets.progress_lines import progress_lines
from screens.widgets.step_page_data import StepPageData
from screens.widgets.styles import CHOSEN, FAINT, SOON, STATE_STYLES, STRONG, WELL, WRONG, TextStyles
from screens.widgets.text_layout import edges, labelled, paragraph, wrap
from screens.widgets.time_labels import span

_MOST_VALUES = 20


def standing_lines(parts: StepPageData, width: int, text_styles: TextStyles) -> list[Content]:
    """Where it stands, with what to do about it; nothing for a step to which nothing has happened."""
    step, state = parts.step, parts.incident.steps.get(parts.step.id)
    status, last = parts.incident.status(step), state.last if state else None
    lines: list[Content] = []
    if status is StepStatus.RUNNING and state and last:
        lines += _under_way(parts, last, width, text_styles)
    elif status in (StepStatus.FAILED, StepStatus.UNKNOWN) and state:
        lines += _trouble(step, status, state, parts.output_key, width, text_styles)
    elif status in (StepStatus.DONE, StepStatus.SKIPPED) and state:
        lines += _settled(state, parts.output_key, width, text_styles)
    elif status is StepStatus.PROVE_AGAIN and state:
        words = f"To be proved again: {state.reason}."
        lines += labelled(text_styles.signs.states[status], words, width, text_styles, column=4, style=SOON)
    elif status is StepStatus.NOT_NEEDED:
        words = f"Not needed as things stand: {parts.incident.condition(step).reason}."
        lines += labelled(text_styles.signs.dash, words, width, text_styles, column=2)
    elif status is StepStatus.UNDECIDED:
        words = f"Undecided: {parts.incident.condition(step).reason}."
        lines += labelled(text_styles.signs.states[status], words, width, text_styles, column=2)
        lines += labelled("  now", "Say whether it is needed, with the reason; or skip it.", width, text_styles)
    elif state and state.reason:
        lines += paragraph(f"to do again: {state.reason}", width, text_styles, style=FAINT)
    if last and step.kind is not StepKind.MANUAL:
        lines += _moved(last, width, text_styles)
    return [*lines, Content("")] if lines else []


def _under_way(parts: StepPageData, last: Attempt, width: int, text_styles: TextStyles) -> list[Content]:
    seconds = last.runs_for(parts.steady)
    what = f" taking back attempt {last.undoes}" if last.undoes is not None else " running"
    retry = parts.step.process.retry if last.undoes is None else None
    which = f", try {len(last.tries) + 1} of {retry.times + 1}" if retry else ""
    words = text_styles.ink(f"{what} {span(seconds)}{which}", CHOSEN)
    left = Content.assemble(text_styles.state(StepStatus.RUNNING), words)
    lines = [edges(left, text_styles.ink(f"by {last.actor}", FAINT), width)]
    return lines + (progress_lines(parts.advance, width, text_styles) if parts.advance else [])


def last_ended(incident: Incident) -> StepState | None:
    """The step that ended, was skipped or was taken back last."""
    ended = [state for state in list(incident.steps.values()) if _ended_at(state) is not None]
    return max(reversed(ended), key=lambda state: str(_ended_at(state)), default=None)


def _ended_at(state: StepState) -> datetime | None:
    times = [at for at in (state.concluded_at, state.last.ended_at if state.last else None) if at is not None]
    return max(times, default=None)


def result_lines(
    step: Step, state: StepState, width: int, text_styles: TextStyles, *, output_key: str = "", most: int = 1000
) -> list[Content]:
    """How the step ended, when, and what it said last, wrapped over `most` lines; `output_key` opens the rest."""
    lines = _verdict(f"{step.number} {step.title}: ", state, width, text_styles)
    text = _last_words(state)
    lines += paragraph(text, width, text_styles, indent=2) if text else []
    if len(lines) > most:
        lines = [*lines[: most - 1], Content.assemble(lines[most - 1], text_styles.signs.more)]
    return _with_hint(lines, state, output_key, width, text_styles)


def _verdict(title: str, state: StepState, width: int, text_styles: TextStyles) -> list[Content]:
    """How a step ended, coloured by that, and wrapped."""
    last, status, at = state.last, state.status, _ended_at(state)
    if last and last.outcome and last.undoes is not None and status is StepStatus.TODO:
        words = f"taken back ({last.ending})"
    else:
        words = last.ending if last and last.outcome and status is StepStatus.FAILED else status.value
    took = f" in {duration(last.seconds)}" if last and last.seconds is not None and status is StepStatus.DONE else ""
    when = f", {at:%H:%M:%S} UTC" if at else ""
    who = "" if title else f", {state.actor}"
    rows = wrap(text_styles.clean(f"{title}{words}{took}{who}{when}"), max(width - 4, 8))
    style = f"bold {STATE_STYLES[status]}".strip()
    signs = [text_styles.state(status), *[Content(" ")] * (len(rows) - 1)]
    return [Content.assemble(sign, " ", text_styles.ink(row, style)) for sign, row in zip(signs, rows, strict=True)]


def _with_hint(
    lines: list[Content], state: StepState, output_key: str, width: int, text_styles: TextStyles
) -> list[Content]:
    """The lines with the key of the output at the edge of the first line, or of the last, or of one more."""
    if not output_key or state.last is None or state.last.outcome is None:
        return lines
    hint = text_styles.ink(f"{output_key} output", FAINT)
    at = next((at for at in (0, -1) if lines[at].cell_length + hint.cell_length + 2 <= width), None)
    if at is None:
        return [*lines, edges(Content(""), hint, width)]
    lines[at] = edges(lines[at], hint, width)
    return lines


def _last_words(state: StepState) -> str:
    """What the step said last, or why a person ended it."""
    said = state.last.summary if state.last and state.status is not StepStatus.SKIPPED else ""
    return "\n".join(text for text in (state.reason, said) if text)


def _settled(state: StepState, output_key: str, width: int, text_styles: TextStyles) -> list[Content]:
    lines = _with_hint(_verdict("", state, width, text_styles), state, output_key, width, text_styles)
    lines += paragraph(_last_words(state), width, text_styles, indent=2) if _last_words(state) else []
    for key, value in list(state.values.items())[:_MOST_VALUES]:
        lines += labelled(
            f"  {text_styles.clean(key)}", value, width, text_styles, column=max(11, len(key) + 4), style=FAINT
        )
    return lines


def _trouble(
    step: Step, status: StepStatus, state: StepState, output_key: str, width: int, text_styles: TextStyles
) -> list[Content]:
    lines = _with_hint(_verdict("", state, width, text_styles), state, output_key, width, text_styles)
    text = (state.last.summary if state.last else "") or state.reason
    lines += paragraph(text, width, text_styles, indent=2) if text else []
    if status is StepStatus.UNKNOWN:
        advice = "Nobody saw how it ended. "
        if step.kind is StepKind.USES:
            advice += (
                "Have its outcome checked, or look yourself; then run it again, skip it, or take it as done manually."
            )
        else:
            advice += "Look at the world, then decide: run it again, skip it, or take it as done manually."
        lines += labelled("  now", advice, width, text_styles)
    if step.on_failure.advice:
        lines += labelled("  now", " ".join(step.on_failure.advice.split()), width, text_styles)
    return lines


def _moved(last: Attempt, width: int, text_styles: TextStyles) -> list[Content]:
    """The readings that it moved, before and after; those that stayed are left to the detail and the timeline."""
    if not last.after:
        return []
    found = [line for line in metric_changes(last) if not line.endswith("(unchanged)")]
    heads = ["  moved", *[""] * len(found)]
    return [
        line
        for head, text in zip(heads, found, strict=False)
        for line in labelled(head, text, width, text_styles, column=11)
    ]


def attempt_lines(state: StepState, width: int, text_styles: TextStyles) -> list[Content]:
    """Every attempt: when, who, how it ended, what it said last, and the command."""
    lines = [Content(""), text_styles.ink("Attempts", STRONG)]
    for attempt in state.attempts:
        outcome = attempt.outcome.value if attempt.outcome else "running"
        took = f" in {duration(attempt.seconds)}" if attempt.seconds is not None else ""
        style = WELL if outcome == "done" else FAINT if attempt.outcome is None else WRONG
        what = f", took back {attempt.undoes}" if attempt.undoes is not None else ""
        text = f" {attempt.number}  {attempt.confirmed_at:%H:%M:%S}  {attempt.actor}{what}  {outcome}{took}"
        lines.append(text_styles.ink(text, style))
        lines += paragraph(attempt.summary, width, text_styles, style=FAINT, indent=4) if attempt.summary else []
        for failed in attempt.tries:
            line = f"try {failed.number} of {failed.of}: exit {failed.exit}, {failed.ended_at:%H:%M:%S} UTC"
            lines += paragraph(line, width, text_styles, style=FAINT, indent=4)
        for unmet in attempt.unmet:
            lines += paragraph(f"not met: {unmet}", width, text_styles, style=FAINT, indent=4)
        lines += paragraph(attempt.command, width, text_styles, style=FAINT, indent=4) if attempt.command else []
    return lines
