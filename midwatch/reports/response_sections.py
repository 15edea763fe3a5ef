"""Sections of a post-mortem that say how people and machines responded, and what a person may make of it."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.incident.events import EventKind, StepOutcome
from midwatch.reports.incident_facts import Facts
from midwatch.reports.markdown import bullets, sentence, table, text
from midwatch.reports.time_format import day_and_time
from midwatch.runbook.model import Step
from midwatch.system.units import duration

_LONGEST = 5


def response(facts: Facts) -> str:
    """Steps, updates and overridden preconditions in numbers, and what took longest."""
    attempts = facts.attempts()
    done = sum(attempt.outcome is StepOutcome.DONE for _, attempt in attempts)
    marked = len({str(event.body["step"]) for event in facts.of_kind(EventKind.MARKED_DONE)})
    rows = [
        ("Steps by people", f"{marked}"),
        ("Attempts of steps by machines", f"{len(attempts)}, of which {done} succeeded"),
        ("Status updates", f"{len(facts.of_kind(EventKind.UPDATE))}"),
        ("Drivers", f"{len({actor for actor, _, _ in facts.drivers()})}"),
        ("Plans judged by a second person", f"{len(facts.of_kind(*_JUDGEMENTS))}"),
    ]
    longest = sorted((pair for pair in attempts if pair[1].seconds), key=lambda pair: -(pair[1].seconds or 0.0))
    took = [(_name(step), duration(attempt.seconds or 0.0), attempt.ending) for step, attempt in longest[:_LONGEST]]
    parts = [table(("Response", "Count"), rows)]
    parts += [table(("What took longest", "Took", "Outcome"), took)] if took else []
    overridden = [f"{_name(step)}: {sentence('; '.join(attempt.unmet))}" for step, attempt in attempts if attempt.unmet]
    parts += [f"Run although a precondition did not hold:\n\n{bullets(overridden)}"] if overridden else []
    return "\n\n".join(parts)


_JUDGEMENTS = (EventKind.APPROVAL_GIVEN, EventKind.APPROVAL_DECLINED)


def factors(facts: Facts) -> Iterator[str]:
    """Candidates for contributing factors: triggers that fired, what the diagnosis found, controls that do not hold."""
    for trigger in facts.detected():
        yield text(trigger.title)
    for step, attempt in facts.attempts():
        if (step.uses or "").startswith("diagnose-") and attempt.outcome is StepOutcome.DONE and attempt.summary:
            yield f"{_name(step)}: {sentence(attempt.summary)}"
    for title, _, state in control_states(facts):
        if state and not state.lower().startswith("ok"):
            yield f"{text(title)}: {text(state)}"


def surprises(facts: Facts) -> Iterator[str]:
    """Candidates for what surprised: words that were corrected, steps that were opened again, ends nobody saw."""
    for event in facts.of_kind(EventKind.TEXT_CORRECTED):
        yield f"Event {event.body['event']} was corrected to: {sentence(str(event.body['text']))}"
    for event in facts.of_kind(EventKind.REOPENED):
        step = facts.runbook.steps_by_id.get(str(event.body["step"]))
        name = _name(step) if step else text(str(event.body["step"]))
        yield f"{name} was opened again: {sentence(event.body['reason'])}"
    for step, attempt in facts.attempts():
        if attempt.outcome is StepOutcome.UNKNOWN:
            yield f"Nobody saw the end of {_name(step)}, attempt {attempt.number}."


def shown_causes(facts: Facts) -> str:
    """What the logs show, oldest first, to begin the whys with."""
    seen = sorted((one for one in facts.detected() if one.at is not None), key=lambda one: str(one.at))
    items = [f"{day_and_time(one.at)}: {text(one.title)}" for one in seen if one.at is not None]
    return f"The logs show, oldest first:\n\n{bullets(items)}" if items else ""


def control_states(facts: Facts) -> list[tuple[str, str, str]]:
    """The controls of the runbook: title, check, and the state that their review found; empty without a review."""
    reviews = [step.id for step in facts.runbook.steps() if step.uses == "review-controls"]
    return [
        (
            control.title,
            control.check,
            next((found for step in reviews if (found := facts.incident.value(step, control.id))), ""),
        )
        for control in facts.runbook.controls
    ]


def control_table(facts: Facts) -> str:
    """The controls with their checks and states; empty where the runbook has none."""
    rows = [(text(title), text(check), text(state) or "not reviewed") for title, check, state in control_states(facts)]
    return table(("Control", "Check", "State at the review"), rows) if rows else ""


def _name(step: Step) -> str:
    return text(f"{step.number} {step.title}")
