"""The log of validations of backups: a JSON line for each, chained by hashes, only ever appended to.

A change of an earlier line is found by the hash in the line after it. What a full disk or the death of a writer cut
short is closed by the next writer, and is told apart from a change: the line after it continues from the one before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from midwatch.incident.permissions import new_folder, open_file
from midwatch.runbook.model import Runbook
from midwatch.system.clock import from_rfc3339
from midwatch.system.durable import sync_folder
from midwatch.system.errors import Failed, OutcomeUnknown
from midwatch.system.file_locks import await_lock, release
from midwatch.system.mounts import require_answer
from midwatch.system.sanitize import safe_text
from midwatch.system.strict_json import read_object
from midwatch.system.trust import OTHERS_WRITE, user_name
from probes.backup.backup_catalog import BackupFile
from probes.backup.manifest import Manifest

RESTORED = 5
"""The depth of a validation that restored the backup and compared its content."""
NO_LINE = "0" * 64
"""`prev` of the first line."""
_TEXT_LIMIT = 1_000
_LINE_LIMIT_BYTES = 32 * 1024
_FILE_LIMIT_BYTES = 64 << 20
_LOCK_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Proof:
    """One validation of one backup: what was found, where and when."""

    at: str
    """When it ended, UTC."""
    host: str
    actor: str
    incident: str
    target: str
    database: str
    backup: str
    """Where the backup lies."""
    taken: str
    """When the backup began, UTC; empty when no manifest tells."""
    sha256: str
    """Of the backup, as its manifest has it."""
    bytes: int
    depth: int
    problem: str = ""
    """What was found wrong; empty when nothing was."""
    rows: int = 0
    tables: int = 0
    digests: int = 0
    """Tables whose content was compared by digest."""
    seconds: float = 0.0
    """What the restore took; 0 without one."""
    compared: str = ""
    """Where it was restored, and what was compared with what."""

    @property
    def is_restore(self) -> bool:
        """Whether the backup was restored, and nothing was wrong."""
        return self.depth >= RESTORED and not self.problem

    @property
    def moment(self) -> datetime:
        """When it ended."""
        return from_rfc3339(self.at)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Raises `ValueError` for what is none."""
        wanted = {item.name: item.type for item in fields(cls)}
        if set(data) != {*wanted, "prev"}:
            raise ValueError("its keys are not those of a validation")
        kinds = {"str": str, "int": int, "float": (int, float)}
        for name, kind in wanted.items():
            if not isinstance(data[name], kinds[str(kind)]) or isinstance(data[name], bool):  # type: ignore[arg-type]
                raise ValueError(f"{name} has the wrong type")
        given: dict[str, Any] = {
            name: safe_text(data[name]) if kind == "str" else data[name] for name, kind in wanted.items()
        }
        proof = cls(**given)
        if proof.moment.tzinfo is None:
            raise ValueError("its time has no zone")
        return proof


@dataclass(frozen=True, slots=True)
class ProofLog:
    """What the file has."""

    proofs: tuple[Proof, ...] = ()
    """The oldest first."""
    problems: tuple[str, ...] = ()
    """Where it was changed after it was written."""
    cut: tuple[int, ...] = ()
    """Lines that were cut short while they were written, which is no change."""
    head: str = NO_LINE
    """The hash of the last line: who keeps it can tell later whether lines were taken away."""

    def of_bytes(self, manifest: Manifest | None) -> Proof | None:
        """The last restore of a backup with these bytes; None when there is none, when a validation after it found a
        problem, or when the log was changed."""
        return None if self.problems else self.restore_of(manifest)

    def restore_of(self, manifest: Manifest | None) -> Proof | None:
        """The same, as the log has it, whether it was changed or not: for what is kept, not for what is relied on."""
        if manifest is None:
            return None
        same = [proof for proof in self.proofs if proof.sha256 == manifest.sha256 and proof.target == manifest.target]
        if not same or same[-1].problem:
            return None
        return next((proof for proof in reversed(same) if proof.is_restore), None)

    def last(self, target: str, depth: int = RESTORED) -> Proof | None:
        """The last validation of any backup of a target that reached a depth without a problem."""
        found = (one for one in reversed(self.proofs) if one.target == target and one.depth >= depth)
        return next((one for one in found if not one.problem), None)


@dataclass(frozen=True, slots=True)
class ProvenBackup:
    """A backup that is there, and the validation that restored it."""

    backup: BackupFile
    proof: Proof


def newest_proven(found: Sequence[BackupFile], log: ProofLog) -> ProvenBackup | None:
    """The newest of these backups that was restored and has the same bytes still; None when none was."""
    for backup in found:
        if backup.good and (proof := log.of_bytes(backup.manifest)) is not None:
            return ProvenBackup(backup, proof)
    return None


def proof_file(runbook: Runbook) -> Path:
    """Where the log lies. Raises `OutcomeUnknown` when its mount does not answer."""
    path = runbook.location_of("proofs")
    require_answer(path)
    return path


def read_proofs(runbook: Runbook) -> ProofLog:
    """What is known of the validations of backups; nothing when there was none yet. Raises `OutcomeUnknown`."""
    path = proof_file(runbook)
    try:
        descriptor = open_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return ProofLog()
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    with os.fdopen(descriptor, "rb") as file:
        _require_ours(descriptor, path)
        try:
            content = file.read(_FILE_LIMIT_BYTES + 1)
        except OSError as error:
            raise _unreadable(path, error.strerror) from error
    if len(content) > _FILE_LIMIT_BYTES:
        raise _unreadable(path, f"it is longer than {_FILE_LIMIT_BYTES:,} bytes")
    return _parsed(content)


def append_proof(path: Path, proof: Proof) -> None:
    """Put a validation on disk; two writers come one after the other. Raises `Failed`, and the file is then as
    before."""
    try:
        if not path.parent.is_dir():
            with contextlib.suppress(FileExistsError):
                new_folder(path.parent)
        is_new = not path.exists()
        descriptor = open_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            _lock(descriptor, path)
            _require_ours(descriptor, path)
            _append(descriptor, proof)
        finally:
            release(descriptor)
        if is_new:
            sync_folder(path.parent)
    except OSError as error:
        raise Failed(
            f"The validation cannot be kept in {path}: {error.strerror}",
            hint="It holds all the same; make room or mend the folder, and validate again to keep it",
        ) from error
    except OutcomeUnknown as error:
        raise Failed(error.sentence, hint=error.hint) from error


def _append(descriptor: int, proof: Proof) -> None:
    length = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 4 * _LINE_LIMIT_BYTES, max(0, length - 4 * _LINE_LIMIT_BYTES))
    last = next((line for line in reversed(tail.split(b"\n")) if _is_whole(line)), None)
    closing = b"\n" if tail and not tail.endswith(b"\n") else b""
    content = closing + _encoded(proof, _digest(last) if last is not None else NO_LINE) + b"\n"
    try:
        written = 0
        while written < len(content):
            written += os.write(descriptor, content[written:])
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):  # else the next writer closes it
            os.ftruncate(descriptor, length)
        raise


def _lock(descriptor: int, path: Path) -> None:
    if not await_lock(descriptor, _LOCK_WAIT_S):
        raise Failed(f"Another process holds {path} for {_LOCK_WAIT_S:.0f} s", hint="End it, and validate again")


def _encoded(proof: Proof, prev: str) -> bytes:
    data = {
        name: safe_text(value)[:_TEXT_LIMIT] if isinstance(value, str) else value
        for name, value in asdict(proof).items()
    }
    return json.dumps({**data, "prev": prev}, separators=(",", ":")).encode()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _is_whole(line: bytes) -> bool:
    try:
        Proof.from_json(read_object(line))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=2)  # a panel reads the same file every few seconds
def _parsed(content: bytes) -> ProofLog:
    proofs, problems, cut, head = list[Proof](), list[str](), list[int](), NO_LINE
    lines = content.split(b"\n")
    for number, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        try:
            data = read_object(line)
            proofs.append(Proof.from_json(data))
        except ValueError:
            cut.append(number)
            continue
        if data["prev"] != head:
            problems.append(f"line {number} does not follow the one before it: one was changed, added or taken away")
        head = _digest(line)
    return ProofLog(tuple(proofs), tuple(problems), tuple(cut), head)


def _require_ours(descriptor: int, path: Path) -> os.stat_result:
    """The file of somebody who may write to its folder. Raises `OutcomeUnknown`."""
    status, folder = os.fstat(descriptor), path.parent.stat()
    is_open = bool(folder.st_mode & stat.S_IWOTH)
    is_shared = bool(folder.st_mode & stat.S_IWGRP) and not is_open
    allowed = stat.S_IWGRP if is_shared else 0
    if (is_open and not folder.st_mode & stat.S_ISVTX) or status.st_mode & OTHERS_WRITE & ~allowed:
        raise _unreadable(path, "other users can change it")
    if not is_shared and status.st_uid not in (os.geteuid(), 0, folder.st_uid):
        raise _unreadable(path, f"it belongs to {user_name(status.st_uid)}")
    return status


def _unreadable(path: Path, why: str | None) -> OutcomeUnknown:
    return OutcomeUnknown(f"The validations in {path} cannot be read: {why}", hint="Look at the file and its folder")
