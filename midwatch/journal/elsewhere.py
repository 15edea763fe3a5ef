"""What of a journal has gone to other disks, and the way there and back."""

from __future__ import annotations

import contextlib
from pathlib import Path

from midwatch.errors import Failed
from midwatch.journal.line import NO_LINE, digest
from midwatch.journal.part import NotStored, Part
from midwatch.journal.reader import stored_lines


class Elsewhere:
    """The places of one journal, and the parts that were opened there."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        """Where it may go on, the best place first."""
        self.parts: list[Part] = []
        """Where it has gone on, in the order of their events."""
        self.lines: list[bytes] = []
        """Events that stand in these parts only, without their newlines."""
        self.come_back_later = True
        """False once the journal's own disk has failed: only a new look at it may trust it again."""
        self._standby: Part | None = None

    def next(self, like: int, trouble: NotStored) -> Part:
        """The next part, its space taken. Raises `Failed` with the reasons of all places when none takes the journal."""
        if self._standby is not None:
            self.parts.append(self._standby)
            self._standby = None
            return self.parts[-1]
        reasons = []
        for file in self._unused():
            try:
                self.parts.append(Part.create(file, like=like))
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
                self._standby = Part.create(file, like=like)
                break
        return self._standby.path if self._standby else None

    def take_over(self, found: list[tuple[Path, int]]) -> None:
        """Open the parts that an earlier writer left, each with the offset behind its last event. Raises `OSError`."""
        for file, end in found:
            part = Part.open(file)
            part.end = end
            self.parts.append(part)

    def remove(self) -> None:
        """The journal is whole without these parts: remove them. One that cannot be removed is passed over by readers."""
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

    def _unused(self) -> list[Path]:
        used = {part.path for part in self.parts}
        return [file for file in self.files if file not in used]


def at_home_again(home: Part, known: tuple[int, str], lines: list[bytes]) -> int | None:
    """How many of `lines` stand at the end of the journal's own file already, after an earlier try; `home` goes on behind them.

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
