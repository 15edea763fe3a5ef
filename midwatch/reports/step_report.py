"""The report on every step of the runbook: attempts, decisions, changed metrics and reported values."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from midwatch.incident.conditions import CHECK_WORDS, Verdict
from midwatch.incident.event_redaction import masked_words
from midwatch.incident.events import Event, EventKind
from midwatch.incident.step_state import Attempt
from midwatch.incident.step_status import StepStatus
from midwatch.reports.incident_facts import Facts
from midwatch.reports.markdown import bullets, code, code_block, sentence, text
from midwatch.reports.metric_changes import metric_changes
from midwatch.reports.time_format import day_and_time, span
from midwatch.runbook.forks import branch_of, forks_of, way_words
from midwatch.runbook.model import Step
from midwatch.system.units import duration, size

_DECISIONS = {
    EventKind.MARKED_DONE: ("done manually", "note"),
    EventKind.MARKED_FAILED: ("failed", "reason"),
    EventKind.SKIPPED: ("skipped", "reason"),
    EventKind.REOPENED: ("reopened", "reason"),
}
VERDICTS = {True: "it did", False: "it did not", None: "unknown still"}
_SETTLES = frozenset({EventKind.DECLARED, EventKind.FINISHED, *_DECISIONS})


def steps(facts: Facts) -> Iterator[str]:
    """A heading for each phase and each step, and a list below it."""
    for phase in facts.runbook.phases:
        yield f"### {text(f'{phase.section} {phase.title}'.strip())}"
        for step in phase.steps:
            status = facts.incident.status(step)
            yield f"#### {text(f'{step.number} {step.title}')} — {status}"
            yield bullets(_told(facts, step)) or f"- {why_untouched(facts, step, status)}"


def why_untouched(facts: Facts, step: Step, status: StepStatus) -> str:
    condition = facts.incident.condition(step)
    if status is StepStatus.UNDECIDED:
        return f"Nobody decided whether it was needed: {text(condition.reason)}."
    if status is StepStatus.NOT_NEEDED and condition.verdict is Verdict.PENDING:
        return f"Whether it was needed was never known: {text(condition.reason)}."
    if status is StepStatus.NOT_NEEDED and branch_of(step):
        return f"This way was not taken: {text(condition.reason)}."
    return "Its condition did not hold." if status is StepStatus.NOT_NEEDED else "Nothing happened to it."


def _told(facts: Facts, step: Step) -> Iterator[str]:
    state = facts.incident.steps.get(step.id)
    if state is None:
        return
    attempts = {attempt.number: attempt for attempt in state.attempts}
    for event in facts.by_step.get(step.id, ()):
        if event.kind == EventKind.CONFIRMED and event.body["attempt"] in attempts:
            yield _attempt(attempts[event.body["attempt"]], str(event.body.get("reason") or ""))
        elif event.kind == EventKind.OUTCOME_CHECKED:
            yield _verified(event)
        elif event.kind == EventKind.NEED_CHECKED:
            found = CHECK_WORDS[event.body["holds"]]
            yield f"Whether it is needed: the check **{found}**. {sentence(event.body['detail'])}"
        elif event.kind in _DECISIONS:
            yield _decision(facts, event)
    for fork in forks_of(step, facts.runbook):
        if answer := state.values.get(fork.question.name):
            yield text(way_words(fork, answer))
    for key, value in state.values.items():
        yield f"{code(key)}: {sentence(value)}"
    if step.deviation and state.attempts:
        yield _deviation(step)


def _deviation(step: Step) -> str:
    reason, command = sentence(step.deviation), step.original_command.strip()
    if "\n" in command:
        return f"{reason}\n\n  The plan's own command is:\n\n{code_block(command, indent='  ', exact=True)}\n"
    return f"The plan's own command is {code(command, exact=True)}. {reason}" if command else reason


def _attempt(attempt: Attempt, reason: str) -> str:
    kind = f"undoes attempt {attempt.undoes}, " if attempt.undoes is not None else ""
    lines = [f"Attempt {attempt.number}, {kind}{_when(attempt)}, {text(attempt.actor)}: {_outcome(attempt)}"]
    if reason:
        lines.append(f"{'Taken back' if kind else 'Run all the same'}: {sentence(reason)}")
    lines += [f"Not met: {text(line)}" for line in attempt.unmet]
    lines += [f"Try {t.number} of {t.of}: failed, exit {t.exit}, {day_and_time(t.ended_at)}" for t in attempt.tries]
    lines += [f"Reading: {text(line)}" for line in metric_changes(attempt)]
    if attempt.plan is not None:
        second = f", approved by {text(attempt.approved_by)}" if attempt.approved_by else ""
        count = f"{attempt.effects} {'effect' if attempt.effects == 1 else 'effects'}"
        lines.append(f"Confirmed: {count}, plan {code(attempt.digest[:16])}{second}")
    if "\n" in attempt.command.strip():
        lines.append(f"Ran:\n\n{code_block(attempt.command, indent='    ', exact=True)}\n")
    elif attempt.command:
        lines.append(f"Ran: {code(attempt.command, exact=True)}")
    if attempt.output:
        lines.append(_output(attempt))
    return "\n  - ".join(lines)


def _verified(event: Event) -> str:
    found = f"**{VERDICTS[event.body['holds']]}**. {sentence(event.body['detail'])}"
    return f"{day_and_time(event.time)}, {text(event.actor)}: looked whether it took effect: {found}"


def _when(attempt: Attempt) -> str:
    start = attempt.started_at or attempt.confirmed_at
    if attempt.ended_at is None:
        return f"since {day_and_time(start)}"
    if attempt.seconds is None:
        return f"{span(start, attempt.ended_at)}, no duration known"
    # A start is journalled a moment after it happened, and the end has its own, truer time.
    return f"{span(min(start, attempt.ended_at), attempt.ended_at)}, {duration(attempt.seconds)}"


def _outcome(attempt: Attempt) -> str:
    if attempt.outcome is None:
        return "**running**"
    exit_ = attempt.ending.removeprefix(attempt.outcome)
    return f"**{attempt.outcome}**{exit_}" + (f". {sentence(attempt.summary)}" if attempt.summary else "")


def _output(attempt: Attempt) -> str:
    output = attempt.output
    said = f"Output: {size(output['bytes'])}, SHA-256 {code(str(output['sha256']))}"
    if output.get("dropped"):
        said += f", {size(output['dropped'])} could not be kept"
    if words := masked_words(output):
        said += f", {text(words)}"
    return said


def _decision(facts: Facts, event: Event) -> str:
    word, key = _DECISIONS[EventKind(event.kind)]
    reason = sentence(str(event.body[key] or ""))
    settled = facts.of_kind(*_SETTLES)
    index = bisect_left(settled, event.seq, key=lambda one: one.seq)
    before = settled[index - 1] if index else None
    took = f", {duration(facts.seconds_between(before, event))} after the step before it" if before else ""
    return f"{day_and_time(event.time)}{took}, {text(event.actor)}: **{word}**" + (f". {reason}" if reason else "")
