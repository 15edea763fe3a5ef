"""Destination: standard output, for a shell: `midwatch action emergency-backup --target arp-db-prod --destination - |
…`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import IO

from actions.destinations.destination import Room
from midwatch.system.errors import Failed, Refused
from midwatch.system.units import size

_OUT, _ERROR = 1, 2


@dataclass(frozen=True, slots=True)
class StandardOutput:
    """Whoever reads our standard output. What becomes of the bytes there, nobody here can know: the shell that made the
    pipe has to keep what came only when this process ends with 0 (`set -o pipefail`).
    """

    has_local_manifest: bool = False

    def __str__(self) -> str:
        return "standard output"

    def location(self, name: str) -> str:
        """Return empty text: standard output has no location."""
        return ""

    def identity(self) -> str:
        """Return the name of the destination."""
        return str(self)

    def room(self, expected: int) -> Room:
        """Require that standard output is not a terminal; its free space is not known."""
        if os.isatty(_OUT):
            return Room("a terminal", "Standard output is a terminal, and a backup is no text")
        return Room("not known: whoever reads standard output has to have it")

    def open(self, name: str) -> StandardOutputWriter:
        """Return the writer to standard output."""
        return StandardOutputWriter()

    def read(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        """Raise `Refused`: written data cannot be read again."""
        raise Refused("What went to standard output cannot be read again", hint="Name the file that it was written to")

    def size(self, name: str) -> int | None:
        """Raise `Refused`: written data cannot be found again."""
        raise Refused("What went to standard output cannot be found again", hint="Name the file that it was written to")


class StandardOutputWriter:
    """Bytes that are gone once they are written: a failure shows in our exit status alone.

    From here on whatever else this process says on standard output goes to standard error.
    """

    def __init__(self) -> None:
        self._count = 0
        self._descriptor = os.dup(_OUT)
        os.dup2(_ERROR, _OUT)

    def write(self, data: bytes) -> None:
        """Write the data to standard output."""
        view = memoryview(data)
        while view:
            try:
                written = os.write(self._descriptor, view)
            except OSError as error:
                sentence = f"Standard output takes no more after {size(self._count)}: {error.strerror}"
                raise Failed(sentence, hint="What it was piped into has ended; what came of it is no backup") from error
            self._count += written
            view = view[written:]

    def commit(self, size: int, sha256: str) -> None:
        """Close standard output."""
        self.abort()

    def abort(self) -> None:
        """Close standard output."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
