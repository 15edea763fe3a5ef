"""A file that gets a line of JSON for each message."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from midwatch.channels.message import Answer, Message, NotSent, Verdict
from midwatch.runbook.channels import ChannelTarget
from midwatch.system.errors import MidwatchError
from midwatch.system.file_locks import lock, release
from midwatch.system.trusted_files import open_log

_MODE = 0o640


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """Append the whole line or nothing; the line is on disk when this returns."""
    try:
        append_line(Path(target.path), json.dumps({**message.to_json(), "subject": message.subject}).encode() + b"\n")
    except OSError as error:
        raise NotSent(error.strerror or str(error)) from error
    except MidwatchError as error:
        raise NotSent(str(error), for_good=True) from error
    return Answer(Verdict.ACCEPTED, "appended")


def append_line(path: Path, line: bytes) -> None:
    """Append this line to a file that is made when it is missing. Raises `UntrustedFile` and `OSError`; the file is as
    before then."""
    descriptor = open_log(path, mode=_MODE)
    try:
        lock(descriptor)
        before = os.fstat(descriptor).st_size
        line = b"\n" * _is_torn(descriptor, before) + line
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError(28, "There is no space left for the whole line")
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, before)
            raise
    finally:
        release(descriptor)


def _is_torn(descriptor: int, size: int) -> bool:
    """Whether a writer before this one did not come to the end of its line."""
    with contextlib.suppress(OSError), Path(f"/proc/self/fd/{descriptor}").open("rb") as file:
        return size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
    return False
