"""What the watcher knows, in one file that is replaced whole: where it stands in each log, and what each trigger does.

The position in a log and the results of the lines before it are in the same file, so a watcher
that is killed at any point neither loses nor repeats a trigger.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from midwatch.incident.permissions import new_folder, open_file, replace_file
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.strict_json import number_of, read_object
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import read_trusted
from midwatch.watch.condition import Condition
from midwatch.watch.log_position import LogPosition
from midwatch.watch.requests import DeclareRequest

_FORMAT = 1
_FILE_LIMIT_BYTES = 4 * 1024 * 1024
_RESERVE_BYTES = 256 * 1024


@dataclass(slots=True)
class WatchState:
    """What a restart needs."""

    logs: dict[str, tuple[LogPosition, ...]] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    number: int = 0
    """Of the last request."""
    leaving: list[DeclareRequest] = field(default_factory=list)
    """Requests that are to be put on disk."""
    untold: list[str] = field(default_factory=list)
    """Requests that the channel is to be told of."""
    told: list[str] = field(default_factory=list)
    """Requests that the channel was told of, and that were not answered yet."""

    def to_json(self) -> dict[str, Any]:
        """As its file has it."""
        return {
            "format": _FORMAT,
            "logs": {path: [position.to_json() for position in positions] for path, positions in self.logs.items()},
            "conditions": {name: condition.to_json() for name, condition in self.conditions.items()},
            "number": self.number,
            "leaving": [request.to_json() for request in self.leaving],
            "untold": self.untold,
            "told": self.told,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WatchState:
        """Raises `ValueError`, `TypeError`, `KeyError` and `AttributeError` for what is none."""
        if data.get("format") != _FORMAT:
            raise ValueError("it is of another version of Midwatch")
        return cls(
            {path: tuple(map(LogPosition.from_json, positions)) for path, positions in data["logs"].items()},
            {name: Condition.from_json(condition) for name, condition in data["conditions"].items()},
            int(number_of(data, "number")),
            [DeclareRequest.from_json(request) for request in data["leaving"]],
            [str(name) for name in data["untold"]],
            [str(name) for name in data["told"]],
        )


class StateFile:
    """The file `state.json` in the folder of the watcher, with some space kept for a full disk."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path, self._reserve = folder, folder / "state.json", folder / "reserve"
        self._written: bytes | None = None

    def read(self) -> tuple[WatchState, str]:
        """The state, and why it is a new one although there was a file; the reason is empty otherwise. Takes away what
        a watcher left that was killed while it wrote."""
        with contextlib.suppress(OSError):
            for part in self._folder.glob(f".{self._path.name}.*.part"):
                part.unlink()
        try:
            content = read_trusted(self._path, Trust.own().in_any_folder().shared(), limit_bytes=_FILE_LIMIT_BYTES)
            return WatchState.from_json(read_object(content)), ""
        except FileNotFoundError:
            return WatchState(), ""
        except (OSError, MidwatchError, ValueError, TypeError, KeyError, AttributeError) as error:
            return WatchState(), f"{self._path} cannot be used, so the logs are looked at anew: {error}"

    def write(self, state: WatchState) -> None:
        """Put the state on disk, unless it is there already. Raises `Failed`."""
        content = json.dumps(state.to_json(), ensure_ascii=True).encode() + b"\n"
        if content == self._written:
            return
        try:
            with contextlib.suppress(FileExistsError):
                new_folder(self._folder)
            try:
                replace_file(self._path, content)
                self._keep_reserve()
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                self._reserve.unlink(missing_ok=True)
                replace_file(self._path, content)
        except OSError as error:
            raise Failed(
                f"{self._path} cannot be written: {error.strerror}", hint="Make room, or see to its rights"
            ) from error
        self._written = content

    def _keep_reserve(self) -> None:
        """Take the space that a write on a full disk gets, where there is plenty."""
        with contextlib.suppress(OSError):
            disk = os.statvfs(self._folder)
            if not self._reserve.exists() and disk.f_bavail * disk.f_frsize > 8 * _RESERVE_BYTES:
                descriptor = open_file(self._reserve, os.O_WRONLY | os.O_CREAT)
                try:
                    os.posix_fallocate(descriptor, 0, _RESERVE_BYTES)
                finally:
                    os.close(descriptor)
