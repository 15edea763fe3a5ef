"""The files of the outbox: one for each delivery, written whole, on disk before anything depends on it.

The driver makes a delivery and a person's decisions on it; the delivery process of the same user writes what becomes of
it. A file of another user is never sent, and one of a user who never drove the incident is no message. Neither is a
file that somebody moved here: files of the outbox have a mark in their mode, which nobody else can set, and name the
folder that their outbox lies in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from midwatch.channels.message import Message
from midwatch.outbox.delivery_state import DeliveryState as DeliveryState
from midwatch.runbook.channels import ChannelTarget
from midwatch.system.errors import MidwatchError
from midwatch.system.strict_json import read_object
from midwatch.system.trust import OTHERS_WRITE, Trust
from midwatch.system.trusted_files import atomic_write, read_trusted

FORMAT = 1
_FILE_LIMIT_BYTES = 256 * 1024
_HISTORY_LIMIT = 40
_MARK = stat.S_ISVTX
"""Nothing else that Midwatch or its operator makes has this bit, which means nothing for a file."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one receiver, and what became of it."""

    message: Message
    target: ChannelTarget
    channel: str
    state: DeliveryState = DeliveryState.QUEUED
    at: str = ""
    """Since when it stands there, as RFC 3339."""
    detail: str = ""
    """The receiver's last words."""
    tries: int = 0
    queued_at: float = 0.0
    """Seconds of the time of day; a retry begins anew."""
    next_at: float = 0.0
    """Seconds of the time of day from which on it is sent."""
    decision: int = 0
    """The number of the last decision of a person that was followed."""
    history: tuple[str, ...] = ()
    """Earlier states, a line each."""
    home: str = ""
    """The name of the folder that its outbox lies in: of the incident, or of the watcher."""

    @property
    def id(self) -> str:
        """The id of the delivery, which is the name of its file."""
        return self.message.id

    @property
    def order(self) -> tuple[int, int]:
        """Sorts deliveries as they were queued."""
        event, _, number = self.id.partition(".")
        return int(event), int(number)

    @property
    def fate(self) -> tuple[str, str]:
        """What the driver journals, once for each of these."""
        return self.state.value, self.at

    def changed(self, state: DeliveryState, at: str, detail: str = "", **fields: Any) -> Self:
        """The delivery in another state, the former one kept in its history."""
        line = " ".join(filter(None, (self.at, self.state.value, self.detail)))
        history = (*self.history, line)[-_HISTORY_LIMIT:]
        return dataclasses.replace(self, state=state, at=at, detail=detail, history=history, **fields)

    def to_json(self) -> dict[str, Any]:
        """As its file has it."""
        return {"format": FORMAT, **asdict(self), "target": self.target.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises `KeyError`, `TypeError` and `ValueError` for what is none."""
        fields = dict(data)
        if fields.pop("format", None) != FORMAT:
            raise ValueError("it is of another version of Midwatch")
        fields["message"] = Message.from_json(fields["message"])
        fields["target"] = ChannelTarget.from_json(fields["target"])
        delivery = cls(**{**fields, "state": DeliveryState(fields["state"]), "history": tuple(fields["history"])})
        _ = delivery.order  # raises for an id that is none
        return delivery


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided on a delivery."""

    number: int
    """Of the event that has it; a higher one replaces a lower one."""
    retry: bool
    """Send it anew; otherwise give it up."""
    reason: str = ""


class OutboxStore:
    """The folder of the outbox of one incident, or of a watcher."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._home = folder, folder.absolute().parent.name
        self._read_files: dict[str, tuple[tuple[int, ...], Delivery]] = {}
        """What was read of a file, and which state of it; the file is read again once it was replaced."""

    def add(self, delivery: Delivery, users: Collection[int] = ()) -> None:
        """Put a delivery on disk, unless one of its id by these users (or this one) is there. Raises `UntrustedFile`
        and `OSError`."""
        if not self.is_by(delivery.id, users):
            self.write(delivery)

    def write(self, delivery: Delivery) -> None:
        """Replace the file of a delivery. Raises `UntrustedFile` and `OSError`."""
        self._write(self._file(delivery.id), dataclasses.replace(delivery, home=self._home).to_json())

    def decide(self, delivery_id: str, decision: Decision) -> None:
        """Put a person's decision on disk for the delivery process. Raises `UntrustedFile` and `OSError`."""
        self._write(self.folder / f"{delivery_id}.decision", asdict(decision))

    def decision(self, delivery_id: str) -> Decision | None:
        """The latest decision on this delivery; None without one. Whoever may write in the folder decides."""
        with contextlib.suppress(OSError, MidwatchError, ValueError, TypeError):
            path = self.folder / f"{delivery_id}.decision"
            return Decision(**self._read(path, Trust.of(path.lstat().st_uid)))
        return None

    def is_by(self, delivery_id: str, users: Collection[int] = ()) -> bool:
        """Whether one of these users queued it, by default this one, whose process sends it then."""
        with contextlib.suppress(OSError):
            return self._is_made_here(self._file(delivery_id).lstat(), users)
        return False

    def own(self) -> list[Delivery]:
        """The deliveries that this user queued, in their order: no other user decides what is sent as this one."""
        found = [delivery for name in self._names() if (delivery := self.read(name)) is not None]
        return sorted(found, key=lambda delivery: delivery.order)

    def read(self, delivery_id: str, users: Collection[int] = ()) -> Delivery | None:
        """One delivery that one of these users queued, by default this one; None where there is none that can be
        read."""
        path = self._file(delivery_id)
        with contextlib.suppress(OSError, MidwatchError, ValueError, TypeError, KeyError):
            status = path.lstat()
            if not self._is_made_here(status, users):
                return None
            replaced = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            known = self._read_files.get(delivery_id)
            if known is None or known[0] != replaced:
                known = replaced, Delivery.from_json(self._read(path, Trust.of(status.st_uid)))
            if (known[1].id, known[1].home) == (delivery_id, self._home):
                self._read_files[delivery_id] = known
                return known[1]
        return None

    def changed_at(self) -> int:
        """Changes whenever a file of the folder was replaced; 0 without a folder."""
        try:
            return self.folder.stat().st_mtime_ns
        except OSError:
            return 0

    def _file(self, delivery_id: str) -> Path:
        return self.folder / f"{delivery_id}.json"

    def _names(self) -> list[str]:
        with contextlib.suppress(OSError):
            names = os.listdir(self.folder)  # noqa: PTH208
            return [name.removesuffix(".json") for name in names if name.endswith(".json") and name[0] != "."]
        return []

    def _is_made_here(self, status: os.stat_result, users: Collection[int]) -> bool:
        """Whether one of these users made the file, and in this folder where others may write to it."""
        folder, user = self.folder.stat(), status.st_uid
        is_private = folder.st_uid in (0, user) and not folder.st_mode & OTHERS_WRITE
        return user in (users or (os.geteuid(),)) and (is_private or bool(status.st_mode & _MARK))

    def _read(self, path: Path, trust: Trust) -> dict[str, Any]:
        return read_object(read_trusted(path, trust.in_any_folder(), limit_bytes=_FILE_LIMIT_BYTES))

    def _write(self, path: Path, data: Mapping[str, Any]) -> None:
        readable = self.folder.stat().st_mode & stat.S_IRGRP
        content = json.dumps(data, ensure_ascii=False).encode("utf-8", "backslashreplace")
        atomic_write(path, content, mode=0o600 | readable | _MARK, trust=Trust.own().in_any_folder())
