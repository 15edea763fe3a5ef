"""Compares the content of a restored database with the manifest, which describes the snapshot of the dump."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from midwatch.system.errors import MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.units import counted, first_few
from probes.backup.manifest import ROWS_COUNTED, Manifest
from probes.postgres.connect import Route
from probes.postgres.content import LARGE_OBJECTS, Unreadable, digests_by_transaction, digests_of, rows_of


@dataclass(frozen=True, slots=True)
class Checked:
    """What a comparison of a restored database with its manifest showed."""

    words: str
    problem: str = ""
    """Why it is not what was dumped."""
    unknown: str = ""
    """Why that cannot be told."""


def compare_with(route: Route, source: Route) -> str:
    """Which tables of a restored database hold what the source holds now, in words. Raises `MidwatchError`.

    The source has gone on since the dump, so a table that differs tells nothing by itself.
    """
    restored, now = digests_of(route), digests_of(source)
    differ = sorted(table for table in restored if now.get(table) != restored[table])
    same = f"the content of {len(restored) - len(differ)} of {len(restored)} tables is that of {source.label} now"
    if not differ:
        return same
    return f"{same}; changed since the dump, or different: {first_few(map(safe_text, differ))}"


def check(route: Route, manifest: Manifest | None, *, every_byte: bool = False) -> Checked:
    """Compare the rows of each table, and their digests where the manifest has them, with those of the dump's snapshot.

    `every_byte` reads all text in any case: a restore out of `SQL_ASCII` lets bytes in that the database's encoding
    does not have. Text that is none is a problem; what cannot be read for another reason is unknown; neither is an
    error.
    """
    try:
        if every_byte:
            digests_of(route)
        return _compared(route, manifest)
    except Unreadable as error:
        return Checked("", error.sentence)
    except MidwatchError as error:
        return Checked("", unknown=error.sentence)


def _compared(route: Route, manifest: Manifest | None) -> Checked:
    there = rows_of(route)
    words = f"{counted(sum(there.values()), 'row')} in {counted(len(there), 'table')}"
    if manifest is None or manifest.counts is None:
        return Checked(f"{words}, which nothing can be compared with")
    added: dict[str, int] = {}
    for table, count in manifest.rows.items():
        if there.get(table, -1) == count:
            continue
        if there.get(table, -1) < count or not _only_added(route, manifest, table):
            found = f"{there[table]} rows" if table in there else "no such table"
            return Checked("", f"{safe_text(table)} has {found} where the dump's snapshot had {count}")
        added[table] = there[table] - count
    words = f"{words}, as in the dump's snapshot" + _told_added(added)
    if not manifest.digests or route.kind == "exec":
        return Checked(words)
    found_digests = digests_of(route)
    differ = [
        table for table, digest in manifest.digests.items() if found_digests.get(table) != digest and table not in added
    ]
    if differ:
        return Checked(
            "", f"the content of {first_few(map(safe_text, sorted(differ)))} differs from the dump's snapshot"
        )
    objects = " and the large objects" if LARGE_OBJECTS in manifest.digests else ""
    return Checked(f"{words}, and so is the content of each{objects}")


def _only_added(route: Route, manifest: Manifest, table: str) -> bool:
    """Whether a table holds what was dumped, written by one transaction, and besides only what others wrote.

    Those others are statements of the restore itself that called functions of the database: to fill a view, to build an
    index.
    """
    count, digest = manifest.rows[table], manifest.digests.get(table)
    if count == 0:
        return manifest.depth >= ROWS_COUNTED  # the archive itself has no row of it
    written = digests_by_transaction(route, table)
    if digest and not digest.startswith(f"{count}:"):
        return False
    return digest in written if digest else any(int(one.partition(":")[0]) == count for one in written)


def _told_added(added: Mapping[str, int]) -> str:
    if not added:
        return ""
    tables = (f"{safe_text(table)} has {counted(count, 'row')} more" for table, count in sorted(added.items()))
    return f"; changed by the restore itself: {first_few(tables)}"
