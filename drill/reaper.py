"""The reaper: a small process that outlives the screen, and removes the drill when no owner returns.

It waits for the owner's end, then `linger` seconds for a new owner, and then tears down. Told to end by a signal, it
tears down at once if the owner is gone or goes now; while the owner lives, it stays. If it is killed too, the next
drill's `sweep` finds the remains.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from drill.process_scan import wait
from drill.state import DrillState
from drill.teardown import tear_down
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.process import ProcessIdentity

GLANCE = 1.0
"""Seconds between two looks at the record: a new owner may have taken over."""

PARTING = 5.0
"""Seconds in which an owner that is being ended as well should be gone."""


def spawn(record: DrillState) -> ProcessIdentity:
    """Start a reaper for this drill, free of our terminal, session and folder. Raises `Failed` when it does not
    start."""
    argv = [sys.executable, "-P", "-Xutf8", "-m", "drill.reaper", str(record.file)]
    house = str(Path(__file__).resolve().parent.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [house, os.environ.get("PYTHONPATH", "")]))}
    try:
        child = subprocess.Popen(
            argv,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise Failed(f"The drill's reaper cannot be started: {error}") from error
    found = ProcessIdentity.of(child.pid)
    if found is None:
        raise Failed("The drill's reaper ended at once", hint=f"Try it manually: {' '.join(argv)}")
    child.returncode = 0  # it is not ours to wait for: it may well outlive us
    return found


def watch(file: Path) -> None:
    """Stay until the drill is gone."""
    dismissed = False

    def dismiss(number: int, frame: FrameType | None) -> None:
        nonlocal dismissed
        dismissed = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, dismiss)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    alone_since: float | None = None
    while (record := _read(file)) is not None:
        if record.owner is not None and record.owner.alive:
            if dismissed and not wait(record.owner, PARTING):
                dismissed = False  # a living owner keeps its reaper, whoever sent the signal
            alone_since = None
            wait(record.owner, GLANCE)
            continue
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        alone_since = now if alone_since is None else alone_since
        left = (record.linger if record.ready else 0.0) - (
            now - alone_since
        )  # half a production is of no use to anybody
        if dismissed or left <= 0:
            with contextlib.suppress(MidwatchError):  # what is left is the next sweep's
                tear_down(record)
            return
        time.sleep(min(GLANCE, left))


def _read(file: Path) -> DrillState | None:
    """The record; None when it is gone or no longer believed: then there is nothing to look after."""
    with contextlib.suppress(MidwatchError):
        return DrillState.load(file)
    return None


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
