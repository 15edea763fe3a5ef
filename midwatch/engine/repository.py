"""The incidents that there are: listed, found by name, and told in a line each."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from midwatch.incident.events import ENDS, Event, EventKind
from midwatch.incident.paths import IncidentFolder, incidents_folder
from midwatch.incident.reducer import reduce
from midwatch.incident.tally import Tally
from midwatch.journal.reader import read
from midwatch.system.errors import BadInput, Failed, MidwatchError, OutcomeUnknown
from midwatch.system.mounts import require_answer
from midwatch.system.suggestion import did_you_mean
from midwatch.system.trust import Trust
from midwatch.system.units import first_few


@dataclass(frozen=True, slots=True)
class Summary:
    """One incident in a line."""

    id: str
    title: str = ""
    severity: str = ""
    opened: datetime | None = None
    closed: datetime | None = None
    """When it was closed or abandoned."""
    state: str = ""
    """`open`, `closed` or `abandoned`."""
    driver: str = ""
    """Who holds control now; empty when nobody does, also after a driver that was killed."""
    steps: Tally | None = None
    """How many steps have each status; None when the incident's runbook cannot be read."""
    events: int = 0
    problem: str = ""
    """Why it counts as damaged; the other fields are then not to be trusted."""


def incidents(logs: Path, runbook_id: str = "") -> list[IncidentFolder]:
    """Every incident's folder below `logs`, or those of a runbook, newest first. Raises `Failed` when `logs` cannot be
    read."""
    shelf = incidents_folder(logs)
    require_answer(shelf)
    try:
        folders = [IncidentFolder(path) for path in shelf.iterdir() if _is_incident(path)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Failed(
            f"The incidents in {shelf} cannot be listed: {error.strerror}", hint="See to its rights"
        ) from error
    folders = [folder for folder in folders if not runbook_id or _is_of(folder, runbook_id)]
    folders.sort(key=lambda folder: (_minute(folder), folder.id), reverse=True)
    newest_first: list[IncidentFolder] = []
    for _, group in groupby(folders, _minute):
        same_minute = list(group)
        if len(same_minute) > 1:  # an id has no seconds
            same_minute.sort(
                key=lambda folder: [event.time.timestamp() for event in events_of(folder)[:1]], reverse=True
            )
        newest_first += same_minute
    return newest_first


def _is_incident(path: Path) -> bool:
    """Whether a folder has this name. A link counts when this user or root made it and what it leads to answers."""
    if path.name.startswith("."):
        return False
    status = path.lstat()
    if not stat.S_ISLNK(status.st_mode) or status.st_uid not in Trust.own().owners:
        return stat.S_ISDIR(status.st_mode)
    try:
        require_answer(path)
    except OutcomeUnknown:
        return False
    return path.is_dir()


def find(logs: Path, name: str, runbook_id: str = "") -> IncidentFolder:
    """The incident with this id, with the one id that begins so, or the `latest`; of this runbook, where one is named.

    The latest is the open one that was declared last, else the last of all. Raises `BadInput` with near names.
    """
    folders = incidents(logs, runbook_id)
    if not folders:
        of = f" of the runbook {runbook_id}" if runbook_id else ""
        raise BadInput(f"There are no incidents{of} in {incidents_folder(logs)}", hint="Declare one: midwatch")
    if name == "latest":
        return _newest_open(folders) or folders[0]
    exact = [folder for folder in folders if folder.id == name]
    found = exact or [folder for folder in folders if name and folder.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        names = first_few((folder.id for folder in found), 4)
        raise BadInput(
            f"{name} is the beginning of {len(found)} incidents: {names}", hint="Write more of it, or latest"
        )
    hint = did_you_mean(name, [folder.id for folder in folders], "See them: midwatch incidents", cutoff=0.5)
    raise BadInput(f"There is no incident {name}", hint=hint)


def open_incident(logs: Path, runbook_id: str) -> IncidentFolder | None:
    """The newest incident of this runbook that is not closed; None when there is none. Damaged ones do not count."""
    return _newest_open(incidents(logs, runbook_id))


def _newest_open(folders: list[IncidentFolder]) -> IncidentFolder | None:
    return next((folder for folder in folders if is_open(events_of(folder))), None)


def is_open(events: list[Event]) -> bool:
    """Whether these are the events of an incident that has not ended; none are those of no open one."""
    return bool(events) and not any(event.kind in ENDS for event in events)


def events_of(folder: IncidentFolder) -> list[Event]:
    """The events of the incident; none where its journal is damaged or does not begin with a declaration."""
    try:
        events = read(folder.journal)
    except MidwatchError:
        return []
    return events if events and events[0].kind == EventKind.DECLARED else []


def summary(folder: IncidentFolder) -> Summary:
    """The incident in a line. Never raises: what is wrong with it is its `problem`."""
    try:
        events = read(folder.journal)
        if not events or events[0].kind != EventKind.DECLARED:
            return Summary(folder.id, problem="its journal does not begin with a declaration")
        return _summary(folder, events)
    except MidwatchError as error:
        return Summary(folder.id, problem=str(error))
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
    ) as error:  # an event whose body is not as specified
        return Summary(folder.id, problem=f"an event of its journal is malformed: {type(error).__name__} {error}")


def _summary(folder: IncidentFolder, events: list[Event]) -> Summary:
    from midwatch.control.lease import driver_of
    from midwatch.engine.incident_files import load_original

    incident = reduce(events)
    driver = driver_of(folder)
    try:
        from midwatch.runbook.expansion import expanded

        runbook = load_original(folder, events)
        steps = incident.tally(expanded(runbook, incident.items).steps())
    except MidwatchError:
        steps = None
    return Summary(
        id=folder.id,
        title=incident.title,
        severity=incident.severity.value,
        opened=incident.declared_at,
        closed=incident.closed_at,
        state=incident.word,
        driver=driver.actor if driver else "",
        steps=steps,
        events=len(events),
    )


def _is_of(folder: IncidentFolder, runbook_id: str) -> bool:
    """By the name `INC-DATE-TIME-RUNBOOK`, with a number behind it for a second one in the same minute."""
    rest = folder.id.split("-", 3)[-1]
    return rest == runbook_id or (rest.startswith(f"{runbook_id}-") and rest[len(runbook_id) + 1 :].isdigit())


def _minute(folder: IncidentFolder) -> tuple[str, str]:
    """Date and time in the id; empty where it has none."""
    parts = folder.id.split("-")
    return ("", "") if len(parts) < 4 else (parts[1], parts[2])
