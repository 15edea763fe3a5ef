"""The nightly sets below the backup location, and the validity of the newest ones, always read from disk."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from actions.cleanup.retention_policy import AT_LEAST, GOOD, HeldSet
from actions.cleanup.safe_delete import Planned, inspect
from midwatch.system.errors import MidwatchError
from probes.backup.age_encryption import is_encrypted
from probes.backup.backup_catalog import BACKUPS
from probes.backup.checksums import LIST, read_list, sets_below, verify_set
from probes.backup.dump_reader import read_through
from probes.backup.manifest import SUFFIX, Manifest, fits
from probes.backup.proof_log import ProofLog

STAMP = "%Y%m%d-%H%M%S"


@dataclass(frozen=True, slots=True)
class SetOnDisk:
    """One set with its files as they are now."""

    held: HeldSet
    files: tuple[Planned, ...]
    """Dumps and roles, their manifests, the list of checksums: what goes when the set goes."""
    others: tuple[Planned, ...]
    """What else lies in its folder, and stays."""
    backups: Mapping[str, Path]
    """Database → its dump."""

    @property
    def identity(self) -> str:
        """Changes when any file of the set is added, removed, replaced or written to."""
        told = "\n".join(file.identity for file in (*self.files, *self.others))
        return f"{self.held.name}@{hashlib.sha256(told.encode(errors='surrogateescape')).hexdigest()[:16]}"


def sets_on_disk(place: Path, databases: Sequence[str]) -> tuple[list[SetOnDisk], list[tuple[str, str]]]:
    """Every plain set with a start, and what was left out with the reason. Depths are 0 until measured.

    The start is what the manifests have recorded; the set's name counts where there is none, a file's time never.
    """
    found: list[SetOnDisk] = []
    left: list[tuple[str, str]] = []
    for folder in sets_below(place):
        name = PurePosixPath(folder.relative_to(place))
        try:
            started = datetime.strptime(folder.name[:15], STAMP).replace(tzinfo=UTC)
            present = inspect(place, name)
        except ValueError:
            left.append((str(name), "its name tells no start"))
            continue
        except MidwatchError as error:
            left.append((str(name), error.sentence))
            continue
        files = tuple(file for file in present if _is_part(file.name.name))
        others = tuple(file for file in present if file not in files)
        backups = {database: place / file.name for file in files if (database := _database(file.name.name, databases))}
        started = _recorded(backups.values()) or started
        held = HeldSet(name, started, dict.fromkeys(backups, 0), sum(file.frees for file in files))
        found.append(SetOnDisk(held, files, others, backups))
    return found, left


def _is_part(filename: str) -> bool:
    """Whether a file of this name is part of a set: a dump or roles, its manifest and signature, the list of
    checksums."""
    return filename == LIST or filename.removesuffix(".sig").removesuffix(SUFFIX).endswith(BACKUPS)


def _recorded(files: Iterable[Path]) -> datetime | None:
    """When the first of these backups began, as its manifest says; None when none does."""
    return min((manifest.began for file in files if (manifest := Manifest.read(file)) is not None), default=None)


def _database(filename: str, databases: Sequence[str]) -> str:
    """Whose dump a file is: `arp.dump.gz`, `arp-prod-….sql.gz`, encrypted or not; empty for lists, manifests and
    roles."""
    if not filename.endswith(BACKUPS) or filename.startswith("globals."):
        return ""
    named = [one for one in databases if filename.startswith((f"{one}.", f"{one}-"))]
    return max(named, key=len) if named else f"unknown {filename.partition('.')[0]}"


def measured(
    sets: Sequence[SetOnDisk], databases: Sequence[str], pg_restore: Path, base: Path, *, now: datetime, limit: float
) -> list[HeldSet]:
    """The sets with the depth of their backups, read newest first until each database has two good ones.

    Good is: its set's checksums hold both ways, and it was read to the end through `pg_restore`; of an encrypted one,
    whose key is not here, that its manifest tells so of the same bytes. What time (`limit` seconds) did not suffice for
    stays at depth 0, and so counts as not good.
    """
    deadline = time.monotonic() + limit
    lacking = dict.fromkeys(databases, AT_LEAST)
    result = []
    for one in sorted(sets, key=lambda one: (one.held.started, one.held.name), reverse=True):
        depths = dict(one.held.depths)
        wanted = [database for database in one.backups if lacking.get(database, 0)]
        if wanted and one.held.started <= now and time.monotonic() < deadline:
            verdict = verify_set(next(iter(one.backups.values())).parent, base)
            for database in wanted:
                file = one.backups[database]
                vouched = file.name in verdict.good and not verdict.problem
                if not vouched:
                    continue
                sealed = is_encrypted(file.name)
                if (
                    _told_good(file)
                    if sealed
                    else read_through(file, pg_restore, max(0.0, deadline - time.monotonic())).ok
                ):
                    depths[database] = GOOD
                    lacking[database] -= 1
        result.append(HeldSet(one.held.name, one.held.started, depths, one.held.size))
    return result


def with_proofs(held: Iterable[HeldSet], sets: Iterable[SetOnDisk], log: ProofLog) -> list[HeldSet]:
    """The same sets, with the databases whose backup the log of validations knows to be restorable."""
    files = {one.held.name: one.backups for one in sets}
    return [replace(one, proven=frozenset(_proven(files[one.name], log))) for one in held]


def _proven(backups: Mapping[str, Path], log: ProofLog) -> Iterator[str]:
    for database, file in backups.items():
        manifest = Manifest.read(file)
        if manifest is not None and fits(file, manifest) and log.restore_of(manifest) is not None:
            yield database


def _told_good(file: Path) -> bool:
    """Whether its manifest tells that the bytes which the set's list vouches for were validated while they were
    written."""
    manifest, listed = Manifest.read(file), dict(read_list(file.with_name(LIST)))
    return manifest is not None and manifest.good and listed.get(file.name) == manifest.sha256
