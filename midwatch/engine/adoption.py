"""An edited runbook is adopted in the middle of an incident: by its difference, with a reason, journalled.

The journal's last digests are the authority for the incident's copies. The new copies lie beside the old ones before
the event is written, and take their place after it; `finish` completes that when the driver was killed in between.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midwatch.engine import policy
from midwatch.engine.driving import NO_SITE, Declared
from midwatch.engine.incident_files import copy_file, load_original
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.reasons import require_reason
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import read_file
from midwatch.reports.event_text import steps_words
from midwatch.runbook.loader import load
from midwatch.runbook.loops import loop_of
from midwatch.runbook.model import Runbook, Step
from midwatch.runbook.source import LIMIT
from midwatch.system.durable import sync_folder
from midwatch.system.errors import Failed, MidwatchError, Refused
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import read_regular

_LONGEST_CHARACTERS = 16_000
"""Characters of a difference that are shown and journalled."""
_ELSEWHERE = ("place", "number")
"""Fields of a step that change with the lines above it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How the runbook where it was declared from differs from the incident's copy."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    """Ids of steps."""
    text: str
    """Of both files, as `diff -u` has it."""
    digests: tuple[str, str]
    """SHA-256 of the source's runbook and site file: only these very files are adopted."""

    @property
    def words(self) -> str:
        """Which steps differ, in a line."""
        return steps_words({"steps": self.steps})

    @property
    def lines(self) -> list[str]:
        """All of it, for whoever decides on it."""
        return [f"The runbook was edited since the declaration: {self.words}.", *self.text.splitlines()]

    @property
    def steps(self) -> Mapping[str, tuple[str, ...]]:
        """The same, as the journal has them."""
        return {"added": self.added, "removed": self.removed, "changed": self.changed}


class Adoption:
    """Compares the incident's copy with its source, and adopts the source."""

    def __init__(self, session: JournalSession) -> None:
        self._session = session

    def edited_source(self) -> Difference | None:
        """How the source differs from the incident's copy; None when it does not, or cannot be read."""
        try:
            return self.difference()[1]
        except MidwatchError:
            return None

    def difference(self) -> tuple[Runbook, Difference | None]:
        """The source, and how it differs from the copy. Raises `MidwatchError` for a source that cannot be used."""
        session = self._session
        said = Declared.of(session.folder, session.events)
        source = self._source(said)
        if not said.difference(source):
            return source, None
        copy = load_original(session.folder, session.events)
        return source, difference_of(copy, source)

    def adopt(self, shown: Difference, reason: str) -> None:
        """Go on by the source, as the difference that was shown says. What is done stays done; every approval lapses,
        since each plan names the runbook.

        Raises `Refused` without a reason, when the source was edited again, and when a step that runs was changed or
        removed.
        """
        session = self._session
        session.require_driver()
        require_reason(reason)
        source, difference = self.difference()
        if difference is None or difference.digests != shown.digests:
            raise Refused("The runbook was edited again since its difference was shown", hint="Read it again")
        with session.mutex:
            policy.require_open(session.incident)
            _require_none_running(session, difference)
            _stage(session.folder, source)
            body = {
                "runbook": str(source.file),
                "runbook_sha256": source.sha256,
                "site": str(source.site or ""),
                "site_sha256": source.site_sha256,
                "base": str(source.base),
                "steps": difference.steps,
                "difference": difference.text,
                "reason": reason,
            }
            session.append(EventKind.ADOPTED, body)
            session.trust_runbook()
            session.refresh_secrets()

    def _source(self, said: Declared) -> Runbook:
        """The runbook that the operator named or has here, else the one that the journal names, if they trust it."""
        own = self._session.own
        runbook_id = self._session.runbook.id
        if own is not None and own.id == runbook_id:
            return load(own.file, site=own.site, environment=NO_SITE)
        source = load(said.runbook, site=said.site, environment=NO_SITE, trust=Trust.own())
        if source.id != runbook_id:
            raise Refused(f"{source.file} is the runbook {source.id}, not {runbook_id}", hint="Declare a new incident")
        return source


def difference_of(copy: Runbook, source: Runbook) -> Difference:
    """The steps that differ, wherever they stand now, and the lines of both files."""
    before, after = _steps(copy), _steps(source)
    lines = [*_lines("runbook.yaml", copy.file, source.file), *_lines("site.yaml", copy.site, source.site)]
    text = "\n".join(lines)
    if len(text) > _LONGEST_CHARACTERS:
        text = f"{text[:_LONGEST_CHARACTERS]}\n… ({len(lines)} lines)"
    return Difference(
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
        tuple(name for name in after if name in before and _content(after[name]) != _content(before[name])),
        text,
        (source.sha256, source.site_sha256),
    )


def _steps(runbook: Runbook) -> Mapping[str, Step]:
    return {step.id: step for phase in runbook.authored or runbook.phases for step in phase.steps}


def _content(value: Any) -> Any:
    """What a step says, without where it stands."""
    if dataclasses.is_dataclass(value):
        fields = (field for field in dataclasses.fields(value) if field.compare and field.name not in _ELSEWHERE)
        return tuple(_content(getattr(value, field.name)) for field in fields)
    if isinstance(value, Mapping):
        return tuple((name, _content(item)) for name, item in value.items())
    return tuple(map(_content, value)) if isinstance(value, tuple) else value


def _lines(name: str, before: Path | None, after: Path | None) -> list[str]:
    old = read_file(before, limit_bytes=LIMIT) if before else b""
    new = read_regular(after, limit_bytes=LIMIT) if after else b""
    lines = [data.decode("utf-8", "replace").splitlines() for data in (old, new)]
    return list(difflib.unified_diff(lines[0], lines[1], f"incident/{name}", str(after or "none"), lineterm="", n=1))


def _require_none_running(session: JournalSession, difference: Difference) -> None:
    for state in session.incident.running():
        if loop_of(state.id)[0] in (*difference.removed, *difference.changed):
            title = session.runbook.step(state.id).title
            raise Refused(f"{title} is running, and the edited runbook changes it", hint="Wait for it or cancel it")


def _stage(folder: IncidentFolder, source: Runbook) -> None:
    """Write the new copies beside the old ones, and keep the old ones under another name."""
    try:
        for target, file, sha256 in (
            (folder.runbook, source.file, source.sha256),
            (folder.site, source.site, source.site_sha256),
        ):
            folder.staged(target).unlink(missing_ok=True)
            if file is not None:
                copy_file(file, folder.staged(target), expected=sha256)
            if os.path.lexists(target):
                before = hashlib.sha256(read_file(target, limit_bytes=LIMIT)).hexdigest()
                with contextlib.suppress(FileExistsError):
                    os.link(target, folder.path / f"{target.stem}-{before[:12]}.yaml", follow_symlinks=False)
        sync_folder(folder.path)
    except OSError as error:
        hint = f"Make room or rights in {folder.path}"
        raise Failed(f"The edited runbook cannot be copied: {error.strerror or error}", hint=hint) from error
