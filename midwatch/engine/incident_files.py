"""An incident's folder: made when it is declared, with the runbook as it was then, and opened again later."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from midwatch.engine.driving import Declared, load_copies
from midwatch.incident.event_errors import event_errors
from midwatch.incident.events import Event, EventKind
from midwatch.incident.known_values import FilledRunbook
from midwatch.incident.paths import IncidentFolder, incident_id, incidents_folder
from midwatch.incident.permissions import new_folder, open_file
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident
from midwatch.journal.reader import Tail
from midwatch.runbook.expansion import expanded
from midwatch.runbook.loader import load_outline
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from midwatch.runbook.source import LIMIT
from midwatch.system.clock import Clock
from midwatch.system.durable import make_missing_folders, sync_folder
from midwatch.system.errors import BadInput, Failed, Refused
from midwatch.system.mounts import require_answer
from midwatch.system.trusted_files import read_regular, remove_tree


def make_folder(runbook: Runbook, clock: Clock) -> IncidentFolder:
    """A folder of its own for a new incident, with the runbook and the site file in it; on disk when this returns.

    Raises `Failed` when it cannot be made and `BadInput` when the runbook has changed since it was read.
    """
    logs = runbook.location_of("logs")
    require_answer(logs)
    name = incident_id(clock.now(), runbook.id)
    folder: IncidentFolder | None = None
    try:
        make_missing_folders(incidents_folder(logs))
        folder = _exclusive(incidents_folder(logs), name)
        copy_file(runbook.file, folder.runbook, expected=runbook.sha256)
        if runbook.site is not None:
            copy_file(runbook.site, folder.site, expected=runbook.site_sha256)
        for path in (
            folder.path,
            incidents_folder(logs),
            logs,
        ):  # a power cut must not leave a journal without its runbook
            sync_folder(path)
    except (OSError, BadInput) as error:
        if folder is not None:  # nothing was declared, so no incident may seem to be there, damaged
            unmake(folder)
        if isinstance(error, BadInput):
            raise
        hint = f"Make room or rights below {logs}, or set locations.logs to another folder"
        raise Failed(f"The incident's folder cannot be made: {error.strerror or error}", hint=hint) from error
    return folder


def unmake(folder: IncidentFolder) -> None:
    """Take away the folder of an incident that could not be declared: what would be left looks like a damaged one."""
    remove_tree(folder.path)


def _exclusive(parent: Path, name: str) -> IncidentFolder:
    for number in range(1, 100):
        folder = IncidentFolder(parent / (name if number == 1 else f"{name}-{number}"))
        try:
            new_folder(folder.path)
        except FileExistsError:
            continue
        return folder
    raise Failed(f"There are a hundred incidents named {name}", hint="Wait a minute, or resume one: midwatch incidents")


def copy_file(source: Path, target: Path, *, expected: str) -> None:
    """Copy a runbook or site file that was read, to disk. Raises `BadInput` when it has changed since then."""
    data = read_regular(source, limit_bytes=LIMIT)
    if hashlib.sha256(data).hexdigest() != expected:
        raise BadInput(f"{source} was changed after it was read", hint="Start again")
    descriptor = open_file(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def declared_body(
    runbook: Runbook, folder: IncidentFolder, host: str, severity: Severity | None, inputs: Mapping[str, str]
) -> dict[str, Any]:
    """The body of `incident.declared`."""
    return {
        "id": folder.id,
        "title": runbook.title,
        "severity": (severity or runbook.severity).value,
        "runbook": str(runbook.file),
        "runbook_sha256": runbook.sha256,
        "site": str(runbook.site or ""),
        "site_sha256": runbook.site_sha256,
        "base": str(runbook.base),
        "host": host,
        "inputs": dict(inputs),
    }


def load_original(folder: IncidentFolder, events: Sequence[Event]) -> Runbook:
    """The incident's copy of its runbook, its relative paths starting where the journal says. Raises `BadInput`."""
    return load_copies(folder, Declared.of(folder, events).base)


def reopen(folder: IncidentFolder, tail: Tail | None = None) -> tuple[Runbook, list[Event]]:
    """The incident's copy of its runbook, to show what happened, and its events so far, which `tail` follows. Raises
    `BadInput`.

    Nothing of it may be run before `midwatch.engine.driving` has compared it.
    """
    events = _read_events(folder, tail or Tail(folder.journal))
    with event_errors(folder.id):
        items = {str(e.body["step"]): e.body["items"] for e in events if e.kind == EventKind.LOOP_ITEMS}
        return expanded(load_original(folder, events), items), events


def outline(folder: IncidentFolder, own: Runbook) -> tuple[Incident, Runbook]:
    """How the incident stands, by its journal and an outline of its runbook, to be shown before anything else is
    loaded.

    `own` is the outline of the operator's runbook, which is used where its content is the declared one. Raises
    `BadInput`, and `Refused` when the copies are not the declared ones.
    """
    events = _read_events(folder, Tail(folder.journal))
    said = Declared.of(folder, events)
    runbook = own if not said.difference(own) else load_copies(folder, said.base, load_outline)
    if difference := said.difference(runbook):
        raise Refused(difference)
    with event_errors(folder.id):
        incident = reduce(events)
        return incident, FilledRunbook(runbook).at(incident)


def _read_events(folder: IncidentFolder, tail: Tail) -> list[Event]:
    events = tail.poll()
    if not events or events[0].kind != EventKind.DECLARED:
        raise BadInput(
            f"{folder.journal} does not begin with a declaration", hint=f"Look at it: midwatch verify {folder.id}"
        )
    return events
