"""Runs `pg_dump` on this machine or inside a container. Every exit code is checked."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from actions.dump.orphaned_dumps import application, end_dump
from midwatch.system.errors import Failed
from probes.backup.dump_reader import fell_short
from probes.containers.client import NoSuchThing, engine
from probes.containers.command import NoSuchCommand, run_in
from probes.containers.exec import OUT, Exec
from probes.postgres.client_errors import ClientErrors
from probes.postgres.client_settings import client_variables
from probes.postgres.connect import Route
from probes.postgres.conninfo import conninfo_of

if TYPE_CHECKING:
    from docker import DockerClient

CHUNK = 1 << 18
PIPE = 1 << 20
"""Bytes between `pg_dump` and us, so that neither waits for the other at every moment of compression."""
BUFFERED = ("stdbuf", "-o256K")
"""A command of GNU coreutils that sets the size of a program's writes. `pg_dump` alone writes 5 kB at a time, and
each write costs one pass through the whole pipeline."""
BUFFERED_INSIDE = ("stdbuf", "-o64K")
"""The same inside a container: the engine sends each small write as a frame of its own."""
STALL = 180.0
"""Seconds without a byte after which a dump counts as stalled (a paused container, a lock, a dead network)."""
_GRACE = 5.0
_KILLED = (137, 143, None)
"""Exit codes of a program that was ended with its container, or by itself."""
_BEGINS = re.compile(r'(?:dumping contents of table "(.+)"|saving (large objects).*)$')
Begins = Callable[[str], None]
"""Is told the schema and name of each table as its rows begin, `large objects` for those."""


def _heard(table: str) -> None:
    """For whoever does not want to know."""


def messages_of(begins: Begins) -> ClientErrors:
    """What `pg_dump` says: `begins` is told each table, and its errors are kept."""

    def verbose(text: str) -> None:
        if begun := _BEGINS.match(text):
            begins(begun[1] or begun[2])

    return ClientErrors(verbose)


class LockedOut(Failed):
    """A lock kept the dump waiting for longer than it may."""


class Source(Protocol):
    """A dump that is running."""

    def chunks(self) -> Iterator[bytes]:
        """The archive as it comes. Raises `Failed` when it stalls, and when the program fails, after the last byte."""
        ...

    def stop(self) -> None:
        """End it, also when it is stuck. Harmless once it has ended."""
        ...


def options(snapshot: str) -> list[str]:
    """The options of `pg_dump`: an archive that `pg_restore` reads, not compressed, never asking for a password.

    It says on standard error what it does, and so which table it begins.
    """
    base = ["--format=custom", "--compress=0", "--no-password", "--lock-wait-timeout=60s", "--verbose"]
    return [*base, f"--snapshot={snapshot}"] if snapshot else base


class LocalDump:
    """`pg_dump` as our child."""

    def __init__(
        self,
        program: Path,
        environment: Mapping[str, str],
        snapshot: str,
        begins: Begins = _heard,
        more: Sequence[str] = (),
    ) -> None:
        self._words = messages_of(begins)
        buffered = BUFFERED if shutil.which(BUFFERED[0]) else ()
        self._process = subprocess.Popen(
            [*buffered, str(program), *options(snapshot), *more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**client_variables(), **environment, "LC_ALL": "C"},
        )
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # more than an ordinary user may have; the usual 64 KiB serve as well
            fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, PIPE)

    def chunks(self) -> Iterator[bytes]:
        """Yield the dump in chunks."""
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        last = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for stream in (process.stdout, process.stderr):
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(1.0):
                    data = os.read(key.fd, CHUNK)
                    if not data:
                        selector.unregister(key.fileobj)
                        continue
                    if key.fileobj is process.stderr:
                        self._words.feed(data)
                    else:
                        yield data
                    last = time.monotonic()  # only now: whoever takes the data may have been slow
                if time.monotonic() - last > STALL:
                    raise Failed(
                        f"The dump is stalled: no byte for {STALL:g} s", hint="Look for locks, or a paused container"
                    )
        _judge(process.wait(), self._words)

    def stop(self) -> None:
        """End `pg_dump`."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


class ContainerDump:
    """`pg_dump` inside the container, its streams kept apart. Killing the client would leave it running in there."""

    def __init__(self, route: Route, begins: Begins = _heard, lowered: Sequence[str] = ()) -> None:
        self._words = messages_of(begins)
        self._route, self._ended = route, False
        self._application = application()  # so that `stop` ends this one and no other
        argv = ["pg_dump", *options(""), "-p", str(route.port), "-U", route.user, "-d", conninfo_of(route.database)]
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(engine(STALL))
            environment = {"PGAPPNAME": self._application, "LC_ALL": "C"}
            self._exec = Exec(
                client,
                route.container,
                [*_lowered(client, route.container, lowered), *_buffered(client, route.container), *argv],
                environment=environment,
            )
            stack.callback(self._exec.close)
            self._open = stack.pop_all()

    def chunks(self) -> Iterator[bytes]:
        """Yield the dump in chunks."""
        try:
            for kind, data in self._exec.frames(lambda: STALL):
                if kind == OUT:
                    yield data
                else:
                    self._words.feed(data)
        except TimeoutError as error:
            raise Failed(f"The dump is stalled: no byte for {STALL:g} s", hint="Is the container paused?") from error
        except OSError as error:
            raise _without_docker(str(error)) from error
        code = self._exit()
        self._ended = True
        _judge(code, self._words)

    def _exit(self) -> int | None:
        """The exit code, once the stream has ended. Raises `Failed` when not the program but its container has
        ended."""
        code, running, name = None, False, self._route.container
        try:
            with contextlib.suppress(NoSuchThing), engine() as client:  # it may be gone altogether by now
                code = client.api.exec_inspect(self._exec.id)["ExitCode"]
                running = code == 0 or self._outlived(client, code)
        except Failed as error:
            raise _without_docker(error.sentence) from error
        if not running:
            exit_ = "" if code is None else f" (exit {code})"
            hint = f"Nothing was published. docker start {name}, wait until it is ready, and run this again"
            raise Failed(f"The container {name} ended in the middle of the dump{exit_}", hint=hint)
        return code

    def _outlived(self, client: DockerClient, code: int | None) -> bool:
        """Whether the container still runs; of a program that was killed it may take a moment until that shows."""
        deadline = time.monotonic() + (_GRACE if code in _KILLED else 0.0)
        while client.api.inspect_container(self._route.container)["State"]["Running"]:
            if time.monotonic() >= deadline:
                return True
            time.sleep(0.1)
        return False

    def stop(self) -> None:
        """End `pg_dump` in the container."""
        with contextlib.suppress(Exception):  # the engine or the server may be gone, which also ends it
            self._open.close()
            if not self._ended:
                end_dump(self._route, self._application)


def _buffered(client: DockerClient, container: str) -> tuple[str, ...]:
    """What goes before a command in this container; nothing where it lacks GNU's coreutils."""
    with contextlib.suppress(NoSuchCommand):
        if run_in(client, container, *BUFFERED_INSIDE, "true").exit == 0:
            return BUFFERED_INSIDE
    return ()


def _lowered(client: DockerClient, container: str, command: Sequence[str]) -> Sequence[str]:
    """The command that lowers the priority of a program in this container. Raises `Failed` where that cannot be
    done."""
    with contextlib.suppress(NoSuchCommand):
        if not command or run_in(client, container, *command, "true").exit == 0:
            return command
    sentence = (
        f"The priority of pg_dump cannot be lowered in the container {container}: {' '.join(command)} fails there"
    )
    raise Failed(sentence, hint="Leave the priority out, or limit the bandwidth")


def _without_docker(why: str) -> Failed:
    hint = (
        "Nothing was published. Run it again once Docker answers, or with host and port of the target, which "
        "needs no Docker"
    )
    return Failed(f"Docker went away in the middle of the dump: {why}", hint=hint)


def _judge(code: int | None, found: ClientErrors) -> None:
    """Raise `Failed` for any exit but 0, with the program's first error and the reasons for it."""
    if code == 0:
        return
    found.end()
    said, told = found.text, found.first or "it said nothing"
    if code is not None and (short := fell_short(code, said)):
        raise Failed(f"pg_dump {short}", hint="Nothing was published; free memory, and run it again")
    if code in (126, 127):
        raise Failed("There is no pg_dump inside the container", hint="Take a route from outside: a published port")
    if "server version mismatch" in said:
        raise Failed(
            "pg_dump is older than the server", hint="Install a newer postgresql-client, or set locations.pg_bin"
        )
    if "statement timeout" in said or "lock timeout" in said:
        raise LockedOut(f"A lock kept the dump waiting: {told}", hint="The databases panel shows who holds locks")
    raise Failed(
        f"pg_dump failed with exit {code}: {told}", hint="Nothing was published; earlier backups are untouched"
    )
