"""Preallocated disk space, so that events can be stored when the disk is full."""

from __future__ import annotations

import os

STEP = 1 << 20
"""Bytes taken at a time: some 2,000 events."""
_SMALLEST = 4096


class Preallocation:
    """The allocated part of an open file; what is behind the content is NUL.

    Measured on ext4 and tmpfs filled to the last byte: overwriting inside an allocated file works, appending does not.
    Copy-on-write file systems do not honour it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        """Bytes from the start of the file that count as allocated."""

    def ahead(self, end: int) -> None:
        """Take more when less than half a step is left behind `end`; less than a step if the disk has no more.

        A disk without room is no error here: what is left still serves.
        """
        if self.size - end < STEP // 2:
            step = STEP
            while step >= _SMALLEST and self._allocate(self.size + step):
                step //= 4

    def hold(self, end: int) -> OSError | None:
        """Make sure that the file has space up to `end`; the reason when it has not."""
        return None if end <= self.size else self._allocate(end)

    def renew(self, end: int) -> None:
        """Take the space again where the file has holes, as after a copy; without room for it, the holes stay.

        A file that is longer than this class makes a file for content up to `end` was made long by somebody else: its
        rest does not count as allocated, and takes no space.
        """
        if self.size:
            self._allocate(min(self.size, end + 2 * STEP))

    def _allocate(self, size: int) -> OSError | None:
        try:
            os.posix_fallocate(self._descriptor, 0, size)
        except OSError as error:
            return error
        finally:
            # ext4 keeps what it could take before the disk was full
            self.size = min(size, os.fstat(self._descriptor).st_size)
        return None

    def give_back(self, end: int) -> None:
        """Cut the file at `end`. Raises `OSError`."""
        os.ftruncate(self._descriptor, end)
        self.size = end
