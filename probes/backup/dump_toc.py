"""The requirements of an archive on its server, read from the table of contents before a restore begins."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from midwatch.system.errors import Failed, MidwatchError, Refused
from probes.backup.age_encryption import is_encrypted
from probes.backup.dump_file import DumpFile
from probes.backup.dump_reader import fed, fell_short
from probes.postgres.client_errors import ClientErrors

CHUNK = 1 << 16
IDENTIFIER = r'(?:"(?:[^"]|"")*"|[^\s".,;()]+)'
"""A name as `pg_dump` writes it: bare, or in quotation marks that are doubled inside."""
_HEADER = re.compile(
    r"^--\n-- Name: (?P<name>.*); Type: (?P<kind>[A-Z ]+); Schema: .*;"
    r" Owner: (?P<owner>.*?)(?:; Tablespace: (?P<space>.*))?\n--$",
    re.MULTILINE,
)
_GRANTED = re.compile(rf"(?:TO|FROM) ({IDENTIFIER})(?: WITH GRANT OPTION)?;$", re.MULTILINE)
_FOR_ROLE = re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE ({IDENTIFIER})", re.MULTILINE)
_POLICY = re.compile(
    rf"^CREATE POLICY {IDENTIFIER} ON {IDENTIFIER}(?:\.{IDENTIFIER})?(?: AS RESTRICTIVE)?(?: FOR [A-Z]+)?"
    rf" TO ({IDENTIFIER}(?:, {IDENTIFIER})*)",
    re.MULTILINE,
)
_ATTACHED = re.compile(
    rf"^ALTER TABLE ONLY ({IDENTIFIER})\.({IDENTIFIER}) ATTACH PARTITION ({IDENTIFIER})\.({IDENTIFIER}) ", re.MULTILINE
)
_OBJECTS = re.compile(r"^\d+; \d+ \d+ BLOB(?: METADATA|S)? - [\d.]+ (.+)$", re.MULTILINE)
"""Large objects in a listing: they stand in no schema, and their owners only here."""
_LISTED = re.compile(r"^(\d+); \d+ \d+ (.+)$", re.MULTILINE)
"""An entry of a listing: its number; kind, schema, name and owner, with spaces between them and in them."""
_VIEW_DATA = "MATERIALIZED VIEW DATA "
_NOBODY = {"", "-", "PUBLIC", "CURRENT_USER", "SESSION_USER", "CURRENT_ROLE"}


@dataclass(frozen=True, slots=True)
class DumpContents:
    """The archive's demands."""

    server: int
    """Major version of the server that was dumped; 0 when it does not say."""
    tool: int
    """Major version of the `pg_dump` that wrote it."""
    encoding: str
    """Of its text: `UTF8`, `SQL_ASCII`."""
    roles: frozenset[str]
    """Owners, and whoever is granted something."""
    extensions: frozenset[str]
    tablespaces: frozenset[str]
    entries: tuple[int, ...] = ()
    """The numbers of all entries in their order, those that fill materialized views left out."""
    listing: tuple[tuple[int, str], ...] = ()
    """The same with `KIND SCHEMA NAME OWNER` of each."""
    views: tuple[str, ...] = ()
    """The materialized views that were filled, in the order to fill them: `SCHEMA NAME OWNER` each."""
    partitions: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = ()
    """Schema and name of a partitioned table, and of a part of it."""
    publications: tuple[str, ...] = ()
    """`NAME OWNER` each, like the next."""
    subscriptions: tuple[str, ...] = ()


def read_contents(archive: DumpFile, pg_restore: Path) -> DumpContents:
    """Read the head of a compressed archive, and of the rest only what lies in the pipe's buffer.

    Raises `Refused` when this `pg_restore` is too old for it, `Failed` when it is no archive, and either for one that
    is encrypted and that its key does not open.
    """
    if is_encrypted(archive.name):
        with contextlib.suppress(OSError), archive.unsealed():
            pass
    listing, script = (
        _told(archive, [str(pg_restore), *options]) for options in (("--list",), ("--schema-only", "-f", "-"))
    )
    found = parse(script)
    entries = _LISTED.findall(listing)
    listed = tuple((int(number), what) for number, what in entries if not what.startswith(_VIEW_DATA))
    return replace(
        found,
        roles=found.roles | set(_OBJECTS.findall(listing)),
        entries=tuple(number for number, _ in listed),
        listing=listed,
        views=_named(entries, _VIEW_DATA),
        publications=_named(entries, "PUBLICATION - "),
        subscriptions=_named(entries, "SUBSCRIPTION - "),
    )


def _named(entries: list[tuple[str, str]], kind: str) -> tuple[str, ...]:
    return tuple(what.removeprefix(kind) for _, what in entries if what.startswith(kind))


def _told(archive: DumpFile, argv: list[str]) -> str:
    with fed(argv) as process:
        assert process.stdin is not None
        away: list[MidwatchError] = []
        feeder = threading.Thread(target=_feed, args=(archive, process.stdin, away), daemon=True)
        feeder.start()
        out, said = _both(process)
        feeder.join()
    if process.returncode:
        if away:
            raise away[0]
        if short := fell_short(process.returncode, said):
            raise Failed(
                f"The pg_restore that looked into {archive.name} {short}", hint="Free memory, and run this again"
            )
        _refuse(archive, said)
    return out.decode("utf-8", "replace")


def _both(process: subprocess.Popen[bytes]) -> tuple[bytes, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[bytes] = []
    listener = threading.Thread(target=lambda stream: said.append(stream.read()), args=(process.stderr,), daemon=True)
    listener.start()
    out = process.stdout.read()
    process.wait()
    listener.join()
    return out, b"".join(said).decode("utf-8", "replace")


def _feed(archive: DumpFile, into: IO[bytes], away: list[MidwatchError]) -> None:
    """Give it all that it takes. `away` gets what went wrong with the archive's place."""
    from isal import igzip
    from isal.igzip_lib import IsalError

    try:
        with (
            archive.unsealed() as packed,
            igzip.IGzipFile(fileobj=io.BufferedReader(packed, CHUNK), mode="rb") as unpacked,  # type: ignore[no-untyped-call]
        ):
            while chunk := unpacked.read(CHUNK):
                into.write(chunk)
    except MidwatchError as error:
        away.append(error)
    except (EOFError, IsalError, OSError):  # type: ignore[misc]  # its stub calls the class an instance
        pass  # pg_restore has read enough, or says what is wrong with what it got
    finally:
        with contextlib.suppress(BrokenPipeError):
            into.close()


def _refuse(archive: DumpFile, said: str) -> None:
    found = ClientErrors.of(said).errors
    told = str(found[0]) if found else "it is no archive of pg_dump"
    if "unsupported version" in told:
        raise Refused(
            f"{archive.name} is newer than this pg_restore can read ({told})",
            hint="Install a newer postgresql-client, or set locations.pg_bin",
        )
    raise Failed(
        f"{archive.name} cannot be read by pg_restore: {told}",
        hint="midwatch action validate-backup tells what is wrong",
    )


def parse(script: str) -> DumpContents:
    """The demands in a script of `pg_restore --schema-only`."""
    roles: set[str] = set()
    extensions: set[str] = set()
    spaces: set[str] = set()
    for kind, name, owner, space, text in _entries(script):
        roles.add(owner)
        spaces.add(space)
        if kind == "EXTENSION":
            extensions.add(name)
        elif kind in ("ACL", "DEFAULT ACL"):
            roles.update(plain(found) for found in _GRANTED.findall(text) + _FOR_ROLE.findall(text))
        elif kind == "POLICY":
            for listed in _POLICY.findall(text):
                roles.update(plain(one) for one in re.findall(IDENTIFIER, listed))
    encoding = re.search(r"^SET client_encoding = '(\w+)';$", script, re.MULTILINE)
    return DumpContents(
        _major(script, "Dumped from database version"),
        _major(script, "Dumped by pg_dump version"),
        encoding[1] if encoding else "",
        frozenset(roles - _NOBODY),
        frozenset(extensions),
        frozenset(spaces - {"", "-"}),
        partitions=tuple(((plain(a), plain(b)), (plain(c), plain(d))) for a, b, c, d in _ATTACHED.findall(script)),
    )


def _entries(script: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Kind, name, owner, tablespace and statements of each entry."""
    headers = list(_HEADER.finditer(script))
    ends = [header.start() for header in headers[1:]] + [len(script)]
    for header, end in zip(headers, ends, strict=False):  # an empty database has no entry at all
        text = script[header.end() : end]
        yield header["kind"], header["name"], header["owner"], header["space"] or "", text


def _major(script: str, words: str) -> int:
    found = re.search(rf"^-- {words} (\d+)", script, re.MULTILINE)
    return int(found[1]) if found else 0


def listed(name: str) -> str:
    """A name as a listing and its comments have it, in one line."""
    return name.replace("\n", " ").replace("\r", " ")


def plain(identifier: str) -> str:
    """The name itself, out of its quotation marks."""
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier
