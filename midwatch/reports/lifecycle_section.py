"""The lifecycle of an incident as tables: its moments with their evidence, and how long each part took."""

from __future__ import annotations

from datetime import UTC, datetime

from midwatch.reports.incident_facts import Facts
from midwatch.reports.lifecycle import Interval, Lifecycle, Moment, phase_times
from midwatch.reports.markdown import table, text
from midwatch.reports.time_format import local_time, span
from midwatch.system.units import duration


def lifecycle_tables(facts: Facts) -> str:
    """The moments, the times between them, and the time in each phase."""
    found = Lifecycle.of(facts)
    intervals = [
        (f"Time to {one.name}", one.first, one.last, _lasted(one)) for one in found.intervals if one.name != "impact"
    ]
    phases = [(text(one.title), span(one.began, one.ended), duration(one.seconds)) for one in phase_times(facts)]
    tables = [
        table(
            ("Moment", "Time (UTC)", *_zone_head(facts), "Evidence", "Event"),
            [_row(facts, moment) for moment in found.moments],
        ),
        table(("Time", "From", "To", "Lasted"), intervals),
        table(("Phase", "Worked on", "For"), phases) if phases else "",
    ]
    return "\n\n".join(filter(None, tables))


def severity_table(facts: Facts) -> str:
    """How long the incident had each severity."""
    return table(("Severity", "For"), [(text(name), duration(seconds)) for name, seconds in facts.by_severity()])


def impact_times(facts: Facts) -> str:
    """How long users felt it, as people said; empty where nobody was asked."""
    found = Lifecycle.of(facts)
    interval = next((one for one in found.intervals if one.name == "impact"), None)
    if interval is None:
        return ""
    began, ended = found.moment("impact began"), found.moment("impact ended")
    known = [one for one in (began, ended) if one and (one.at or one.evidence != interval.unknown)]
    rows = [(text(one.name.capitalize()), _at(facts, one)) for one in known]
    return table(("Impact for", _lasted(interval)), rows) if rows else f"Time of the impact: {_lasted(interval)}."


def _zone_head(facts: Facts) -> tuple[str, ...]:
    return ("Local",) if shows_local(facts) else ()


def shows_local(facts: Facts) -> bool:
    """Whether the readers' clock shows another time than UTC."""
    return bool(facts.events) and bool(local_time(facts.events[0].time, facts.zone))


def _row(facts: Facts, moment: Moment) -> tuple[str, ...]:
    at = f"{moment.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment.at else moment.absence
    here = (local_time(moment.at, facts.zone) if moment.at else "",) if shows_local(facts) else ()
    return moment.name.capitalize(), at, *here, text(moment.evidence), f"{moment.event or ''}"


def _at(facts: Facts, moment: Moment) -> str:
    return text(moment.evidence) if moment.at is None else day_with_local(moment.at, facts)


def day_with_local(moment: datetime, facts: Facts) -> str:
    """`2026-11-23 02:14:07 UTC (03:14:07 CET)`."""
    here = local_time(moment, facts.zone)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" + (f" ({here})" if here else "")


def _lasted(interval: Interval) -> str:
    return f"{interval.absence}: {text(interval.unknown)}" if interval.seconds is None else duration(interval.seconds)
