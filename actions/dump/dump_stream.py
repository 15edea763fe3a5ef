"""Writes one dump to one file in one pass: snapshot, compression, checksum, verification and row counts.

The file gets its name only once every part of the pipe has ended well and its bytes are on disk.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actions.destinations.destination import BackupWriter
from actions.destinations.folder import FolderWriter
from actions.dump.dump_pipeline import DumpPipeline, Hashing
from actions.dump.dump_progress import Progress, Watching
from actions.dump.load_limits import LoadLimits, RateLimiter
from actions.dump.lock_conflicts import blockers
from actions.dump.lock_waiters import LockWaiterWatch
from actions.dump.pg_dump_process import ContainerDump, LocalDump, LockedOut, Source
from actions.dump.size_estimate import Looking, SizeEstimate
from actions.dump.stream_verifier import StreamVerifier
from midwatch.system.errors import Failed
from probes.backup.age_encryption import Encrypting
from probes.backup.age_keys import Recipient
from probes.postgres.client_errors import server_reason
from probes.postgres.connect import Connection, Route, client_environment, connect, is_pooled
from probes.postgres.content import LARGE_OBJECTS, count_rows, digest_rows
from probes.postgres.tools import Tools

_NO_LIMIT = """
SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN
    ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
"""
"""A database or role may have such limits, which would end the snapshot under the dump."""
_UNLIMITED = LoadLimits()


@dataclass(slots=True)
class Dumped:
    """A finished dump."""

    bytes: int = 0
    sha256: str = ""
    unpacked: int = 0
    lsn: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    depth: int = 0
    """How deeply it was read while it was written (`docs/actions/validate-backup.md`)."""
    uncounted: str = ""
    """Why there are no rows to compare with; empty when they were counted."""

    @property
    def counts(self) -> dict[str, int] | None:
        """The rows of each table; None when they were not counted."""
        return None if self.uncounted else self.rows


def dump(route: Route, tools: Tools | None, path: Path, progress: Progress, *, digests: bool = False) -> Dumped:
    """Dump the route's database to `path`, which must not exist, in a folder of this machine. Otherwise like
    `dump_into`."""
    return dump_into(route, tools, FolderWriter(path), progress, digests=digests)


def dump_into(
    route: Route,
    tools: Tools | None,
    writing: BackupWriter,
    progress: Progress,
    *,
    digests: bool = False,
    pg_restore: Path | None = None,
    recipients: Sequence[Recipient] = (),
    before: int = 0,
    say: Callable[[str], None] | None = None,
    options: Sequence[str] = (),
    limits: LoadLimits = _UNLIMITED,
    limiter: RateLimiter | None = None,
) -> Dumped:
    """Dump the route's database and publish it. Raises `MidwatchError`, and then nothing is left of it.

    What goes to the place is unpacked again beside it, and with `pg_restore` read through that and its rows counted;
    what is not good is not published. With `recipients` what the place gets is encrypted to them. `say`, on a route of
    the superuser, is told now and then how far a long dump is, how old its snapshot is, and who waits for its end;
    `before` are the bytes of the last one before compression, for a forecast. `options` of `pg_dump` say what is left
    out. Programs in a container run under `limits`, and the stream keeps to `limiter`.

    `tools` may be None for a route into a container, where the container's own `pg_dump` is used and neither row counts
    nor `digests` of the rows can be taken in the same snapshot.
    """
    try:
        with contextlib.ExitStack() as stack:
            along = StreamVerifier(pg_restore)
            stack.callback(along.stop)
            if say is not None:
                stack.callback(LockWaiterWatch(route, say).stop)
            out = Hashing(writing)
            below: Hashing | Encrypting = out
            if recipients:
                below = Encrypting(out, recipients)
                stack.callback(below.stop)
            forecast = SizeEstimate(before)
            stack.callback(Looking(route, forecast).stop)
            packing, watching = DumpPipeline(below, along), Watching(progress, forecast, say or (lambda text: None))
            found = _fill(route, tools, packing, watching, forecast, stack, digests, options, limits, limiter)
            found.bytes, found.sha256 = out.count, out.digest.hexdigest()
            verdict = along.verdict(found.unpacked, found.counts)
            if verdict.problem:
                sentence = f"The backup is not good as it was written: {verdict.problem}"
                raise Failed(sentence, hint="Nothing was published; run it again")
            found.depth = verdict.depth
        writing.commit(found.bytes, found.sha256)
    except LockedOut as error:
        who = blockers(route)
        raise Failed(f"{error.sentence}; {who}" if who else error.sentence, hint=error.hint) from error
    finally:
        writing.abort()
    return found


def _fill(
    route: Route,
    tools: Tools | None,
    packing: DumpPipeline,
    watching: Watching,
    forecast: SizeEstimate,
    stack: contextlib.ExitStack,
    digests: bool,
    options: Sequence[str],
    limits: LoadLimits,
    limiter: RateLimiter | None,
) -> Dumped:
    """Everything but what only the destination knows, and the depth."""
    snapshot, counting = "", None
    if route.kind != "exec":
        connection = connect(route, statement=0)
        stack.callback(connection.close)  # no word more to a server that may hang: a rollback would wait for it
        snapshot, lsn = hold_snapshot(connection)
        counting = _Counting(route, snapshot, digests)
        stack.callback(counting.stop)
    else:
        lsn = ""
    begins = lambda table: forecast.begins(table, packing.unpacked)  # noqa: E731
    source: Source
    if route.kind == "exec":
        source = ContainerDump(route, begins, limits.command)
    else:
        assert tools is not None
        # pg_dump takes such limits back itself, but its very first statements would be under that of the database
        environment = client_environment(route)
        if not is_pooled(connection):
            environment["PGOPTIONS"] = f"{route.options} -c statement_timeout=0 -c lock_timeout=0"
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            environment["PGCLIENTENCODING"] = "SQL_ASCII"  # its bytes may be no UTF-8, which would end the dump
        source = LocalDump(tools.pg_dump, environment, snapshot, begins, options)
    stack.callback(source.stop)
    for chunk in source.chunks():
        packing.write(chunk)
        watching(packing.unpacked)
        if limiter is not None:
            limiter.passed(len(chunk))
    packing.close()  # only now: closing after a failure would make a whole-looking file of half a dump
    rows, content, uncounted = counting.result() if counting else ({}, {}, "no second session shares its snapshot")
    watching.ended(packing.unpacked)
    return Dumped(unpacked=packing.unpacked, lsn=lsn, rows=rows, digests=content, uncounted=uncounted)


def hold_snapshot(connection: Connection) -> tuple[str, str]:
    """Open the transaction whose view the dump and the counts share. Name of the snapshot, and LSN."""
    import psycopg

    try:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(_NO_LIMIT)
        query = """
            SELECT pg_export_snapshot(),
                CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text
        """
        row = connection.execute(query).fetchone()
    except psycopg.Error as error:
        raise Failed(f"No snapshot can be taken: {server_reason(error)}") from error
    assert row is not None
    return str(row[0]), str(row[1] or "")


class _Counting:
    """Counts the rows of every table beside the dump, in the snapshot that is dumped; digests them when that is asked
    for.

    On a connection of its own: a table that cannot be read must not end the transaction that holds the snapshot.
    """

    def __init__(self, route: Route, snapshot: str, digests: bool) -> None:
        self._connection = connect(route, statement=0)
        self._snapshot, self._digesting = snapshot, digests
        self._rows: dict[str, int] = {}
        self._digests: dict[str, str] = {}
        self._error = ""
        self._thread = threading.Thread(target=self._run, name="row counts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            self._connection.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'".encode())
            self._connection.execute(_NO_LIMIT)
            if self._digesting:
                self._digests = digest_rows(self._connection)
                told = {table: int(digest.partition(":")[0]) for table, digest in self._digests.items()}
                self._rows = {table: count for table, count in told.items() if table != LARGE_OBJECTS}
            else:
                self._rows = count_rows(self._connection)
        except Exception as error:  # whatever it is, the dump has the word: an unreadable table fails there too
            import psycopg

            self._error = server_reason(error) if isinstance(error, psycopg.Error) else str(error)

    def result(self) -> tuple[dict[str, int], dict[str, str], str]:
        """Table → rows, and table → digest; why they could not be read, and empty when they were."""
        self._thread.join()
        return ({}, {}, self._error) if self._error else (self._rows, self._digests, "")

    def stop(self) -> None:
        """End a count that is still running."""
        if self._thread.is_alive():
            with contextlib.suppress(Exception):
                self._connection.cancel_safe(timeout=5.0)
            self._thread.join(10.0)
        self._connection.close()
