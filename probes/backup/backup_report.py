"""The backups that another tool lists: `pgbackrest info --output=json`, `barman -f json list-backups`, `wal-g
backup-list --detail --json`.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import ExternalCommand, Target
from midwatch.system.clock import Clock
from midwatch.system.errors import BadInput, Failed, MidwatchError, OutcomeUnknown
from midwatch.system.external_command import run_script
from midwatch.system.sanitize import safe_text
from probes.backup.backup_catalog import backups_of
from probes.backup.listed_backup import ListedBackup

_LIMIT_BYTES = 8_000_000
"""Bytes of a report that are read: some thousand backups."""
_NO_BACKUPS = 2
"""The status of a stanza of pgBackRest that is complete but empty; 0 is one with backups."""
_MIXED = 4
"""The status of a stanza whose repositories differ."""
_GOOD_OF_BARMAN = "DONE"
"""Before that, as WAITING_FOR_WALS, a backup is not consistent; Barman's own redundancy does not count it either."""
_BARMAN_TIME = "%a %b %d %H:%M:%S %Y"
_RUNNING_OF_BARMAN = ("EMPTY", "STARTED")
_TIMES_OF_WAL_G = ("start_time", "time", "creation_time", "modified", "last_modified", "modification_time")
"""The start where the list has details, else when the backup was stored; the names differ between versions."""
_EMPTY_OF_WAL_G = "No backups found"
"""What WAL-G writes to standard error instead of an empty list."""
_NO_TIME = datetime(1, 1, 2, tzinfo=UTC)
"""Before that: the time that WAL-G writes where it knows none."""
_TOOLS = "pgbackrest info --output=json, barman -f json list-backups SERVER, or wal-g backup-list --detail --json"


class ReportCache:
    """Keeps the last answer of each report for a while: a panel is read more often than a tool should list a bucket."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._answers: dict[ExternalCommand, tuple[float, datetime, list[ListedBackup] | MidwatchError]] = {}

    def backups(
        self, runbook: Runbook, report: ExternalCommand, clock: Clock
    ) -> tuple[datetime, list[ListedBackup] | MidwatchError]:
        """When the command was run last, and its backups as `reported_backups` gives them, or why it gave none."""
        known = self._answers.get(report)
        if known is None or clock.monotonic() - known[0] >= self._keep_s:
            began, at = clock.monotonic(), clock.now()
            answer: list[ListedBackup] | MidwatchError
            try:
                answer = reported_backups(runbook, report)
            except MidwatchError as error:
                answer = error
            known = self._answers[report] = (began, at, answer)
        return known[1:]


def list_backups(runbook: Runbook, target: Target) -> list[ListedBackup]:
    """The backups of a target, those of Midwatch and those of its report, the newest first.

    Raises `OSError` and `MidwatchError` as long as any of them cannot be listed.
    """
    found = [ListedBackup.from_file(backup) for backup in backups_of(runbook, target)]
    if target.backup_report is not None:
        found += reported_backups(runbook, target.backup_report)
    return sorted(found, key=lambda backup: backup.started, reverse=True)


def reported_backups(runbook: Runbook, report: ExternalCommand) -> list[ListedBackup]:
    """Run the command of a target's `backup_report` and return its backups, the newest first.

    Raises `BadInput` when the command cannot be read, `Failed` when it fails, `OutcomeUnknown` when nobody can tell
    what there is.
    """
    try:
        argv = shlex.split(report.command)
    except ValueError as error:
        raise BadInput(f"The command {report.command!r} cannot be read: {error}", hint="Look at its quotes") from None
    ended = run_script(argv, runbook.base, limit=report.timeout, environment=os.environ, head_bytes=_LIMIT_BYTES)
    if ended.exit:
        lines = (ended.errors or ended.output).strip().splitlines()
        said = f": {safe_text(lines[-1].strip())}" if lines else ""
        raise Failed(f"{argv[0]} ended with {ended.exit}{said}", hint=f"Run it in a shell: {report.command}")
    if not ended.output.strip() and _EMPTY_OF_WAL_G in ended.errors:
        return []
    return read_report(ended.output)


def read_report(text: str) -> list[ListedBackup]:
    """The backups in the JSON of pgBackRest, Barman or WAL-G, the newest first.

    Raises `OutcomeUnknown` for any other text, and where the tool itself cannot tell.
    """
    try:
        data = json.loads(text)
        found = _parse(data)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        OSError,
        RecursionError,
        StopIteration,
    ) as error:
        hint = f"The command has to be like {_TOOLS}"
        raise OutcomeUnknown("This is no list of backups that Midwatch can read", hint=hint) from error
    return sorted(found, key=lambda backup: backup.started, reverse=True)


def _parse(data: Any) -> list[ListedBackup]:
    if isinstance(data, dict):
        return [backup for item in _only(data, "server of Barman") if (backup := _of_barman(item)) is not None]
    if not isinstance(data, list):
        raise TypeError
    if not data:
        return []
    if "backup_name" in data[0]:
        return [_of_wal_g(item) for item in data]
    stanza = _only({item["name"]: item for item in data}, "stanza of pgBackRest")
    status = stanza["status"]
    if status["code"] not in (0, _NO_BACKUPS, _MIXED):
        hint = "pgbackrest info tells more"
        raise OutcomeUnknown(f"pgBackRest: {stanza['name']}: {safe_text(str(status['message']))}", hint=hint)
    return [_of_pgbackrest(item) for item in stanza["backup"]]


def _only(found: Mapping[str, Any], what: str) -> Any:
    """The only one; there is no telling which of several is the target's."""
    if len(found) > 1:
        names = safe_text(", ".join(sorted(found)))
        raise OutcomeUnknown(f"The report has more than one {what}: {names}", hint="Name the target's in the command")
    return next(iter(found.values()), [])


def _of_pgbackrest(item: Mapping[str, Any]) -> ListedBackup:
    started, ended = item["timestamp"]["start"], item["timestamp"]["stop"]
    info = item["info"]
    size = info.get("repository", {}).get("delta", info.get("delta", info.get("size", 0)))
    place = f"pgBackRest repository {item['database'].get('repo-key', 1)}"
    is_good = item.get("error") is not True  # null, where page checksums are not on
    return ListedBackup(
        str(item["label"]), f"pgBackRest {item['type']}", _moment(started), float(ended - started), int(size), is_good,
        place,
    )  # fmt: skip


def _of_barman(item: Mapping[str, Any]) -> ListedBackup | None:
    """None for one that is being made: its size and end are not known."""
    status = str(item["status"])
    if status in _RUNNING_OF_BARMAN:
        return None
    name, took = str(item["backup_id"]), None
    started = datetime.strptime(name, "%Y%m%dT%H%M%S").astimezone()  # its name is the local time of its start
    if item.get("end_time_timestamp"):
        ended = _moment(float(item["end_time_timestamp"]))
        ahead = datetime.strptime(item["end_time"], _BARMAN_TIME).replace(tzinfo=UTC) - ended
        started = started.replace(tzinfo=UTC) - ahead  # `ahead` is the zone of Barman's host
        took = max(0.0, (ended - started).total_seconds())
    size, is_good = int(item.get("size_bytes") or 0), status == _GOOD_OF_BARMAN
    return ListedBackup(name, "Barman", started.astimezone(UTC), took, size, is_good, "Barman")


def _of_wal_g(item: Mapping[str, Any]) -> ListedBackup:
    started = next(moment for key in _TIMES_OF_WAL_G if (moment := _time(item.get(key))) is not None)
    ended = _time(item.get("finish_time")) if _time(item.get("start_time")) else None
    took = (ended - started).total_seconds() if ended else None
    name = str(item["backup_name"])
    kind = "WAL-G delta" if "_D_" in name else "WAL-G full"
    size = int(item.get("compressed_size") or item.get("uncompressed_size") or 0)
    return ListedBackup(name, kind, started, took, size, True, f"WAL-G {item.get('storage_name') or 'default'}")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _time(text: str | None) -> datetime | None:
    """A time of WAL-G; None where it has none. Raises `ValueError`."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.astimezone(UTC) if found > _NO_TIME else None
