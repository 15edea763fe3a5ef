"""Runs external programs without a terminal, with a time limit and bounded output, and ends all their processes."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from midwatch.system.errors import Failed
from midwatch.system.programs import start_errno

TAIL = 16_384
"""Bytes of the end of a command's output that are kept."""
HEAD_BYTES = 65_536
"""Bytes of the beginning of a script's output that are kept."""
_LINGER = 2.0
"""Seconds that are waited for its output after its end: a grandchild may hold the pipe for ever."""


class TooLong(Failed):
    """A program had not ended within its limit, and was ended; what it had done by then is not known."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. Its words are foreign."""

    exit: int
    """The exit status; the negative number of the signal that ended it."""
    output: str
    """The end of what a command said on both streams; the beginning of what a script said on standard output."""
    errors: str = ""
    """The end of what a script said on standard error."""

    @property
    def last_line(self) -> str:
        """The last line of the output; empty when there is none."""
        lines = self.output.strip().splitlines()
        return lines[-1].strip() if lines else f"exit {self.exit}"


def run_external(
    command: str, folder: Path, *, limit: float, data: bytes = b"", environment: Mapping[str, str] | None = None
) -> Ended:
    """Run a command line without a shell in `folder`, with `data` on its standard input, and wait for its end.

    What it left running in good order may go on. Raises `Failed` when it cannot be started, and `TooLong` when it takes
    longer than `limit` seconds.
    """
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise Failed(f"The command {command!r} cannot be read: {error}", hint="Look at its quotes") from None
    process = _start(argv, folder, os.environ | dict(environment or {}), subprocess.PIPE, subprocess.STDOUT)
    output = _Kept(process.stdout, last=TAIL)
    try:
        threading.Thread(target=_feed, args=(process.stdin, data), daemon=True).start()
        _wait(process, argv[0], limit)
        process.wait()
    finally:
        if process.returncode is None:
            _end(process)
    return Ended(process.returncode, output.text())


def run_script(
    argv: Sequence[str],
    folder: Path,
    *,
    limit: float,
    environment: Mapping[str, str],
    inherited: Sequence[int] = (),
    head_bytes: int = HEAD_BYTES,
) -> Ended:
    """Run a program in `folder` with exactly this environment, in a session of its own, without input, to its end.

    Nothing of its process group outlives it. `timeout` stands before the program, so that the limit holds as well when
    this process is killed. Raises `Failed` as `run_external` does.
    """
    argv = ("timeout", "-s", "KILL", f"{limit + _LINGER:g}", *argv)
    process = _start(argv, folder, environment, subprocess.DEVNULL, subprocess.PIPE, inherited)
    output, errors = _Kept(process.stdout, first=head_bytes), _Kept(process.stderr, last=TAIL)
    try:
        _wait(process, "The script", limit)
    finally:
        _end(process)
    return Ended(process.returncode, output.text(), errors.text())


def _start(
    argv: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    stdin: int,
    stderr: int,
    inherited: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """The process, leader of a session and a process group of its own, so that it has no terminal."""
    try:
        return subprocess.Popen(
            argv,
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            pass_fds=inherited,
            start_new_session=True,
        )
    except (OSError, IndexError, ValueError) as error:
        reason = "it is empty" if isinstance(error, IndexError) else str(error)
        if isinstance(error, OSError):
            reason = os.strerror(start_errno(error, argv[0], environment))
        raise Failed(f"{argv[0] if argv else 'A command'} cannot be started: {reason}", hint=f"In {folder}") from None


def _wait(process: subprocess.Popen[bytes], name: str, limit: float) -> None:
    """Wait for its end without collecting it: until then no other process group can have its number."""
    handle = os.pidfd_open(process.pid)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        if not waiting.poll(limit * 1000):
            raise TooLong(f"{name} did not end within {limit:g} s", hint="It was ended; nothing of it goes on")
    finally:
        os.close(handle)


class _Kept:
    """A part of what a stream says, read to its end by a thread of its own: the first bytes, or the last."""

    def __init__(self, stream: IO[bytes] | None, *, first: int = 0, last: int = 0) -> None:
        assert stream is not None
        self._stream, self._first, self._last = stream, first, last
        self._bytes = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """What was kept, once the stream has ended or been waited for."""
        self._thread.join(_LINGER)
        return self._bytes.decode("utf-8", "replace")

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._stream:
            while piece := os.read(self._stream.fileno(), 65_536):
                self._bytes = (self._bytes + piece)[-self._last :] if self._last else self._with_first(piece)

    def _with_first(self, piece: bytes) -> bytes:
        return self._bytes + piece[: self._first - len(self._bytes)]


def _feed(stream: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError), stream:  # it may not want to know
        stream.write(data)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End all of the process group, also what runs on behind a program that has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
