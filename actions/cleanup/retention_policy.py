"""The policy of `clean-backups`: which backup sets may be removed.

Sources of the rules: Barman's minimum redundancy, pgBackRest's expire, restic's refusal to delete the last snapshot;
and what happened to those who counted files instead of good backups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

GOOD = 3
"""Depth of validation from which a backup counts: read to the end through `pg_restore`."""
AT_LEAST = 2
"""Good backups of each database that always stay."""


@dataclass(frozen=True, slots=True)
class HeldSet:
    """One backup set, as the catalogue knows it."""

    name: PurePosixPath
    """Below the place of the backups: `20261122-020000` or `old/20261101-020000`."""
    started: datetime
    """The recorded start, UTC; never the file's time."""
    depths: Mapping[str, int]
    """Database → how deeply its backup in this set was validated."""
    size: int
    """Bytes that removing it frees."""
    proven: frozenset[str] = frozenset()
    """Databases whose backup in this set was restored, and has the same bytes still."""

    @property
    def is_old(self) -> bool:
        """Whether somebody put it aside already."""
        return self.name.parts[0] == "old"


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What goes, in this order, and what stays, with the reason."""

    remove: tuple[HeldSet, ...]
    keep: tuple[tuple[HeldSet, str], ...]
    thin: tuple[str, ...]
    """Databases with fewer than two good backups, for whose sake nothing of theirs goes."""

    @property
    def frees(self) -> int:
        """The total size in bytes of the files to remove."""
        return sum(one.size for one in self.remove)


def choose(
    sets: Iterable[HeldSet], databases: Sequence[str], now: datetime, needed: int, *, before: datetime | None = None
) -> RetentionPlan:
    """Let go what is put aside first, then the oldest, until `needed` bytes are free; keep what the promises name.

    With `before`, everything that is older goes as well, as far as the promises let it.

    Kept whatever is needed: the two newest good backups of each database and everything that is not older than them;
    the newest backup of each database that is proven restorable;
    all sets that hold a database with fewer than two good ones; sets dated in the future, which count for nothing; sets
    that hold a database nobody knows. `databases` are those that must be covered, also when no set holds them.
    """
    known = sorted(sets, key=lambda one: (one.started, one.name), reverse=True)
    limits = {database: _second_good([one for one in known if one.started <= now], database) for database in databases}
    thin = tuple(database for database, limit in limits.items() if limit is None)
    newest_proven = {
        database: one for one in reversed(known) if one.started <= now for database in one.proven if database in limits
    }
    keep: list[tuple[HeldSet, str]] = []
    may_go: list[HeldSet] = []
    for one in known:
        why = _why_kept(one, limits, now)
        if proven := sorted(database for database, held in newest_proven.items() if held is one):
            why = f"the newest one proven restorable of {', '.join(proven)}" + (f"; {why}" if why else "")
        if why:
            keep.append((one, why))
        else:
            may_go.append(one)
    may_go.sort(key=lambda one: (not one.is_old, one.started))
    remove: list[HeldSet] = []
    freed = 0
    for one in may_go:
        if freed < needed or (before is not None and one.started < before):
            remove.append(one)
            freed += one.size
        else:
            keep.append((one, "young enough" if before is not None else "not needed to reach the goal"))
    return RetentionPlan(tuple(remove), tuple(keep), thin)


def _second_good(newest_first: Sequence[HeldSet], database: str) -> HeldSet | None:
    """The set with the second newest good backup of a database; None when there are fewer than two."""
    good = [one for one in newest_first if one.depths.get(database, 0) >= GOOD]
    return good[AT_LEAST - 1] if len(good) >= AT_LEAST else None


def _why_kept(one: HeldSet, limits: Mapping[str, HeldSet | None], now: datetime) -> str:
    """Why a set stays whatever is needed; empty when it may go."""
    if one.started > now:
        return "dated in the future"
    if not one.depths:
        return "holds no backup that is known"
    for database in sorted(one.depths):
        if database not in limits:
            return f"holds {database}, which no target names"
        limit = limits[database]
        if limit is None:
            return f"{database} has fewer than {AT_LEAST} good backups"
        if (one.started, one.name) >= (limit.started, limit.name):
            good = one.depths[database] >= GOOD
            return (
                f"one of the {AT_LEAST} newest good ones of {database}"
                if good
                else f"newer than good ones of {database}"
            )
    return ""
