"""Values from the incident's journal: those that steps reported and those that people entered."""

from __future__ import annotations

from midwatch.api.action import Context
from midwatch.api.plan import Plan
from midwatch.incident.events import Event
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.system.errors import Refused


def events_of(context: Context) -> list[Event]:
    """The incident's events so far. Raises `Refused` outside an incident."""
    from midwatch.journal.reader import read

    if context.incident is None:
        raise Refused(
            "There is no incident to read from", hint="Run it as a step of an incident, or set MIDWATCH_INCIDENT"
        )
    return read(IncidentFolder(context.incident).journal)


def confirmed_plan(context: Context) -> Plan | None:
    """The plan of this step's newest attempt, to which the operator consented; None outside an incident."""
    if context.incident is None:
        return None
    attempt = reduce(events_of(context)).step(context.step).last
    return attempt.plan if attempt is not None else None


def value_of(context: Context, step: str, key: str) -> str:
    """One value of a step; empty when it was not given, or outside an incident."""
    if context.incident is None:
        return ""
    return reduce(events_of(context)).value(step, key) or ""
