"""Restores the rows of single tables or schemas: which entries of an archive, and which tables of its manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from midwatch.system.errors import BadInput
from midwatch.system.units import first_few
from probes.backup.dump_toc import IDENTIFIER, DumpContents, listed, plain
from probes.backup.manifest import Manifest

_NAME = re.compile(rf"(?:({IDENTIFIER})\.)?({IDENTIFIER})$")
_DATA = "TABLE DATA "
_LEFT_OUT = (
    _DATA,
    "FK CONSTRAINT ",
    "BLOB",
    "LARGE OBJECT",
    *(f"{kind} - LARGE OBJECT" for kind in ("ACL", "COMMENT", "SECURITY LABEL")),
    "SUBSCRIPTION ",
    "SUBSCRIPTION TABLE ",
    "STATISTICS DATA ",
)
"""Rows of other tables, and what would need them."""


@dataclass(frozen=True, slots=True)
class TableSelection:
    """Tables as a person names them, `schema.table` or `table` of the schema public, and whole schemas."""

    tables: tuple[str, ...]
    schemas: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.tables or self.schemas)

    def __str__(self) -> str:
        return first_few([*self.tables, *(f"{schema}.*" for schema in self.schemas)], 10)

    def entries(self, contents: DumpContents) -> tuple[int, ...]:
        """All definitions without foreign keys, and the rows that were chosen. Raises `BadInput` for what is not
        there."""
        chosen = set[int]()
        for begin, name in self._beginnings(contents):
            found = {number for number, what in contents.listing if what.startswith(begin)}
            if not found:
                tables = [what.removeprefix(_DATA) for _, what in contents.listing if what.startswith(_DATA)]
                hint = f"There are (schema, table, owner): {first_few(tables, 10)}"
                raise BadInput(f"The backup has no rows of {name}", hint=hint)
            chosen |= found
        return tuple(n for n, what in contents.listing if n in chosen or not what.startswith(_LEFT_OUT))

    def manifest(self, whole: Manifest, contents: DumpContents) -> Manifest:
        """What the manifest tells of the chosen tables."""
        schemas, tables = set(map(plain, self.schemas)), {one for name in self.tables for one in _parts(name, contents)}
        rows = {
            name: count
            for name, count in whole.rows.items()
            if (found := _split(name)) and (found[0] in schemas or found in tables)
        }
        return replace(whole, rows=rows, digests={name: whole.digests[name] for name in rows if name in whole.digests})

    def _beginnings(self, contents: DumpContents) -> Iterable[tuple[str, str]]:
        for name in self.tables:
            for part in _parts(name, contents):
                yield f"{_DATA}{listed(' '.join(part))} ", name
        for schema in self.schemas:
            yield f"{_DATA}{listed(plain(schema))} ", f"the schema {schema}"


def _parts(name: str, contents: DumpContents) -> list[tuple[str, str]]:
    """The table itself, or all tables that hold the rows of a partitioned one. Raises `BadInput`."""
    found, done = [_split(name)], list[tuple[str, str]]()
    while found:
        one = found.pop()
        below = [part for whole, part in contents.partitions if whole == one]
        found += below
        done += [] if below else [one]
    return done


def _split(name: str) -> tuple[str, str]:
    """Schema and table, out of their quotation marks. Raises `BadInput`."""
    found = _NAME.match(name)
    if found is None:
        raise BadInput(
            f"{name} is no name of a table", hint='Name it as in SQL: schema.table, or "Odd schema"."Odd table"'
        )
    return plain(found[1] or "public"), plain(found[2])
