"""The part of a journal that is stored on other disks: failing over, and failing back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from midwatch.incident.permissions import open_file
from midwatch.journal.codec import NO_LINE, digest
from midwatch.journal.fallback_locations import Named, new_name
from midwatch.journal.reader import stored_lines
from midwatch.journal.segment import NotStored, Segment, make_ahead
from midwatch.system.errors import Failed


class FallbackFiles:
    """The places of one journal, and the parts that were opened there."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        """Where it may go on, the best place first."""
        self.parts: list[Segment] = []
        """Where it has gone on, in the order of their events."""
        self.lines: list[bytes] = []
        """Events that stand in these parts only, without their newlines."""
        self.come_back_later = True
        """False once the journal's own disk has failed: only a new look at it may trust it again."""
        self._standby: Segment | None = None
        self._ahead: set[Path] = set()
        """Empty files that this process made."""

    def make_ahead(self, folders: list[Path], incident: str, known: Mapping[Path, Named], like: int) -> dict[Path, str]:
        """Make an empty file in each of these folders; the folders that take none, with the reason.

        A name that this user gave before is used again, so that a resumed incident names the same files.
        """
        self.files, reasons = [], {}
        used = {part.path for part in self.parts}
        for folder in folders:
            mine = [file.path for file in known.values() if file.path.parent == folder and file.owner == os.geteuid()]
            for file in [*mine[-1:], folder / new_name(incident)]:
                try:
                    if file not in used and not _stands_ahead(file):
                        make_ahead(file, like=like)
                        self._ahead.add(file)
                except FileExistsError:
                    continue
                except OSError as error:
                    reasons[folder] = error.strerror or str(error)
                else:
                    self.files.append(file)
                break
        return reasons

    def next(self, like: int, trouble: NotStored) -> Segment:
        """The next part, its space taken. Raises `Failed` with the reasons of all places when none takes the
        journal."""
        if self._standby is not None:
            self.parts.append(self._standby)
            self._standby = None
            return self.parts[-1]
        reasons = []
        for file in self._unused():
            try:
                self.parts.append(Segment.claim(file, like=like))
            except OSError as error:
                reasons.append(f"{file.parent}: {error.strerror}")
            else:
                return self.parts[-1]
        told = f"; no other place takes it either ({'; '.join(reasons)})" if reasons else ""
        raise Failed(f"{trouble.sentence}{told}", hint=trouble.hint) from trouble

    def stand_by(self, like: int) -> Path | None:
        """Take the space of the next part now; None when no place gives it, or events are there already."""
        for file in self._unused() if self._standby is None and not self.parts else ():
            with contextlib.suppress(OSError):
                self._standby = Segment.claim(file, like=like)
                break
        return self._standby.path if self._standby else None

    def take_over(self, found: list[tuple[Path, int]]) -> None:
        """Open the parts that an earlier writer left, each with the offset behind its last event. Raises `OSError`."""
        for file, end in found:
            part = Segment.open(file)
            part.end = end
            self.parts.append(part)

    def remove(self) -> None:
        """The journal is whole without these parts: remove them. One that cannot be removed is passed over by
        readers."""
        for part in self.parts:
            part.close()
            with contextlib.suppress(OSError):
                part.path.unlink()
        self.parts, self.lines = [], []

    def close(self, *, for_good: bool) -> None:
        """Let go of all files; `for_good` gives the space back that stood by."""
        for part in self.parts:
            part.close()
        if self._standby is not None:
            self._standby.close()
            if for_good:
                with contextlib.suppress(OSError):
                    self._standby.path.unlink()
            self._standby = None
        for file in self._ahead:
            with contextlib.suppress(OSError):
                if file.stat().st_size == 0:
                    file.unlink()
        self._ahead.clear()

    def _unused(self) -> list[Path]:
        used = {part.path for part in self.parts}
        return [file for file in self.files if file not in used]


def _stands_ahead(file: Path) -> bool:
    """Whether it is a file of this user's without events."""
    try:
        descriptor = open_file(file, os.O_RDWR)
    except OSError:
        return False
    try:
        return os.fstat(descriptor).st_uid == os.geteuid() and not os.pread(descriptor, 1, 0).strip(b"\0")
    finally:
        os.close(descriptor)


def at_home_again(home: Segment, known: tuple[int, str], lines: list[bytes]) -> int | None:
    """How many of `lines` stand at the end of the journal's own file already, after an earlier try; `home` goes on
    behind them.

    None when it does not end as it did: `known` is its number of events then and their head. Raises `OSError`.
    """
    count, head = known
    there, before, end = 0, NO_LINE, 0
    for line in stored_lines(home.descriptor):
        if line.number == count:
            before = digest(line.data)
        elif line.number > count:
            if there == len(lines) or line.data != lines[there]:
                break
            there += 1
        end = line.end
    if before != head:
        return None
    home.end = end
    return there
