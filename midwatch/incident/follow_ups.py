"""The follow-up actions of an incident: as people answered them, and what became of each since.

The answers are in the journal, which ends with the incident. What comes later (a ticket, a new date, done) is a line in
the file `follow-ups.jsonl` beside the journal.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import open_file, read_file
from midwatch.incident.state import Incident
from midwatch.system.clock import Clock, to_rfc3339
from midwatch.system.errors import BadInput, Failed
from midwatch.system.strict_json import read_object

ANSWER = "follow_ups"
"""The name of the question that asks for them."""
KINDS = ("prevent", "detect", "mitigate")
_PRIORITY = re.compile(r"P[0-5]", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_FIELD_LIMIT = 2_000


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One follow-up action."""

    what: str
    owner: str = ""
    due: str = ""
    priority: str = ""
    """`P0` to `P5`."""
    kind: str = ""
    """`prevent`, `detect` or `mitigate`."""
    ticket: str = ""
    done: str = ""
    """When it was done and by whom; empty while it is open."""
    opening: str = ""
    """Since when a ticket is being opened, whose number is not known."""

    @property
    def missing(self) -> str:
        """What it lacks; empty when it is complete."""
        if not self.what:
            return "says nothing"
        if not self.owner:
            return "has no owner"
        if self.due_date is None:
            return f"has no date such as 2026-12-01 ({self.due})" if self.due else "has no due date"
        return ""

    @property
    def due_date(self) -> date | None:
        """The due date; None where it is no date."""
        try:
            return date.fromisoformat(self.due)
        except ValueError:
            return None

    def days_late(self, today: date) -> int:
        """For how many days it is overdue; 0 where it is not."""
        return max(0, (today - self.due_date).days) if self.due_date and not self.done else 0


def parse_follow_ups(text: str) -> list[FollowUp]:
    """Read a line each: `what; owner; due`, then in any order a priority (`P1`), a kind and a ticket.

    The last date counts, so that the first part may hold semicolons.
    """
    return [_parsed(line) for line in text.splitlines() if line.strip()]


def _parsed(line: str) -> FollowUp:
    parts = [part.strip() for part in line.split(";")]
    dates = [index for index, part in enumerate(parts) if index >= 2 and _DATE.fullmatch(part)]
    if not dates:
        what, owner, due = [*(part.strip() for part in line.rsplit(";", 2)), "", ""][:3]
        return FollowUp(what, owner, due)
    at = dates[-1]
    found = FollowUp("; ".join(parts[: at - 1]), parts[at - 1], parts[at])
    for part in filter(None, parts[at + 1 :]):
        if _PRIORITY.fullmatch(part):
            found = replace(found, priority=part.upper())
        elif part.lower() in KINDS:
            found = replace(found, kind=part.lower())
        else:
            found = replace(found, ticket=part)
    return found


def answered(incident: Incident) -> list[FollowUp]:
    """Those that the answers of the journal name."""
    texts = [state.values.get(ANSWER, "") for state in incident.steps.values()]
    return parse_follow_ups(next((text for text in reversed(texts) if text), ""))


def follow_ups_of(incident: Incident, folder: IncidentFolder) -> list[FollowUp]:
    """All of an incident, with what became of them. Raises `Failed` when the file beside the journal is unreadable."""
    found = {item.what: item for item in answered(incident)}
    for change in _changes(folder):
        item = found.get(change["what"], FollowUp(change["what"]) if change.get("added") else None)
        if item is not None:
            found[item.what] = replace(item, **{key: change[key] for key in _NAMES if key in change})
    return list(found.values())


_NAMES = tuple(field.name for field in fields(FollowUp) if field.name != "what")


def _changes(folder: IncidentFolder) -> list[Mapping[str, Any]]:
    """The lines of the file; a line that a crash tore, or that is none of ours, says nothing."""
    try:
        lines = read_file(folder.follow_ups).split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Failed(f"{folder.follow_ups} cannot be read: {error.strerror}") from error
    found: list[Mapping[str, Any]] = []
    for line in filter(None, lines):
        try:
            change = read_object(line)
        except ValueError:
            continue
        given = [change.get("what"), *(change[key] for key in _NAMES if key in change)]
        if all(isinstance(value, str) and len(value) <= _FIELD_LIMIT for value in given):
            found.append(change)
    return found


def record(folder: IncidentFolder, item: FollowUp, clock: Clock, actor: str, **change: str) -> None:
    """Keep a change of a follow-up action, on disk when this returns. Raises `BadInput` and `Failed`."""
    if any(len(value) > _FIELD_LIMIT or "\n" in value for value in (item.what, *change.values())):
        raise BadInput(f"A follow-up takes a line of at most {_FIELD_LIMIT:,} characters for each of its parts")
    line = json.dumps({"at": to_rfc3339(clock.now()), "by": actor, "what": item.what, **change})
    try:
        descriptor = open_file(folder.follow_ups, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            size = os.fstat(descriptor).st_size
            torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, (b"\n" if torn else b"") + line.encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Failed(f"{folder.follow_ups} cannot be written: {error.strerror}") from error


def add(folder: IncidentFolder, item: FollowUp, clock: Clock, actor: str) -> None:
    """Keep one more follow-up action. Raises `BadInput` and `Failed`."""
    given = {name: value for name in _NAMES if (value := getattr(item, name))}
    record(folder, item, clock, actor, added="yes", **given)
