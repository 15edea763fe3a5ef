"""Restores one backup file into a new, empty database in one pass: unpacked, digested, no temporary file."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from midwatch.system.errors import Failed, MidwatchError
from probes.backup.age_encryption import plain
from probes.backup.dump_file import DumpFile
from probes.backup.dump_reader import DigestingReader, fell_short
from probes.containers.client import engine
from probes.containers.exec import Exec
from probes.postgres.client_errors import ClientError, ClientErrors
from probes.postgres.client_settings import client_variables
from probes.postgres.connect import APPLICATION, Route, client_environment
from probes.postgres.conninfo import conninfo_of
from probes.postgres.content import LONG
from probes.postgres.tools import Tools

CHUNK = 1 << 18
_LOOK = 5.0
"""Seconds between two looks at a container that is restored into."""
_PATIENCE = 30.0
"""Seconds for one look."""
_TWICE = 2
"""Looks one after the other that have to find the same, before it is believed."""
_LISTED = 10_000
"""Numbers of entries in one variable: the kernel takes 128 KiB of each."""
_WITH_LIST = 'exec 4<&0; printf "%s\\n" {names} | "$0" "$@" 3<&0 0<&4 4<&-'
"""A command whose descriptor 3 has what stands in variables, and whose standard input and exit stay its own."""
_TIMEOUT_UNKNOWN = 'unrecognized configuration parameter "transaction_timeout"'
"""What a `pg_restore` from 17 on says of every older server: it switches off a time limit that those do not have."""
_GRIEF = (
    "server closed the connection",
    "terminating connection",
    "SSL SYSCALL error",
    "could not extend file",
    "No space left on device",
    "Disk quota exceeded",
    "the database system is ",
)
"""What a server, or libpq for one that is gone, says of itself and never of what it is given."""
Progress = Callable[[float, float | None], None]


class Sink(Protocol):
    """A `pg_restore` that is running."""

    def write(self, data: bytes) -> None:
        """Give it the next bytes of the archive. Raises `BrokenPipeError` once it has given up."""
        ...

    def finish(self) -> tuple[int, ClientErrors]:
        """Tell it that this was all, and wait: its exit code and what it said."""
        ...

    def stop(self) -> None:
        """End it, also when it is stuck. Harmless once it has ended."""
        ...


class NotRestored(Failed):
    """The archive cannot be restored as it is, or not into this server."""


class CutShort(Failed):
    """The server, its disk or `pg_restore` came to grief, and nothing is known of the archive."""


def restore(
    archive: DumpFile,
    route: Route,
    tools: Tools | None,
    *,
    sha256: str,
    options: tuple[str, ...],
    progress: Progress,
    entries: Sequence[int] = (),
) -> list[ClientError]:
    """Restore an archive into the route's database, which is new and empty. The objects of its last part that failed.

    Raises `NotRestored` with the first thing that went wrong before that part, and when that is not the archive's fault
    `CutShort`, or what its place raises when it does not come.

    Everything counts: the exit of `pg_restore`, the end and checksum of the gzip file, and the SHA-256 of its manifest
    when there is one. What was restored until then is the caller's to remove. An encrypted one is decrypted as it is
    read. With `entries`, only those of the archive are restored, in this order.
    """
    # verbose: only then is the object named that an error is about
    argv = ["--no-password", "--verbose", "--dbname", conninfo_of(route.database), *options]
    sink: Sink = ContainerRestore(route, argv, entries) if tools is None else LocalRestore(route, tools, argv, entries)
    try:
        fault, found = _feed(archive, sink, progress)
        code, said = sink.finish()
    finally:
        sink.stop()
    if fault:
        raise NotRestored(f"{archive.name} is damaged: {fault}", hint="Take another backup")
    errors = [error for error in said.errors if _TIMEOUT_UNKNOWN not in error.text]
    if short := fell_short(code, said.text):
        raise CutShort(f"The pg_restore that restored {archive.name} {short}", hint="Free memory, and run this again")
    if grief := next((error for error in errors if any(words in str(error) for words in _GRIEF)), None):
        hint = "That tells nothing of the backup: look at the server and its disk, and run this again"
        raise CutShort(f"The server came to grief while {archive.name} was restored: {grief}", hint=hint)
    first = next((error for error in errors if not error.is_of_last_part), None)
    if code and (first or not said.errors):
        told = first or said.first or "it said nothing"
        raise NotRestored(f"pg_restore failed with exit {code}: {told}", hint="The database in use is untouched")
    if sha256 and found != sha256:
        raise NotRestored(
            f"{archive.name} is not the file of its manifest: its SHA-256 differs", hint="Take another backup"
        )
    return errors


def _feed(archive: DumpFile, sink: Sink, progress: Progress) -> tuple[str, str]:
    """Unpack all of it into the sink. What is wrong with the file, empty when nothing is; and its SHA-256."""
    from isal import igzip
    from isal.igzip_lib import IsalError

    total = archive.bytes
    with archive.open() as raw:
        reader = DigestingReader(raw, lambda count: progress(count, total))
        try:
            with (
                plain(reader, archive.name, archive.identity) as packed,
                igzip.IGzipFile(fileobj=io.BufferedReader(packed, CHUNK), mode="rb") as unpacked,  # type: ignore[no-untyped-call]
            ):
                while chunk := unpacked.read(CHUNK):
                    sink.write(chunk)
        except BrokenPipeError:
            return "", ""  # it gave up, and its exit and words say why
        except (EOFError, IsalError, OSError) as error:  # type: ignore[misc]  # its stub calls the class an instance
            return str(error), ""
        return "", reader.digest.hexdigest()


def _require_good(said: ClientErrors) -> None:
    """Raise `BrokenPipeError` once something of the tables or their rows has failed: the rest is of no use."""
    if any(not error.is_of_last_part and _TIMEOUT_UNKNOWN not in error.text for error in said.errors):
        raise BrokenPipeError


@contextlib.contextmanager
def _list_of(entries: Sequence[int]) -> Iterator[int]:
    """A file in memory with a line for each number: the descriptor."""
    handle = os.memfd_create("entries")
    try:
        with open(handle, "w", closefd=False) as file:
            file.writelines(f"{number}\n" for number in entries)
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


class LocalRestore:
    """`pg_restore` as our child."""

    def __init__(self, route: Route, tools: Tools, argv: list[str], entries: Sequence[int] = ()) -> None:
        environment = {**client_variables(), **client_environment(route), "LC_ALL": "C"}
        environment.pop("PGCLIENTENCODING")  # the archive says what its text is
        with contextlib.ExitStack() as stack:
            listed = stack.enter_context(_list_of(entries)) if entries else None
            given = [] if listed is None else ["--use-list", f"/dev/fd/{listed}"]
            self._process = subprocess.Popen(
                [str(tools.pg_restore), *argv, *given],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                pass_fds=() if listed is None else (listed,),
            )
        self._said = ClientErrors()
        self._listener = threading.Thread(target=self._listen, name="pg_restore", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        while data := self._process.stderr.read1(4096):  # type: ignore[attr-defined]
            self._said.feed(data)

    def write(self, data: bytes) -> None:
        """Pass the data to the restoring program."""
        _require_good(self._said)
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    def finish(self) -> tuple[int, ClientErrors]:
        """Close the input, wait for the end, and return the exit status and the messages."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        code = self._process.wait()
        self._listener.join()
        self._said.end()
        return code, self._said

    def stop(self) -> None:
        """End the restoring program."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


class ContainerRestore:
    """`pg_restore` inside the container, fed through its standard input."""

    def __init__(self, route: Route, argv: list[str], entries: Sequence[int] = ()) -> None:
        self._container, self._said, self._fate = route.container, ClientErrors(), ""
        command = ["pg_restore", "-p", str(route.port), "-U", route.user, *argv]
        lists = {f"LIST{at}": "\n".join(map(str, entries[at : at + _LISTED])) for at in range(0, len(entries), _LISTED)}
        if lists:
            names = " ".join(f'"${name}"' for name in lists)
            command = ["sh", "-c", _WITH_LIST.format(names=names), *command, "--use-list", "/dev/fd/3"]
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(engine(LONG))
            environment = {"PGAPPNAME": APPLICATION, "LC_ALL": "C", "PGOPTIONS": route.options, **lists}
            self._exec = Exec(client, route.container, command, stdin=True, environment=environment)
            stack.callback(self._exec.close)  # the end of its input ends it as well
            self._open = stack.pop_all()
        self._listener = threading.Thread(target=self._listen, name="pg_restore", daemon=True)
        self._listener.start()
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="pg_restore watch", daemon=True).start()

    def _watch(self) -> None:
        """See what the stream never tells: that the container is paused, and that `pg_restore` gave up without reading
        on."""
        gone = silent = 0
        while not self._over.wait(_LOOK) and gone < _TWICE and not self._fate:
            try:
                with engine(_PATIENCE) as client:
                    if client.api.inspect_container(self._container)["State"].get("Paused"):
                        self._fate = f"the container {self._container} is paused"
                    running = client.api.exec_inspect(self._exec.id)["Running"]
                    gone, silent = 0 if running else gone + 1, 0  # its last words have the time of a look to come
            except (
                MidwatchError
            ) as error:  # as when a pause has met a start, after which an engine tells nothing of either
                silent += 1
                self._fate = error.sentence if silent == _TWICE else ""
        if not self._over.is_set():
            self._exec.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            for _, data in self._exec.frames(lambda: LONG):
                self._said.feed(data)

    def write(self, data: bytes) -> None:
        """Pass the data to the restoring program in the container."""
        _require_good(self._said)
        try:
            self._exec.send(data, LONG)
        except (ConnectionError, TimeoutError) as error:
            raise BrokenPipeError from error

    def finish(self) -> tuple[int, ClientErrors]:
        """Close the input, wait for the end, and return the exit status and the messages."""
        with contextlib.suppress(OSError):
            self._exec.end_input()
        self._listener.join()
        if self._fate:
            hint = (
                f"That tells nothing of the backup. docker unpause {self._container}, or start it, and run this again"
            )
            raise CutShort(f"The restore was cut short: {self._fate}", hint=hint)
        code = self._exec.exit()
        self._said.end()
        return (1 if code is None else code), self._said

    def stop(self) -> None:
        """End the restoring program in the container."""
        self._over.set()
        with contextlib.suppress(Exception):  # the engine may be gone, which also ends it
            self._open.close()
