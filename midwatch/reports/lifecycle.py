"""The moments of an incident, each with its evidence, and the times between them (`docs/post-mortem.md`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from midwatch.incident.events import Event, EventKind
from midwatch.incident.state import Mark
from midwatch.reports.incident_facts import Facts
from midwatch.runbook.model import Phase
from midwatch.runbook.value_sources import Question
from midwatch.system.clock import from_rfc3339
from midwatch.system.errors import BadInput
from midwatch.system.time_parser import parse_time

IMPACT_BEGAN, IMPACT_ENDED, BEGAN_AT, DETECTED_AT = "impact_began", "impact_ended", "began_at", "detected_at"
"""The names of questions whose answers are times of the incident that only people know."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When the incident reached one of its moments, or why that is not known."""

    name: str
    at: datetime | None
    evidence: str
    """What says so, or why nobody knows, in plain text."""
    event: int = 0
    """The number of the event that says so; 0 for none."""
    absence: str = "not known"
    """The word for a moment without a time: `none` where the incident had no such moment."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The time from one moment to another."""

    name: str
    first: str
    last: str
    seconds: float | None
    absence: str = "not known"
    unknown: str = ""
    """Why it is not known, or why there is none."""


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """When people worked on a phase of the runbook."""

    title: str
    began: datetime
    ended: datetime
    seconds: float
    """From the first event of its steps to the last."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The moments of one incident, in their order, and the times between them."""

    moments: tuple[Moment, ...]
    intervals: tuple[Interval, ...]

    @classmethod
    def of(cls, facts: Facts) -> Lifecycle:
        """The lifecycle by the journal alone. No title of a phase or step decides anything."""
        moments = tuple(moment for moment in _moments(facts) if moment is not None)
        return cls(moments, tuple(_intervals(facts, {moment.name: moment for moment in moments})))

    def moment(self, name: str) -> Moment | None:
        """The moment of this name; None where the incident has no such moment."""
        return next((moment for moment in self.moments if moment.name == name), None)

    def interval(self, name: str) -> Interval:
        """The interval of this name."""
        return next(interval for interval in self.intervals if interval.name == name)


def _moments(facts: Facts) -> Iterator[Moment | None]:
    declared = facts.declared
    said = Moment("declared", declared.time, f"by {declared.actor}", declared.seq) if declared else None
    yield _began(facts)
    yield _detected(facts, said)
    yield said
    yield _marked(facts, "acknowledged")
    for moment in (_marked(facts, "mitigated"), _resolved(facts)):
        yield _none(moment) if facts.incident.abandoned and moment.at is None else moment
    yield _closed(facts)
    yield _answered(facts, IMPACT_BEGAN, "impact began")
    yield _answered(facts, IMPACT_ENDED, "impact ended")


def _began(facts: Facts) -> Moment:
    if answered := _answered(facts, BEGAN_AT, "began"):
        return answered
    seen = facts.detected()
    known = [
        Moment("began", trigger.at, f"{trigger.title}: {trigger.evidence}", trigger.event)
        for trigger in seen
        if trigger.at is not None
    ]
    known += _began_by_alerts(facts.declared)
    if known:
        return min(known, key=lambda moment: moment.at or datetime.max.replace(tzinfo=UTC))
    reason = "no evidence of a trigger tells its time with a time zone" if seen else "no evidence has its time"
    return Moment("began", None, reason)


def _began_by_alerts(declared: Event | None) -> list[Moment]:
    """When the alerts started that declared the incident, as their source has it."""
    alert = declared.body.get("alert") if declared is not None else None
    if declared is None or not alert:
        return []
    evidence = f"alert of {alert['source']}: {str(alert['text']).partition(chr(10))[0]}"
    starts = [from_rfc3339(one["began"]) for one in alert["alerts"] if one["began"]]
    return [Moment("began", at, evidence, declared.seq) for at in starts]


def _detected(facts: Facts, declared: Moment | None) -> Moment:
    """At the latest at the declaration: who declares an incident has detected it."""
    found = _answered(facts, DETECTED_AT, "detected") or _marked(facts, "detected")
    if declared is not None and (found.at is None or (declared.at is not None and found.at > declared.at)):
        return Moment(
            "detected",
            declared.at,
            "at the declaration; no answer and no mark says that it was earlier",
            declared.event,
        )
    return found


def _marked(facts: Facts, name: str) -> Moment:
    if mark := facts.incident.marks.get(name):
        return Moment(name, mark.at, f"{_title(facts, mark)} was done", mark.seq)
    able = [step for step in facts.runbook.steps() if step.marks == name]
    reason = f"{able[0].number} {able[0].title} is not done" if able else f"no step of the runbook marks {name!r}"
    return Moment(name, None, reason)


def _resolved(facts: Facts) -> Moment:
    marked = _marked(facts, "resolved")
    closed = facts.first(EventKind.CLOSED)
    if marked.at is not None or any(step.marks == "resolved" for step in facts.runbook.steps()):
        return marked
    if closed is not None:
        return Moment("resolved", closed.time, "by the closure, since no step marks it", closed.seq)
    return Moment("resolved", None, "still open")


def _none(moment: Moment) -> Moment:
    return Moment(moment.name, None, "it was no incident", absence="none")


def _closed(facts: Facts) -> Moment:
    end = facts.end
    if end is None:
        return Moment("closed", None, "still open")
    word = "abandoned" if end.kind == EventKind.ABANDONED else "closed"
    return Moment("closed", end.time, f"{word} by {end.actor}", end.seq)


def _answered(facts: Facts, key: str, name: str) -> Moment | None:
    """A time that a person gave as an answer; None where nobody was asked, and without a time where it is none."""
    if not any(ask.name == key for ask in _questions(facts)):
        return None
    event, answer = _answer(facts, key)
    if event is None:
        return None if key in (BEGAN_AT, DETECTED_AT) else _unanswered(facts, key, name)
    try:
        at = _time(answer, event.time)
    except BadInput as error:
        return Moment(name, None, error.sentence, event.seq)
    return Moment(name, at, f"answered by {event.actor}", event.seq)


def _unanswered(facts: Facts, key: str, name: str) -> Moment:
    """A question that was left empty where its step was done, or that nobody came to."""
    asking = {step.id for step in facts.runbook.steps() if any(ask.name == key for ask in step.questions)}
    for event in reversed(facts.of_kind(EventKind.MARKED_DONE)):
        if event.body.get("step") in asking:
            return Moment(name, None, f"asked, and left empty by {event.actor}", event.seq)
    return Moment(name, None, "nobody answered")


def _time(answer: str, now: datetime) -> datetime | None:
    try:
        exact = datetime.fromisoformat(answer)
    except ValueError:
        return parse_time(answer, now)
    return exact if exact.tzinfo is not None else parse_time(answer, now)


def _questions(facts: Facts) -> Iterator[Question]:
    yield from facts.runbook.inputs
    for step in facts.runbook.steps():
        yield from step.questions


def _answer(facts: Facts, key: str) -> tuple[Event | None, str]:
    """The last answer under this name, and the event that holds it."""
    for event in reversed(facts.of_kind(EventKind.DECLARED, EventKind.MARKED_DONE)):
        answers = event.body.get("inputs" if event.kind == EventKind.DECLARED else "values", {})
        if answer := str(answers.get(key, "")).strip():
            return event, answer
    return None, ""


def _title(facts: Facts, mark: Mark) -> str:
    step = facts.runbook.find(mark.step)
    return f"{step.number} {step.title}" if step else mark.step


_INTERVALS = (
    ("detect", "began", "detected"),
    ("acknowledge", "detected", "acknowledged"),
    ("mitigate", "declared", "mitigated"),
    ("resolve", "declared", "resolved"),
    ("close", "resolved", "closed"),
    ("impact", "impact began", "impact ended"),
)


def _intervals(facts: Facts, moments: dict[str, Moment]) -> Iterator[Interval]:
    for name, first_name, last_name in _INTERVALS:
        first, last = moments.get(first_name), moments.get(last_name)
        if first is None or last is None:
            continue
        missing = next((moment for moment in (first, last) if moment.at is None), None)
        seconds = None if missing else _seconds(facts, first, last)
        absence, reason = (missing.absence, missing.evidence) if missing else ("", "")
        yield Interval(name, first_name, last_name, seconds, absence, reason)


def _seconds(facts: Facts, first: Moment, last: Moment) -> float:
    """By the boot clock where an event is the moment itself, else by the time of day. Never negative."""
    if first.at is None or last.at is None:
        raise ValueError("a moment without a time has no distance")
    before, after = facts.event(first.event), facts.event(last.event)
    if before and after and (before.time, after.time) == (first.at, last.at):
        return max(0.0, facts.seconds_between(before, after))
    return max(0.0, (last.at - first.at).total_seconds())


_WORK = frozenset(EventKind) - {EventKind.READING}


def phase_times(facts: Facts) -> list[PhaseTime]:
    """The phases on which somebody worked, in the order of the runbook."""
    found = []
    for phase in facts.runbook.phases:
        events = sorted((e for step in phase.steps for e in facts.by_step.get(step.id, ())), key=lambda e: e.seq)
        events = [event for event in events if event.kind in _WORK]
        if events:
            first, last = events[0], events[-1]
            found.append(PhaseTime(_name(phase), first.time, last.time, facts.seconds_between(first, last)))
    return found


def _name(phase: Phase) -> str:
    return f"{phase.section} {phase.title}".strip()
