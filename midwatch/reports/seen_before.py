"""Earlier incidents of the same runbook, from their own journals: what caused them, what fixed them, what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from midwatch.incident.event_errors import event_errors
from midwatch.incident.events import EventKind
from midwatch.incident.follow_ups import FollowUp, follow_ups_of
from midwatch.incident.paths import IncidentFolder, incidents_folder
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.reports.markdown import bullets, sentence, table, text
from midwatch.runbook.loader import load_outline
from midwatch.runbook.model import Environment, Runbook
from midwatch.system.errors import MidwatchError
from midwatch.system.units import counted, duration

_SHOWN = 3
_AFTER_ALL = "INC-9"
"""Sorts after the id of each incident."""
_READ = 10
"""Journals that are read at most; damaged and abandoned ones count."""


@dataclass(frozen=True, slots=True)
class PastIncident:
    """An earlier incident."""

    id: str
    declared_at: datetime
    severity: str
    lasted: float | None
    """Seconds; None while it is open."""
    cause: str
    fixes: str
    open: tuple[FollowUp, ...]
    environment: str
    """`production`, `staging` or `rehearsal`; empty where its runbook cannot be read."""
    steps: Mapping[str, tuple[datetime, float | None]]
    """When each step was done last, and in how many seconds; by its id."""

    def line(self, now: datetime) -> str:
        """`INC-…, 12 days ago, SEV-1, lasted 2 h; cause: …; fixed by: …; 3 follow-up actions open`."""
        lasted = f"lasted {duration(self.lasted)}" if self.lasted is not None else "still open"
        severity = f"{self.severity} in a rehearsal" if self.environment == Environment.REHEARSAL else self.severity
        parts = [f"{self.id}, {_ago(self.declared_at, now)}, {severity}, {lasted}"]
        parts += [f"cause: {self.cause.rstrip('.')}"] if self.cause else []
        parts += [f"fixed by: {' '.join(self.fixes.split()).rstrip('.')}"] if self.fixes else []
        if self.open:
            first = self.open[0]
            named = f"{first.what} ({first.owner or 'nobody'}, due {first.due or 'not said'})"
            more = f", and {len(self.open) - 1} more" if len(self.open) > 1 else ""
            parts.append(f"{counted(len(self.open), 'follow-up action')} open: {named}{more}")
        return "; ".join(parts)


def last_done(past: Sequence[PastIncident], step: str, now: datetime) -> str:
    """`last done 12 days ago in a rehearsal, took 41 s`; empty where no earlier incident did the step."""
    for one in past:
        if step in one.steps:
            at, seconds = one.steps[step]
            where = f" in a {one.environment}" if one.environment == Environment.REHEARSAL else ""
            took = f", took {duration(seconds)}" if seconds is not None else ""
            return f"last done {_ago(at, now)}{where}{took}"
    return ""


def _ago(moment: datetime, now: datetime) -> str:
    days = (now - moment).days
    return f"{counted(days, 'day')} ago" if days > 0 else "less than a day ago"


def seen_before(folder: IncidentFolder, runbook_id: str) -> list[PastIncident]:
    """The last incidents of this runbook before this one, newest first; those that cannot be read are left out."""
    try:
        names = [path for path in folder.path.parent.iterdir() if _is_earlier(path, folder.id, runbook_id)]
    except OSError:
        return []
    found: list[PastIncident] = []
    for path in sorted(names, key=lambda path: path.name, reverse=True)[:_READ]:
        past = _past(IncidentFolder(path))
        if past is not None:
            found.append(past)
        if len(found) == _SHOWN:
            break
    return found


def seen_lines(runbook: Runbook, now: datetime, before: str = _AFTER_ALL) -> list[str]:
    """A line on each of the last incidents of this runbook, or of those before the incident of this id."""
    folder = IncidentFolder(incidents_folder(runbook.location_of("logs")) / before)
    return [past.line(now) for past in seen_before(folder, runbook.id)]


def _is_earlier(path: Path, own: str, runbook_id: str) -> bool:
    rest = path.name.split("-", 3)[-1]
    is_of = rest == runbook_id or rest.removeprefix(f"{runbook_id}-").isdigit()
    return is_of and path.name.startswith("INC-") and path.name < own and path.is_dir() and not path.is_symlink()


def _past(folder: IncidentFolder) -> PastIncident | None:
    try:
        events = read(folder.journal)
        if not events or events[0].kind != EventKind.DECLARED:
            return None
        with event_errors(folder.id):
            incident = reduce(events)
        if incident.abandoned or incident.declared_at is None:
            return None
        return PastIncident(
            folder.id,
            incident.declared_at,
            incident.severity.value,
            incident.lasted if incident.closed_at else None,
            next(filter(None, (_answer(incident, f"why_{number}") for number in range(5, 0, -1))), ""),
            _answer(incident, "fixes"),
            tuple(item for item in follow_ups_of(incident, folder) if not item.done),
            _environment(folder),
            {
                state.id: (state.concluded_at, state.last.seconds if state.last else None)
                for state in incident.steps.values()
                if state.status is StepStatus.DONE and state.concluded_at is not None
            },
        )
    except MidwatchError:
        return None


def _environment(folder: IncidentFolder) -> str:
    try:
        return load_outline(folder.runbook, site=folder.site if folder.site.exists() else None).environment.value
    except (MidwatchError, OSError):
        return ""


def _answer(incident: Incident, name: str) -> str:
    return next(filter(None, (state.values.get(name, "") for state in incident.steps.values())), "")


def seen_before_section(past: Sequence[PastIncident]) -> str:
    """As a section of a post-mortem."""
    if not past:
        return "No earlier incident of this runbook is kept beside this one."
    rows = [
        (
            text(one.id),
            text(one.severity),
            duration(one.lasted) if one.lasted is not None else "still open",
            sentence(one.cause) or "not said",
            sentence(one.fixes) or "not said",
        )
        for one in past
    ]
    waiting = [
        f"{sentence(item.what)} ({text(one.id)}; {text(item.owner or 'nobody')}, due {text(item.due or 'not said')})"
        for one in past
        for item in one.open
    ]
    tables = table(("Incident", "Severity", "Lasted", "Root cause", "Fixed by"), rows)
    return f"{tables}\n\nStill open of what was to be done then:\n\n{bullets(waiting)}" if waiting else tables
