"""Whether this user may drive an incident: whoever drives runs what its runbook says, as themselves.

In a folder that only this user and root can write to, it is enough that the incident's copies of runbook and site file
have the digests of the journal. In any other folder somebody else could have written journal, copies and digests. There
the runbook has to be one that this user trusts anyway (docs/decisions/0015-who-may-drive.md).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import read_file
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.runbook.source import LIMIT
from midwatch.system.durable import sync_folder
from midwatch.system.errors import MidwatchError, Refused
from midwatch.system.trust import Trust, UntrustedFile
from midwatch.system.trusted_files import open_folder, open_trusted

NO_SITE: Mapping[str, str] = {"MIDWATCH_SITE": ""}


@dataclass(frozen=True, slots=True)
class Declared:
    """What the journal says of the files that an incident was declared with."""

    incident: str
    by: str
    runbook: Path
    runbook_sha256: str
    site: Path | None
    site_sha256: str
    """Empty when there was no site file."""
    base: Path
    is_adopted: bool
    """Whether these files were adopted after the declaration."""

    @classmethod
    def of(cls, folder: IncidentFolder, events: Sequence[Event]) -> Self:
        """Read `incident.declared`, and the last `runbook.adopted` instead where there is one."""
        event = next((event for event in reversed(events) if event.kind == EventKind.ADOPTED), events[0])
        body: Mapping[str, Any] = event.body
        site = str(body.get("site", ""))
        return cls(
            incident=folder.id,
            by=event.actor,
            runbook=Path(str(body.get("runbook", ""))),
            runbook_sha256=str(body.get("runbook_sha256", "")),
            site=Path(site) if site else None,
            site_sha256=str(body.get("site_sha256", "")),
            base=Path(str(body.get("base", ""))),
            is_adopted=event.kind == EventKind.ADOPTED,
        )

    def difference(self, runbook: Runbook) -> str:
        """Which file of this runbook is not the declared one; empty when both are."""
        if runbook.sha256 != self.runbook_sha256:
            declared = _short(self.runbook_sha256)
            return f"{runbook.file} has the SHA-256 {_short(runbook.sha256)}, the declared runbook {declared}"
        if runbook.site_sha256 != self.site_sha256:
            site = runbook.site or "no site file"
            return (
                f"{site} has the SHA-256 {_short(runbook.site_sha256)}, the declared site file "
                f"{_short(self.site_sha256)}"
            )
        return ""


def drivable_runbook(folder: IncidentFolder, events: Sequence[Event], own: Runbook | None) -> Runbook:
    """The incident's runbook, for whoever is about to drive it. `own` is the runbook that the operator named or has
    here.

    Raises `Refused` when the copies are not the declared ones, or when this user has no reason to trust what was
    declared.
    """
    said = Declared.of(folder, events)
    if (own_id := str(events[0].body.get("id", ""))) != folder.id:
        hint = "Give the folder its name back, or declare a new incident: midwatch --new"
        raise Refused(f"The journal in {folder.path} is that of another incident: {own_id}", hint=hint)
    _finish_adoption(folder, said)
    copies = load_copies(folder, said.base)
    if copies.sha256 != said.runbook_sha256:
        raise _changed(folder.runbook, said.runbook_sha256, copies.sha256)
    if copies.site_sha256 != said.site_sha256:
        raise _changed(folder.site, said.site_sha256, copies.site_sha256)
    if _is_own(folder, said):
        return copies
    return dataclasses.replace(copies, base=_trusted_base(said, own))


def _finish_adoption(folder: IncidentFolder, said: Declared) -> None:
    """Put the adopted files in the place of the incident's copies, where that was not done yet."""
    for copy, expected in ((folder.runbook, said.runbook_sha256), (folder.site, said.site_sha256)):
        staged = folder.staged(copy)
        with contextlib.suppress(OSError):  # copies that are not the journal's are refused by whoever drives
            if not expected and said.is_adopted:
                copy.unlink()
            elif hashlib.sha256(read_file(staged, limit_bytes=LIMIT)).hexdigest() == expected:
                staged.replace(copy)
                sync_folder(folder.path)


def load_copies(folder: IncidentFolder, base: Path, load: Callable[..., Runbook] = load) -> Runbook:
    """The runbook in an incident's folder, its relative paths starting in `base`. Raises `RunbookErrors`."""
    site = folder.site if os.path.lexists(folder.site) else None
    return dataclasses.replace(load(folder.runbook, site=site, environment=NO_SITE), base=base)


def require_same_files(folder: IncidentFolder, runbook: Runbook) -> None:
    """Raise `Refused` unless the incident's copies of runbook and site file still are what was read from them."""
    for path, expected in ((folder.runbook, runbook.sha256), (folder.site, runbook.site_sha256)):
        try:
            found = hashlib.sha256(read_file(path, limit_bytes=LIMIT)).hexdigest()
        except FileNotFoundError:
            found = ""
        except OSError as error:
            raise Refused(f"{path} cannot be read: {error.strerror}", hint="Nothing runs until it can be") from error
        if found != expected:
            raise _changed(path, expected, found)


def _is_own(folder: IncidentFolder, said: Declared) -> bool:
    """Whether nobody but this user and root could have written any of it."""
    trust = Trust.own()
    files = [folder.journal, folder.runbook, *([folder.site] if said.site_sha256 else [])]
    try:
        os.close(open_folder(folder.path, trust))
        for file in files:
            os.close(open_trusted(file, trust))
    except (OSError, UntrustedFile):
        return False
    return True


def _trusted_base(said: Declared, own: Runbook | None) -> Path:
    """Where relative paths start: in the folder of a trusted runbook with the declared content. Raises `Refused`."""
    reasons = []
    if own is not None:
        if not (reason := said.difference(own)):
            return own.base
        reasons.append(reason)
    try:
        if said.site is not None:
            os.close(open_trusted(said.site, Trust.own()))
        recorded = load(said.runbook, site=said.site, environment=NO_SITE, trust=Trust.own())
        if not (reason := said.difference(recorded)):
            return recorded.base
    except MidwatchError as error:
        reason = error.sentence.rstrip(".")
    except (OSError, ValueError) as error:
        reason = f"{said.runbook}: {getattr(error, 'strerror', None) or error}"
    if reason not in reasons:
        reasons.append(reason)
    raise Refused(
        f"{said.incident} lies where others can write, was declared by {said.by}, and its runbook is none that "
        "you trust:"
        f" {'; '.join(reasons)}",
        hint=f"Name a file of your own that is the same: midwatch RUNBOOK --incident {said.incident};"
        " or follow along: midwatch --observe",
    )


def _changed(path: Path, expected: str, found: str) -> Refused:
    what = f"SHA-256 {_short(expected)} → {_short(found)}"
    hint = "Put the file back as it was, or declare a new incident: midwatch --new"
    return Refused(f"{path.name} of the incident was changed: {what}", hint=hint)


def _short(sha256: str) -> str:
    return sha256[:12] or "no file"
