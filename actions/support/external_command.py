"""Runs an external command without shell or terminal, with a time limit, and ends all its processes."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from midwatch.system.errors import Failed
from midwatch.system.programs import start_errno

TAIL = 16_384
"""Bytes of the end of its output that are kept."""
_LINGER = 2.0
"""Seconds that are waited for its output after its end: a grandchild may hold the pipe for ever."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended. Its words are foreign."""

    exit: int
    output: str
    """The end of what it said on both streams."""

    @property
    def last_line(self) -> str:
        """The last line of the output; empty when there is none."""
        lines = self.output.strip().splitlines()
        return lines[-1].strip() if lines else f"exit {self.exit}"


def run_external(
    command: str, folder: Path, *, limit: float, data: bytes = b"", environment: Mapping[str, str] | None = None
) -> Ended:
    """Run it in `folder` with `data` on its standard input, and wait for its end.

    Raises `Failed` when it cannot be started or takes longer than `limit` seconds; how it ended otherwise is told.
    """
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise Failed(f"The command {command!r} cannot be read: {error}", hint="Look at its quotes") from None
    try:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=os.environ | dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    except (OSError, IndexError) as error:
        reason = "it is empty"
        if isinstance(error, OSError):
            reason = os.strerror(start_errno(error, argv[0], os.environ))
        raise Failed(f"{argv[0] if argv else 'A command'} cannot be started: {reason}", hint=f"In {folder}") from None
    kept: list[bytes] = [b""]
    assert process.stdin is not None
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout, kept), daemon=True)
    reader.start()
    try:
        threading.Thread(target=_feed, args=(process.stdin, data), daemon=True).start()
        process.wait(limit)
    except subprocess.TimeoutExpired:
        raise Failed(f"{argv[0]} did not end within {limit:g} s", hint="It was ended; nothing of it goes on") from None
    finally:
        _end(process)
    reader.join(_LINGER)
    return Ended(process.returncode, kept[0].decode("utf-8", "replace"))


def _feed(stream: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError), stream:  # it may not want to know
        stream.write(data)


def _read(stream: IO[bytes], kept: list[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while piece := os.read(stream.fileno(), 65_536):
            kept[0] = (kept[0] + piece)[-TAIL:]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of it outlives its limit, nor whoever was asked to end us. What it left running in good order may go
    on."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
