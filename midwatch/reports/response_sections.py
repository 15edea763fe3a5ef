"""Sections of a post-mortem that say how people and machines responded, and what a person may make of it."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.incident.events import EventKind, StepOutcome
from midwatch.reports.incident_facts import Facts
from midwatch.reports.markdown import bullets, sentence, table, text
from midwatch.reports.suggestions import damaged_backups
from midwatch.reports.time_format import day_and_time
from midwatch.runbook.model import CheckSpec, Step
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


_NORMAL = {"failures": 0.0, "failed_logins": 0.0, "refused_logins": 0.0, "deleted_open": 0.0, "percent": 80.0}
"""The figures of a diagnosis that is no news, by the names of reported values: none of them is higher."""


def factors(facts: Facts) -> Iterator[str]:
    """Candidates for contributing factors: triggers that fired, what the diagnosis found to be abnormal, damaged
    backups, controls that do not hold."""
    for trigger in facts.detected():
        yield text(trigger.title)
    seen: set[str] = set()
    for step, attempt in facts.last_attempts():
        if (step.uses or "").startswith("diagnose-") and attempt.outcome is StepOutcome.DONE and attempt.summary:
            if attempt.summary not in seen and not _is_normal(facts, step):
                yield f"{_name(step)}: {sentence(attempt.summary)}"
            seen.add(attempt.summary)
    for step, summary in damaged_backups(facts):
        yield f"{_name(step)}: {sentence(summary)}"
    for control, state in _failing_controls(facts):
        yield f"{text(control.title)}: {text(state)}"


def _is_normal(facts: Facts, step: Step) -> bool:
    """Whether a diagnosis reported figures, and all of them are ordinary."""
    known = [(facts.incident.value(step.id, name), most) for name, most in _NORMAL.items()]
    figures = [(float(value), most) for value, most in known if value and value.replace(".", "", 1).isdecimal()]
    return bool(figures) and all(figure <= most for figure, most in figures)


def suggested_actions(facts: Facts) -> list[str]:
    """What the record shows to need an action: damaged backups, controls that do not hold."""
    found = [f"{_name(step)}: {sentence(summary)}" for step, summary in damaged_backups(facts)]
    return [*found, *(f"{text(control.title)}: {text(state)}" for control, state in _failing_controls(facts))]


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


def _control_states(facts: Facts) -> list[tuple[CheckSpec, str]]:
    """The controls of the runbook, each with the state that its review found; empty without a review."""
    reviews = [step.id for step in facts.runbook.steps() if step.uses == "review-controls"]
    return [
        (control, next((found for step in reviews if (found := facts.incident.value(step, control.id))), ""))
        for control in facts.runbook.controls
    ]


def _failing_controls(facts: Facts) -> list[tuple[CheckSpec, str]]:
    """The controls whose review found that they do not hold, or could not tell."""
    return [
        (control, state) for control, state in _control_states(facts) if state and not state.lower().startswith("ok")
    ]


def controls_in_short(facts: Facts) -> str:
    """How many controls hold, and which do not, so that it could happen again; empty without a review."""
    reviewed, failing = [state for _, state in _control_states(facts) if state], _failing_controls(facts)
    if not reviewed:
        return ""
    held = f"{len(reviewed) - len(failing)} of {len(reviewed)} hold"
    return f"{held}; not: {'; '.join(text(control.title) for control, _ in failing)}" if failing else held


def control_table(facts: Facts) -> str:
    """The controls with their checks and states; empty where the runbook has none."""
    rows = [
        (text(control.title), text(control.id), text(control.check), text(state) or "not reviewed")
        for control, state in _control_states(facts)
    ]
    return table(("Control", "Id", "Check", "State at the review"), rows) if rows else ""


def _name(step: Step) -> str:
    return text(f"{step.number} {step.title}")
