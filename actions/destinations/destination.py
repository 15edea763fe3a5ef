"""The interface of backup destinations and their writers."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import IO, Protocol


@dataclass(frozen=True, slots=True)
class Room:
    """Whether a backup fits."""

    words: str
    """For the plan: `12.4 GB free on …: 41 % → 42 %`."""
    refusal: str = ""
    """Why nothing is written there; empty when it fits, and when the destination cannot tell how much room it has."""


class BackupWriter(Protocol):
    """One file on its way to a place. It has no name there that anybody would take for a backup until it is
    published."""

    def write(self, data: bytes) -> None:
        """Take all of it. Raises `Failed`; nothing can be written after that."""
        ...

    def commit(self, size: int, sha256: str) -> None:
        """Give it its name, once all its bytes are there for good. Raises `Failed`, and then it has no name.

        A place that is not this machine's own compares size and digest there first. A file that is there is never
        replaced.
        """
        ...

    def abort(self) -> None:
        """Leave nothing of it, as far as the destination can still be reached. Harmless once it is published."""
        ...


class Destination(Protocol):
    """Somewhere that a backup can go."""

    @property
    def has_local_manifest(self) -> bool:
        """Whether manifests can lie beside the backups there and be read by the panels: only in a folder of this
        machine."""
        ...

    def __str__(self) -> str:
        """As a plan writes it, without a name at its end."""
        ...

    def location(self, name: str) -> str:
        """Where a backup of this name lies, as `path` of other actions takes it; empty where nobody finds it again."""
        ...

    def identity(self) -> str:
        """Which place this is and no other, for what consent is bound to. Raises `MidwatchError` when it cannot be
        reached."""
        ...

    def room(self, expected: int) -> Room:
        """Whether about so many bytes fit. Changes nothing. Raises `MidwatchError` when the destination cannot be
        reached."""
        ...

    def open(self, name: str) -> BackupWriter:
        """Begin a file that is to have this name. Raises `MidwatchError`."""
        ...

    def read(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        """Read a published file. Raises `MidwatchError`; also at the end of the block, when not all of it came."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of a published file; None when there is none. Raises `MidwatchError` when that cannot be told."""
        ...
