"""How a step ended, and the space on disk that is kept for saying so."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from midwatch.incident.events import StepOutcome
from midwatch.incident.modes import open_file

SPACE = 4096
"""Bytes that are kept for a result."""
_LONGEST_ERROR = 600
_NAMES = 1200
"""Bytes that names of secrets may take of the reserved space, twice."""
_OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt ended, as its supervisor saw it."""

    outcome: StepOutcome
    exit: int | None
    """The exit status, or minus the signal that ended it; None when it never began or would not die."""
    seconds: float
    """From the start of the step's process to its end."""
    ended: str
    """UTC, as `midwatch.clock.iso` writes it."""
    output_bytes: int
    """Size of the output file."""
    output_dropped: int
    """Redacted bytes of output that are not in the file: above its limit, or the disk was full."""
    output_sha256: str
    masked: int
    """How often a secret was masked."""
    error: str
    """What went wrong beside the exit status, as a sentence; empty when nothing did."""
    secrets: Mapping[str, int] = field(default_factory=dict)
    """How often by the name of the secret; `secret-shaped` for what only looked like one."""
    learnt: tuple[str, ...] = ()
    """Names of the secrets that the step told while it ran: masked from then on."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"outcome": self.outcome.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote, also before it had names. Raises `KeyError`, `TypeError` or `ValueError`."""
        given = {name: data[name] for name in cls.__slots__ if name in data}
        return cls(**given | {"outcome": StepOutcome(data["outcome"]), "learnt": tuple(data.get("learnt", ()))})


class ReservedFile:
    """A file whose space is taken now, so that it can be written and published when the disk is full."""

    def __init__(self, path: Path, space: int = SPACE) -> None:
        """Take the space beside `path`. Raises `OSError` when there is none."""
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._space = space
        self._descriptor = open_file(self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            os.posix_fallocate(self._descriptor, 0, space)
        except OSError:
            os.close(self._descriptor)
            self._part.unlink()
            raise

    @property
    def space(self) -> int:
        return self._space

    def publish(self, content: bytes) -> None:
        """Write, cut, put on disk, and give it its name; a reader sees all of it or nothing. Raises `OSError`."""
        written = 0
        while written < len(content):
            written += os.pwrite(self._descriptor, content[written:], written)
        os.ftruncate(self._descriptor, len(content))
        with contextlib.suppress(OSError):  # a disk that cannot sync has already been told the content
            os.fsync(self._descriptor)
        self._part.rename(self._path)
        sync_folder(self._path.parent)
        os.close(self._descriptor)

    def discard(self) -> None:
        """Give the space back."""
        os.close(self._descriptor)
        self._part.unlink(missing_ok=True)


def result_bytes(result: Result) -> bytes:
    """The result as JSON that fits the reserved space."""
    data = result.to_json()
    data["error"] = result.error[:_LONGEST_ERROR]
    while len(json.dumps(data["error"])) > 2 * _LONGEST_ERROR:  # what is not ASCII takes six bytes a letter
        data["error"] = data["error"][:-50]
    data["secrets"] = _that_fit(result.secrets)
    data["learnt"] = list(_that_fit(dict.fromkeys(result.learnt, 0)))
    return json.dumps(data, ensure_ascii=True).encode() + b"\n"


def _that_fit(counts: Mapping[str, int]) -> dict[str, int]:
    """Those masked most often, by name; the rest of them under one name."""
    fitting: dict[str, int] = {}
    used = 0
    for name, count in sorted(counts.items(), key=lambda item: -item[1]):
        used += len(json.dumps(name)) + 12
        if used <= _NAMES:
            fitting[name] = count
        else:
            fitting[_OTHERS] = fitting.get(_OTHERS, 0) + count
    return fitting


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file so that it is there completely or not at all, and on disk. Raises `OSError`."""
    part = path.with_name(path.name + ".part")
    descriptor = open_file(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    part.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse to sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
