"""Follows one log through rotation by rename, by copy and truncation, deletion, and restarts of the watcher.

Compressed rotations are left alone: what they hold was read before, or is a gap, which is told.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from midwatch.system.clock import Clock
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.log_rotations import PACKED_NAME, rotations_of
from midwatch.system.mounts import require_answer
from midwatch.watch.followed_file import FollowedFile, LogLine
from midwatch.watch.log_position import LogPosition

LOOK_BACK_BYTES = 10_000_000
"""Bytes at the end of a log that are read when it is followed for the first time."""
READ_LIMIT_BYTES = 4_000_000
"""Bytes of a log that are read before the position is put on disk."""
_LINGER_S = 120.0
"""Seconds for which a rotated file is still read: its writer may not have opened the new one yet."""
_FILES_AT_MOST, _LISTINGS_AT_MOST = 50, 10


class LogFollower:
    """Gives each new line of a log once."""

    def __init__(self, path: Path, clock: Clock, positions: Sequence[LogPosition] | None = None) -> None:
        """`positions`: of an earlier watcher, the oldest file first; None for a log that was never followed."""
        self.path = path
        self.gap = ""
        """What could not be read and is gone, from the last call of `lines`; empty for nothing."""
        self.problem = ""
        """Why the log could not be read at the last call; empty when it could."""
        self._clock = clock
        self._files: list[FollowedFile] = []
        """Rotated files that may still grow, and the newest file behind them."""
        self._left_at: dict[int, float] = {}
        """When a file, by its descriptor, was seen to be rotated; seconds of the boot clock."""
        self._known = positions

    @property
    def positions(self) -> tuple[LogPosition, ...]:
        """Up to where the log was read, the oldest file first: what the next watcher needs."""
        if self._files:
            return tuple(file.position for file in self._files)
        return (LogPosition(),) if self._known is None else tuple(self._known)

    @property
    def modified_at(self) -> float:
        """When the log was changed last, in seconds of the time of day; 0 without a file."""
        return max((os.fstat(file.descriptor).st_mtime for file in self._files), default=0.0)

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()
        self._known, self._files = self.positions, []

    def lines(self) -> Iterator[tuple[FollowedFile, list[LogLine]]]:
        """The new lines of each file, the oldest file first. Never raises: see `problem` and `gap`."""
        self.gap = self.problem = ""
        try:
            require_answer(self.path)
            self._find_files()
            for file in list(self._files):
                yield file, self._lines_of(file)
            self._drop_old_files()
            if not os.path.lexists(self.path):
                self.problem = f"{self.path} is missing"
        except OSError as error:
            self.problem = f"{self.path} cannot be read: {error.strerror}"
        except MidwatchError as error:
            self.problem = error.sentence

    def has_more(self) -> bool:
        """Whether a further call gives more lines at once."""
        with contextlib.suppress(OSError):
            return any(not file.is_unchanged() for file in self._files)
        return False

    def _lines_of(self, file: FollowedFile) -> list[LogLine]:
        lines = list(file.lines(READ_LIMIT_BYTES))
        if file.is_unchanged() and (last := file.unended(final=self._is_over(file))) is not None:
            lines.append(last)
        return lines

    def _find_files(self) -> None:
        """See that the files that may have new lines are open, in their order."""
        if self._known is None:
            self._begin()
        elif not self._files:
            self._find_again(self._known)
        self._see_truncation()
        self._see_rotation()

    def _begin(self) -> None:
        """A log that was never followed: from its last bytes on; one that is missing, from its beginning."""
        with contextlib.suppress(FileNotFoundError):
            file = FollowedFile(self.path)
            file.history_end = file.size
            file.skip_to(max(0, file.history_end - LOOK_BACK_BYTES))
            self._files.append(file)
        self._known = self.positions

    def _find_again(self, positions: Sequence[LogPosition]) -> None:
        """The files of these positions, under whatever name they have now."""
        last = positions[-1] if positions else LogPosition()
        for position in positions:
            if position.inode and (file := self._opened(position)) is not None:
                self._files.append(file)
            elif position.inode and position == last:
                self._open_since(last.modified_ns)
                if self._files:  # else the log is missing, and may come back as it was
                    self._lost(last)
        if not last.inode:
            self._open_all([self.path])

    def _opened(self, position: LogPosition) -> FollowedFile | None:
        """The file of a position: the same inode, or the same bytes before the offset in another file."""
        same: list[Path] = []
        others: list[Path] = []
        for path in (self.path, *_unpacked(self.path)):
            with contextlib.suppress(OSError):
                (same if position.is_of(path.stat()) else others).append(path)
        for path in (*same, *(others if position.offset else ())):
            with contextlib.suppress(OSError, Failed):
                file = FollowedFile(path, position)
                if file.position.is_intact(file.descriptor):
                    return file
                file.close()
        return None

    def _see_truncation(self) -> None:
        """A file that lost what was read of it: go on in the copy that was made before, then from its beginning."""
        for at, file in reversed(list(enumerate(self._files))):
            before, is_newest = file.position, at == len(self._files) - 1
            if file.is_intact():
                if is_newest and not before.offset and not file.is_unchanged():  # it may have been copied and truncated
                    now_ns = os.fstat(file.descriptor).st_mtime_ns
                    self._open_all(self._rotations_since(before.modified_ns, until_ns=now_ns), at=at)
            elif not is_newest:
                self._drop(file)  # a rotated file that somebody overwrites
            else:
                copy = self._opened(before)
                file.start_over()
                if copy is None:
                    self._lost(before)
                else:
                    self._files.insert(at, copy)
                    self._open_all(self._rotations_since(os.fstat(copy.descriptor).st_mtime_ns), at=at + 1)

    def _see_rotation(self) -> None:
        """A new file under the name of the log: the rotations between come first."""
        if not self._files:
            self._open_all([self.path])
            return
        newest = self._files[-1]
        with contextlib.suppress(FileNotFoundError):  # the writer makes the new file with its next line
            if newest.position.is_of(self.path.stat()):
                return
        self._open_since(os.fstat(newest.descriptor).st_mtime_ns)

    def _open_since(self, modified_ns: int) -> None:
        """Open the rotations that were changed since, and behind them the log. The log is opened first, and the
        rotations are listed again: they may be given other names at this moment, and a listing then misses some."""
        at = len(self._files)
        self._open_all([self.path])
        for _ in range(_LISTINGS_AT_MOST):
            if not self._open_all(self._rotations_since(modified_ns), at=at):
                break

    def _open_all(self, paths: Sequence[Path], *, at: int | None = None) -> bool:
        """Open the files that are not open yet; one that vanishes meanwhile was rotated again. Whether there was any
        such file."""
        where, is_news = len(self._files) if at is None else at, False
        for path in paths[-_FILES_AT_MOST:]:
            try:
                file = FollowedFile(path)
            except FileNotFoundError:
                is_news = True
                continue
            if any(file.position.is_of(os.fstat(other.descriptor)) for other in self._files):
                file.close()
            else:
                self._files.insert(where, file)
                where, is_news = where + 1, True
        return is_news

    def _rotations_since(self, modified_ns: int, *, until_ns: float = math.inf) -> list[Path]:
        """Rotations that were changed last between these moments, the oldest first."""
        found = []
        for path in _unpacked(self.path):
            with contextlib.suppress(OSError):
                if modified_ns <= (changed := path.stat().st_mtime_ns) <= until_ns:
                    found.append((changed, path))
        return [path for _, path in sorted(found)]

    def _drop_old_files(self) -> None:
        for file in self._files[:-1]:
            self._left_at.setdefault(file.descriptor, self._clock.monotonic())
            if self._is_over(file):
                self._drop(file)

    def _is_over(self, file: FollowedFile) -> bool:
        """Whether a rotated file has had its time to grow."""
        left_at = self._left_at.get(file.descriptor)
        return left_at is not None and self._clock.monotonic() - left_at > _LINGER_S and file.is_unchanged()

    def _drop(self, file: FollowedFile) -> None:
        self._left_at.pop(file.descriptor, None)
        self._files.remove(file)
        file.close()

    def _lost(self, position: LogPosition) -> None:
        self.gap = f"{self.path.name} was rotated, and what came after its byte {position.offset:,} is gone or packed"


def _unpacked(path: Path) -> list[Path]:
    return [rotated for rotated in rotations_of(path) if not PACKED_NAME.search(rotated.name)]
