"""The result of a step, and the disk space that is reserved for it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from midwatch.incident.events import StepOutcome
from midwatch.incident.permissions import open_file
from midwatch.system.clock import from_rfc3339
from midwatch.system.durable import sync_folder

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
    """UTC, as `midwatch.system.clock.to_rfc3339` formats it."""
    error: str
    """What went wrong beside the exit status, as a sentence; empty when nothing did."""
    output_bytes: int = 0
    """Size of the output file."""
    output_dropped: int = 0
    """Redacted bytes of output that are not in the file: above its limit, or the disk was full."""
    output_sha256: str = ""
    masked: int = 0
    """How often a secret was masked."""
    secrets: Mapping[str, int] = field(default_factory=dict)
    """How often by the name of the secret; `secret-shaped` for what only looked like one."""
    discovered: tuple[str, ...] = ()
    """Names of the secrets that the step told while it ran: masked from then on."""
    tries: int = 1
    """How often the step was run."""
    read_input: bool = False
    """Whether something of the step read its standard input, which is empty."""

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON types."""
        return asdict(self) | {"outcome": self.outcome.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote, also before it had names.

        Raises `KeyError`, `TypeError`, `AttributeError` or `ValueError`: others may be able to write the file.
        """
        seconds = float(data["seconds"])
        if not math.isfinite(seconds):
            raise ValueError(f"it ran {seconds} s")
        from_rfc3339(str(data["ended"]))
        return cls(
            outcome=StepOutcome(data["outcome"]),
            exit=None if data["exit"] is None else _number(data["exit"]),
            seconds=seconds,
            ended=str(data["ended"]),
            output_bytes=_number(data["output_bytes"]),
            output_dropped=_number(data["output_dropped"]),
            output_sha256=str(data["output_sha256"]),
            masked=_number(data["masked"]),
            error=str(data["error"]),
            secrets={str(name): _number(count) for name, count in data.get("secrets", {}).items()},
            discovered=tuple(map(str, data.get("discovered", ()))),
            tries=_number(data.get("tries", 1)),
            read_input=data.get("read_input") is True,
        )


def _number(value: object) -> int:
    if not isinstance(value, int) or abs(value) > sys.maxsize:
        raise ValueError(f"{value!r:.40} is not a number of anything")
    return int(value)


class ReservedFile:
    """A file whose space is taken now, so that it can be written and published when the disk is full."""

    def __init__(self, path: Path, space: int = SPACE) -> None:
        """Take the space beside `path`. Raises `OSError` when there is none."""
        self._path = path
        self._part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
        self._space = space
        self._descriptor = open_file(self._part, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            os.posix_fallocate(self._descriptor, 0, space)
        except OSError:
            os.close(self._descriptor)
            self._part.unlink()
            raise

    @property
    def space(self) -> int:
        """The reserved space in bytes."""
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
    data["discovered"] = list(_that_fit(dict.fromkeys(result.discovered, 0)))
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
