"""Suggests lessons of an incident from the journal. People confirm or delete the suggestions."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.incident.events import EventKind, StepOutcome
from midwatch.incident.step_state import Attempt
from midwatch.incident.step_status import StepStatus
from midwatch.reports.incident_facts import Facts
from midwatch.reports.lifecycle import Lifecycle
from midwatch.reports.markdown import bullets, sentence, text
from midwatch.reports.metric_changes import metric_changes
from midwatch.reports.time_format import time_of_day
from midwatch.runbook.model import Risk, Step, StepKind
from midwatch.system.units import duration

_LONG_TO_DETECT_S = 15 * 60.0
_CHECKSUMS = "verify-checksums"
_DRAFT = "write-post-mortem"  # the action that writes this very draft, which mends nothing


def repairs(facts: Facts) -> str:
    """What the steps changed, as a list: those that succeeded and did change something."""
    changes = bullets(
        ": ".join(filter(None, (text(f"{step.number} {step.title}"), sentence("; ".join(_found(step, attempt))))))
        for step, attempt in facts.attempts()
        if attempt.outcome is StepOutcome.DONE and step.risk is not Risk.OBSERVE and _changed(step, attempt)
    )
    return f"What the steps changed:\n\n{changes}" if changes else ""


def _changed(step: Step, attempt: Attempt) -> bool:
    """Whether the attempt did more than to write this document: of an action, its plan says so."""
    return step.kind is not StepKind.USES or (step.uses != _DRAFT and attempt.effects > 0)


def _found(step: Step, attempt: Attempt) -> list[str]:
    """What an action says of its end, and what moved. Of a script one knows its exit status only, which is no news
    here."""
    return [*([attempt.summary] if step.kind is StepKind.USES else []), *metric_changes(attempt, telling=True)]


def damaged_backups(facts: Facts) -> list[tuple[Step, str]]:
    """The steps that found backup sets which do not hold, and what they said."""
    return [
        (step, attempt.summary)
        for step, attempt in facts.last_attempts()
        if step.uses == _CHECKSUMS and facts.incident.value(step.id, "invalid")
    ]


def well(facts: Facts) -> Iterator[str]:
    """What went well: first attempts that succeeded, criteria that are met, updates that were sent and never late."""
    first = [step for step, attempt in facts.attempts() if attempt.number == 1 and attempt.outcome is StepOutcome.DONE]
    tried = {step.id for step, _ in facts.attempts()}
    if first:
        yield f"{len(first)} of {len(tried)} steps that a machine does succeeded at the first attempt."
    met = [criterion for criterion in facts.runbook.closure if _met(facts, criterion.id)]
    if met:
        yield f"{len(met)} of {len(facts.runbook.closure)} closure criteria are met, each by its check."
    sent = any(event.kind == EventKind.UPDATE for event in facts.events)
    if facts.runbook.comms.update_every and sent and not facts.late_updates():
        yield f"No status update was later than {duration(facts.runbook.comms.update_every)}."


def badly(facts: Facts) -> Iterator[str]:
    """What went badly: failures, retries, skips, late updates, a severity that got worse, people not told."""
    detect = next((one for one in Lifecycle.of(facts).intervals if one.name == "detect"), None)
    if detect is not None and (detect.seconds or 0.0) > _LONG_TO_DETECT_S:
        yield f"It took {duration(detect.seconds or 0.0)} until the incident was detected."
    for event in facts.events:
        if event.kind == EventKind.SEVERITY and str(event.body["to"]) < str(event.body["from"]):  # SEV-0 is the worst
            rose = f"{text(event.body['from'])} to {text(event.body['to'])}"
            yield f"The severity rose from {rose}: {sentence(event.body['reason'])}"
        elif event.kind == EventKind.MARKED_FAILED:
            yield f"{_name(facts, event.body['step'])} failed: {sentence(event.body['reason'])}"
        elif event.kind == EventKind.JOURNAL_REPAIRED:
            yield f"The journal had to be repaired at {time_of_day(event.time)}: its writer or its disk failed."
        elif event.kind == EventKind.JOURNAL_FAILED_OVER:
            yield (
                f"The journal's own disk took no more events at {time_of_day(event.time)}: "
                f"{sentence(event.body['reason'])}"
            )
        elif event.kind == EventKind.JOURNAL_FALLBACK_LOST:
            yield f"Events after number {event.body['after']} were in memory only and are lost."
    for step, attempt in facts.attempts():
        if attempt.outcome not in (StepOutcome.DONE, None):
            yield (
                f"{_name(facts, step.id)}, attempt {attempt.number}: {attempt.outcome}. {sentence(attempt.summary)}"
            ).rstrip()
    for step, summary in damaged_backups(facts):
        yield f"{_name(facts, step.id)}: {sentence(summary)}"
    for step in facts.runbook.steps():
        if facts.incident.status(step) is StepStatus.SKIPPED:
            yield f"{_name(facts, step.id)} was skipped: {sentence(facts.incident.steps[step.id].reason)}"
    for since, seconds in facts.late_updates():
        yield f"No status update for {duration(seconds)} from {time_of_day(since)} on."
    for role in facts.incident.to_notify:
        known = facts.runbook.roles.get(role)
        yield f"{text(known.name if known else role)} was not told."
    for criterion in facts.runbook.closure:
        if facts.first(EventKind.CLOSED) and not _met(facts, criterion.id):
            yield f"Closed without: {text(criterion.title)}"


def _met(facts: Facts, criterion_id: str) -> bool:
    state = facts.incident.criteria.get(criterion_id)
    return state is not None and state.met is True


def _name(facts: Facts, step_id: str) -> str:
    try:
        step = facts.runbook.step(step_id)
    except KeyError:
        return text(step_id)
    return text(f"{step.number} {step.title}")
