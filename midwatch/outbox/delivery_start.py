"""Starts the delivery process, which outlives its starter, and sees whether one runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import midwatch
from midwatch.system.file_locks import release, try_lock
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import open_lock

_ROOT = Path(midwatch.__file__).parent.parent
_AGAIN_AFTER_S = 3.0
"""Seconds after a start before the next one: a process that cannot do its work is not started without end."""


def lock_file(folder: Path) -> Path:
    """The lock that this user's delivery process holds."""
    return folder / f"{os.geteuid()}.lock"


class DeliveryStart:
    """Sees that a delivery process runs while there is something to send."""

    def __init__(self, folder: Path, words: Callable[[], tuple[str, ...]] = tuple) -> None:
        """`words`: before the command, so that a logout does not end it."""
        self._folder, self._words = folder, words
        self._process: subprocess.Popen[bytes] | None = None
        self._next_at = 0.0

    def ensure(self, *, at_once: bool = False) -> None:
        """Start the process unless this user's runs already; `at_once` also shortly after the last start, for what has
        come since. Raises `UntrustedFile` and `OSError`."""
        if self._process is not None and self._process.poll() is None:
            return
        if (time.monotonic() < self._next_at and not at_once) or self._runs():
            return
        self._next_at = time.monotonic() + _AGAIN_AFTER_S
        self._process = subprocess.Popen(
            [*self._words(), sys.executable, "-Xutf8", "-m", "midwatch.outbox", str(self._folder.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            start_new_session=True,
        )

    def _runs(self) -> bool:
        descriptor = open_lock(lock_file(self._folder), Trust.own().in_any_folder())
        try:
            return not try_lock(descriptor)
        finally:
            release(descriptor)
