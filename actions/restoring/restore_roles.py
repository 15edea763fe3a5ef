"""The roles that a restore needs and the server lacks: as the set's `globals.*.sql.gz` has them, or bare."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from actions.dump.roles_dump import PREFIX, globals_name
from midwatch.system.errors import Failed
from probes.backup.age_encryption import SUFFIX
from probes.backup.dump_file import DumpFile
from probes.backup.dump_toc import IDENTIFIER, plain
from probes.postgres.role import identifier

LARGEST = 64 << 20
_ALTER = re.compile(rf"^ALTER ROLE ({IDENTIFIER}) WITH ([A-Z0-9 -]+(?: VALID UNTIL '[^']*')?);$", re.MULTILINE)
_MEMBER = re.compile(
    rf"^GRANT ({IDENTIFIER}) TO ({IDENTIFIER})(?: WITH ([A-Z, ]+?))?(?: GRANTED BY {IDENTIFIER})?;$", re.MULTILINE
)
_LITERAL = r"E?'(?:[^']|'')*'"
_SETTING = re.compile(rf"^ALTER ROLE ({IDENTIFIER}) (SET {IDENTIFIER} TO {_LITERAL}(?:, {_LITERAL})*);$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MissingRole:
    """One role to make."""

    name: str
    attributes: str
    """As `ALTER ROLE … WITH` takes them, without a password."""
    source: str
    """Where they come from, in words."""

    @property
    def statement(self) -> str:
        """The SQL command that creates the role."""
        return f"CREATE ROLE {identifier(self.name)} WITH {self.attributes}"


def globals_beside(file: Path, database: str) -> Path | None:
    """The file with the roles that lies beside a dump, of a nightly set or of an emergency backup; None when there is
    none."""
    for name in (f"{PREFIX}{file.name}", globals_name(database), globals_name(database) + SUFFIX):
        if (found := file.with_name(name)).is_file():
            return found
    return None


def roles_beside(file: Path, database: str, identity: Path | None = None) -> str:
    """The script of globals that lies beside a dump; empty when there is none. Raises as `read_globals` does."""
    beside = globals_beside(file, database)
    return read_globals(DumpFile.of(beside, identity)) if beside else ""


def read_globals(packed: DumpFile) -> str:
    """The script in it. Raises `Failed`, and `Refused` for one that is encrypted and without its key."""
    try:
        with packed.unsealed() as raw, gzip.GzipFile(fileobj=io.BufferedReader(raw)) as unpacked:
            return unpacked.read(LARGEST).decode("utf-8", "replace")
    except (OSError, EOFError, zlib.error) as error:
        raise Failed(
            f"{packed.name} cannot be read: {error}", hint="Make the roles manually, and restore again"
        ) from error


def missing_roles(names: Iterable[str], script: str) -> list[MissingRole]:
    """How to make each role: as the script of globals tells, else one that may not log in."""
    told = {plain(name): attributes for name, attributes in _ALTER.findall(script)}
    return [
        MissingRole(name, told[name], "as the set's globals tell")
        if name in told
        else MissingRole(name, "NOLOGIN", "bare: no globals tell more")
        for name in sorted(names)
    ]


def role_settings(made: Iterable[str], script: str) -> list[str]:
    """The settings of roles that are made, for all databases, as SQL commands."""
    names = set(made)
    return [f"ALTER ROLE {name} {words}" for name, words in _SETTING.findall(script) if plain(name) in names]


def memberships(made: Iterable[str], there: Iterable[str], script: str) -> list[str]:
    """The grants of one role to another that concern a role that is made, and for which both are there."""
    new, known = set(made), {*made, *there}
    found = []
    for group, member, options in _MEMBER.findall(script):
        names = {plain(group), plain(member)}
        if names & new and names <= known:
            admin = " WITH ADMIN OPTION" if "ADMIN OPTION" in options or "ADMIN TRUE" in options else ""
            found.append(f"GRANT {group} TO {member}{admin}")
    return found
