"""Parses destinations, and chooses the first one with enough space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actions.destinations.destination import Destination, Room
from actions.destinations.folder import Folder
from actions.destinations.ssh import Ssh
from actions.destinations.ssh_command import parse
from actions.destinations.standard_output import StandardOutput
from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput, MidwatchError, Refused
from probes.backup.backup_catalog import emergency_places
from probes.storage.disk_usage import budgets_of

_KINDS = "a folder on another mount, ssh://host/dir, s3://bucket/folder, or - for standard output"


def destination_of(runbook: Runbook, text: str) -> Destination:
    """The place that a text names: a folder, `ssh://host/dir`, `ssh host:dir`, `s3://bucket/x`, or `-`. Raises
    `BadInput`."""
    if text == "-":
        return StandardOutput()
    if text.startswith(("ssh://", "ssh ")):
        config = runbook.locations.get("ssh_config", "")
        return Ssh(*parse(text, runbook.resolve(config) if config else None))
    if text.startswith("s3://"):
        from actions.destinations.s3 import parse as parse_bucket

        return parse_bucket(text)
    if "://" in text:
        raise BadInput(f"{text!r} is no destination for a backup", hint=f"Give {_KINDS}")
    path = runbook.resolve(text)
    return Folder(path, budgets_of(runbook), shown(runbook, path))


def shown(runbook: Runbook, path: Path) -> str:
    """The path as the plan writes it: `emergency-backup/arp-prod-….sql.gz`."""
    return str(path.relative_to(runbook.base)) if path.is_relative_to(runbook.base) else str(path)


def destinations_of(runbook: Runbook, given: Sequence[str]) -> list[Destination]:
    """Those that were given, else those of the site, in order. Raises `BadInput`."""
    return [destination_of(runbook, text) for text in given or emergency_places(runbook)]


def first_with_room(places: Sequence[Destination], expected: int) -> tuple[Destination, Room, list[str]]:
    """The first that takes so many bytes, and why those before it do not. Raises `Refused` that names each."""
    passed = []
    for place in places:
        try:
            room = place.room(expected)
        except MidwatchError as error:
            passed.append(error.sentence)
            continue
        if not room.refusal:
            return place, room, passed
        passed.append(room.refusal)
    raise Refused("; ".join(passed), hint=f"Set locations.emergency, or --destination, to {_KINDS}")


def locate(runbook: Runbook, location: str) -> tuple[Destination, str]:
    """The destination of a backup and its name there, from its `location`. Raises `BadInput`."""
    if "://" not in location:
        path = runbook.resolve(location)
        return Folder(path.parent), path.name
    folder, _, name = location.rpartition("/")
    return destination_of(runbook, folder), name
