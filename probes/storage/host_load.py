"""What the whole machine does beside its disks: load and memory, and how busy the disk of a file system is."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from midwatch.system.units import percent, size

SHORTEST_S = 0.5
"""Seconds between two readings of a disk's counters below which the earlier answer is given again."""
_known: dict[str, tuple[float, tuple[int, int, int], str]] = {}
"""By disk: when it was read; bytes read, bytes written and milliseconds busy since boot; and the answer."""
_guard = threading.Lock()


def host_facts() -> dict[str, str]:
    """Load, memory and swap in words."""
    import psutil

    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    load = " ".join(f"{load:.2f}" for load in psutil.getloadavg())
    return {
        "load": f"{load} on {psutil.cpu_count()} processors",
        "memory": f"{size(memory.available)} of {size(memory.total)} available",
        "swap": f"{percent(swap.percent)} of {size(swap.total)} used" if swap.total else "none",
    }


def disk_activity(device: int, at: float) -> str:
    """How busy the disk behind a file system was since the last call; empty at the first, and where no disk is behind
    it.

    Args:
        device: `st_dev` of the file system.
        at: Seconds of a clock that never runs backwards.
    """
    import psutil

    name = ""
    with contextlib.suppress(OSError):
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").readlink().name
    counters = psutil.disk_io_counters(perdisk=True).get(name)
    if counters is None:
        return ""
    now = counters.read_bytes, counters.write_bytes, counters.busy_time
    with _guard:
        began, before, text = _known.get(name, (at, now, ""))
        if at - began >= SHORTEST_S:
            read, written, busy = (max(0.0, (new - old) / (at - began)) for new, old in zip(now, before, strict=True))
            text = f"{size(read)}/s read, {size(written)}/s written, busy {percent(min(100.0, busy / 10))}"
            began, before = at, now
        _known[name] = began, before, text
    return text
