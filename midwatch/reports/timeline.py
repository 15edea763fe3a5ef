"""The timeline with every event, for auditors. The same journal always gives the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from midwatch.incident.event_errors import event_errors
from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.reports.event_table import event_table, met_word
from midwatch.reports.excerpts import excerpts, starred
from midwatch.reports.incident_facts import Facts
from midwatch.reports.lifecycle_section import day_with_local, lifecycle_tables, severity_table, shows_local
from midwatch.reports.markdown import document, sentence, table, text
from midwatch.reports.message_table import message_table
from midwatch.reports.record_section import record_section
from midwatch.reports.step_report import steps
from midwatch.reports.time_format import LOCAL_TIMES, time_of_day, zone_name
from midwatch.runbook.declaration import told_inputs
from midwatch.runbook.model import Runbook
from midwatch.system.units import duration


def timeline(runbook: Runbook, events: Sequence[Event], folder: IncidentFolder) -> str:
    """The timeline of an incident as Markdown, for one that is still open as well. What it holds:
    `docs/post-mortem.md`.

    Raises `BadInput` for events whose bodies are not as `docs/journal.md` has them.
    """
    with event_errors(folder.id):
        return _timeline(Facts.of(runbook, events, folder))


def _timeline(facts: Facts) -> str:
    stars, pasted, messages = starred(facts), excerpts(facts), message_table(facts)
    return document(
        [
            f"# Timeline: {text(facts.incident.title)}",
            overview(facts),
            "## Lifecycle",
            lifecycle_tables(facts),
            severity_table(facts),
            *(["## Starred", stars] if stars else []),
            "## In the order of time",
            event_table(facts),
            "## Step by step",
            *steps(facts),
            *(["## Messages by channels", messages] if messages else []),
            *(["## Excerpts", *pasted] if pasted else []),
            "## Closure criteria",
            criteria(facts),
            *record_section(facts),
        ]
    )


def overview(facts: Facts) -> str:
    """The table at the top: which incident, how severe, when, who, how long."""
    return table(("Incident", text(facts.incident.id)), list(_overview(facts)))


def _overview(facts: Facts) -> Iterator[tuple[str, str]]:
    incident, declared, end = facts.incident, facts.declared, facts.end
    yield "Runbook", f"{text(facts.runbook.title)} ({text(facts.runbook.id)})"
    yield "Environment", facts.runbook.environment.word
    yield "Severity", _severities(facts)
    if declared is not None:
        yield (
            "Declared",
            f"{day_with_local(declared.time, facts)} by {text(declared.actor)} on {text(str(declared.body['host']))}",
        )
    if declared is not None and (alert := declared.body.get("alert")):
        yield f"Alert of {text(alert['source'])}", sentence(alert["text"])
    if shows_local(facts):
        yield LOCAL_TIMES, zone_name(facts.zone) or "of the machine that exported"
    for prompt, value in told_inputs(facts.runbook, incident.inputs):
        yield text(prompt), sentence(value)
    ended = "Abandoned" if incident.abandoned else "Closed"
    why = f" ({sentence(incident.abandoned)})" if incident.abandoned else ""
    yield ended, f"{day_with_local(end.time, facts)} by {text(end.actor)}{why}" if end else "still open"
    yield "Duration", duration(facts.seconds) + ("" if end else " so far")
    yield "Drivers", _drivers(facts) or "nobody"
    counts = Counter(incident.status(step).value for step in facts.runbook.steps())
    yield "Steps", ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))


def _severities(facts: Facts) -> str:
    changes = [event for event in facts.events if event.kind == EventKind.SEVERITY]
    first = str(facts.declared.body["severity"]) if facts.declared else facts.incident.severity.value
    return "; then ".join(
        [
            text(first),
            *(f"{text(e.body['to'])} at {time_of_day(e.time)} ({sentence(e.body['reason'])})" for e in changes),
        ]
    )


def _drivers(facts: Facts) -> str:
    drivers = facts.drivers()
    return "; ".join(
        f"{text(actor)} from {time_of_day(since)} {_until(until, last=number == len(drivers))}"
        for number, (actor, since, until) in enumerate(drivers, start=1)
    )


def _until(until: datetime | None, *, last: bool) -> str:
    if until is not None:
        return f"to {time_of_day(until)}"
    return "on" if last else "and was lost"


def criteria(facts: Facts) -> str:
    """The closure criteria as they were last evaluated."""
    rows = []
    for criterion in facts.runbook.closure:
        state = facts.incident.criteria.get(criterion.id)
        if state is None:
            rows.append((text(criterion.title), "not evaluated", "", ""))
        else:
            rows.append((text(criterion.title), met_word(state.met), sentence(state.detail), time_of_day(state.at)))
    return table(("Criterion", "State", "Found", "At (UTC)"), rows) if rows else "The runbook has none."
