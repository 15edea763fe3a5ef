"""What has become of a step: running, done or in trouble, what it moved and reported, and every attempt at it."""

from __future__ import annotations

from textual.content import Content

from midwatch.incident.state import Attempt, StepState, StepStatus
from midwatch.reports.metric_changes import metric_changes
from midwatch.runbook.model import Step, StepKind
from midwatch.system.units import duration
from screens.widgets.progress_lines import progress_lines
from screens.widgets.step_page_data import StepPageData
from screens.widgets.styles import CHOSEN, FAINT, SOON, STATE_STYLES, STRONG, WELL, WRONG, TextStyles
from screens.widgets.text_layout import edges, labelled, paragraph
from screens.widgets.time_labels import span

_MOST_VALUES = 20


def standing_lines(parts: StepPageData, width: int, text_styles: TextStyles) -> list[Content]:
    """Where it stands, with what to do about it; nothing for a step to which nothing has happened."""
    step, state = parts.step, parts.incident.steps.get(parts.step.id)
    status, last = parts.incident.status(step), state.last if state else None
    lines: list[Content] = []
    if status is StepStatus.RUNNING and state and last:
        lines += _under_way(parts, last, width, text_styles)
    elif status in (StepStatus.FAILED, StepStatus.UNKNOWN):
        lines += _trouble(step, status, state, width, text_styles)
    elif status in (StepStatus.DONE, StepStatus.SKIPPED) and state:
        lines += _settled(status, state, width, text_styles)
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


def _settled(status: StepStatus, state: StepState, width: int, text_styles: TextStyles) -> list[Content]:
    last = state.last
    when = f"{state.concluded_at:%H:%M:%S} UTC" if state.concluded_at else ""
    took = f" in {duration(last.seconds)}" if last and last.seconds is not None and status is StepStatus.DONE else ""
    lines = [
        Content.assemble(
            text_styles.state(status), text_styles.ink(f" {status.value}{took}, {state.actor}, {when}", FAINT)
        )
    ]
    lines += paragraph(state.reason, width, text_styles, indent=2) if state.reason else []
    if last and last.summary and status is StepStatus.DONE:
        lines += paragraph(last.summary, width, text_styles, indent=2)
    for key, value in list(state.values.items())[:_MOST_VALUES]:
        lines += labelled(
            f"  {text_styles.clean(key)}", value, width, text_styles, column=max(11, len(key) + 4), style=FAINT
        )
    return lines


def _trouble(
    step: Step, status: StepStatus, state: StepState | None, width: int, text_styles: TextStyles
) -> list[Content]:
    last = state.last if state else None
    ending = last.ending if last and last.outcome and status is StepStatus.FAILED else status.value
    text = (last.summary if last else "") or (state.reason if state else "")
    lines = [Content.assemble(text_styles.state(status), text_styles.ink(f" {ending}", f"bold {STATE_STYLES[status]}"))]
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
