"""Compares the journal with its witnesses: the heads that journald or the files of syslog have recorded."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.journal.witness import TAG
from midwatch.system.errors import MidwatchError
from midwatch.system.strict_json import read_object
from midwatch.system.trusted_files import open_regular

SYSLOG_FILES = (Path("/var/log/syslog"), Path("/var/log/messages"))
_STATEMENT = re.compile(r'journal ("(?:[^"\\]|\\.){1,5000}") event (\d{1,9}) head ([0-9a-f]{64})')
JOURNALCTL_LIMIT_S = 15.0
_MESSAGES_AT_MOST = 20_000
_SYSLOG_READ_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """One head that a witness recorded."""

    folder: str
    seq: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Testimony:
    """The records of one witness."""

    witness: str
    """`journald`, or the file of syslog."""
    heads: tuple[Head, ...] = ()
    left_out: int = 0
    """Heads that a user wrote who may not drive this incident."""
    problem: str = ""
    """Why it cannot be asked."""
    knows_who_wrote: bool = False


def heads_witnessed(folder: Path, *, syslog_files: Sequence[Path] = SYSLOG_FILES) -> list[Testimony]:
    """What each witness on this machine says of this incident; empty when there is none."""
    found = [testimony] if (testimony := _ask_journald(folder)) is not None else []
    return [*found, *(said for file in syslog_files if (said := _read_syslog(file, folder)) is not None)]


def contradictions(heads: Iterable[Head], hashes: Sequence[str]) -> list[Head]:
    """The heads that are not those of the journal, whose lines have these hashes in their order."""
    return [head for head in heads if not 0 < head.seq <= len(hashes) or hashes[head.seq - 1] != head.sha256]


def _ask_journald(folder: Path) -> Testimony | None:
    program = shutil.which("journalctl")
    if program is None:
        return None
    name = json.dumps(folder.name)[1:-1]
    argv = [program, "-t", TAG, "--output=json", "--no-pager", "--quiet", f"--lines={_MESSAGES_AT_MOST}"]
    try:
        done = subprocess.run(
            [*argv, f"MIDWATCH_INCIDENT={name}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=JOURNALCTL_LIMIT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return Testimony("journald", problem=f"journalctl did not end within {JOURNALCTL_LIMIT_S:.0f} s")
    except OSError as error:
        return Testimony("journald", problem=f"journalctl cannot be started: {error.strerror}")
    if done.returncode != 0 and not done.stdout:
        return None if b"No journal files" in done.stderr else Testimony("journald", problem=_last_line(done.stderr))
    drivers, heads, left_out = _possible_drivers(folder), [], 0
    for line in done.stdout.splitlines():
        try:
            entry = read_object(line)
        except ValueError:
            continue
        head = _head(str(entry.get("MESSAGE", "")), folder)
        if head is None:
            continue
        uid = str(entry.get("_UID", ""))
        if drivers is None or (uid.isdecimal() and int(uid) in drivers):
            heads.append(head)
        else:
            left_out += 1
    return Testimony("journald", tuple(heads), left_out, knows_who_wrote=True)


def _read_syslog(file: Path, folder: Path) -> Testimony | None:
    """The last part of a file that the system's log writes; None when it is not there or says nothing of this
    incident."""
    try:
        with os.fdopen(open_regular(file), "rb") as log:
            size = os.fstat(log.fileno()).st_size
            log.seek(max(0, size - _SYSLOG_READ_BYTES))
            data = log.read(_SYSLOG_READ_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, MidwatchError) as error:
        return Testimony(str(file), problem=f"{file} cannot be read: {getattr(error, 'strerror', None) or error}")
    lines = (line for line in data.split(b"\n") if TAG.encode() in line and b" head " in line)
    heads = tuple(head for line in lines if (head := _head(line.decode("ascii", "replace"), folder)))
    return Testimony(str(file), heads) if heads else None


def _head(line: str, folder: Path) -> Head | None:
    found = _STATEMENT.search(line)
    if found is None:
        return None
    try:
        path = str(json.loads(found[1]))
    except ValueError:
        return None
    return Head(path, int(found[2]), found[3]) if Path(path).name == folder.name else None


def _possible_drivers(folder: Path) -> set[int] | None:
    """The users who may drive this incident; None when that cannot be known, and everybody counts."""
    try:
        status = folder.stat()
    except OSError:
        return None
    users = {0, status.st_uid}
    if status.st_mode & stat.S_IWGRP:
        try:
            group = grp.getgrgid(status.st_gid)
        except KeyError:
            return None
        users |= {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == status.st_gid}
        for name in group.gr_mem:
            with contextlib.suppress(KeyError):
                users.add(pwd.getpwnam(name).pw_uid)
    return users


def _last_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else "journalctl failed and said nothing"
