"""The usage of a file system over the last three hours, in a file, for checks that run as processes of their own."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from datetime import datetime
from pathlib import Path

from midwatch.runbook.model import Runbook
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import MidwatchError
from midwatch.system.mounts import require_answer
from midwatch.system.trusted_files import atomic_write, read_regular
from probes.storage.disk_trend import Trend
from probes.storage.disk_usage import Usage

WINDOW_S = 3 * 3600.0
_STEP_S = 30.0
"""Seconds between two readings that are kept."""
_LIMIT_BYTES = 64 * 1024
_LOG = logging.getLogger(__name__)


def forecast(runbook: Runbook, path: Path, now: datetime, found: Usage) -> float | None:
    """Seconds until the file system is full at the pace of the last three hours, with this reading taken in.

    None when it does not grow steadily, or when the history is too short to tell. A history that cannot be read begins
    anew, and one that cannot be written is passed over: the check still says how full the disk is.
    """
    file = runbook.location_of("logs") / "checks" / f"disk-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.json"
    at = now.timestamp()
    try:
        require_answer(file.parent)
    except MidwatchError:
        return None
    trend = Trend(deque(_read(file, at), maxlen=600), WINDOW_S)
    is_new = not trend.points or at - trend.points[-1][0] >= _STEP_S
    trend.add(at, found.used)
    if is_new:
        _write(file, trend)
    return trend.full_in(found.free)


def _read(file: Path, now: float) -> list[tuple[float, int]]:
    """The readings before now, the oldest first."""
    try:
        data = json.loads(read_regular(file, limit_bytes=_LIMIT_BYTES))
        points = sorted((float(at), int(used)) for at, used in data)
    except FileNotFoundError:
        return []
    except (OSError, MidwatchError, ValueError, TypeError, OverflowError, RecursionError) as error:
        _LOG.warning("%s cannot be read, so the history begins anew: %s", file, error)
        return []
    return [(at, used) for at, used in points if now - WINDOW_S <= at < now]


def _write(file: Path, trend: Trend) -> None:
    try:
        make_missing_folders(file.parent)
        content = json.dumps([[round(at), used] for at, used in trend.points]).encode()
        atomic_write(file, content, mode=0o644, trust=None)
    except (OSError, MidwatchError) as error:
        _LOG.warning("%s cannot be written: %s", file, error)
