"""Load and memory beside the disks, and how busy a disk is, against the kernel's own figures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil

from midwatch.api.probe import Level
from midwatch.runbook.model import Runbook
from midwatch.system.clock import SystemClock
from probes.disk import DiskProbe
from probes.storage.disk_usage import usage
from probes.storage.host_load import disk_activity, host_facts


def test_host_row_is_calm_and_shows_load_and_memory(make_runbook: Callable[..., Runbook], tmp_path: Path) -> None:
    row = DiskProbe((tmp_path,)).read(make_runbook(), SystemClock()).rows[-1]
    assert (row.label, row.level, row.number) == ("host", Level.OK, None)
    assert row.text.startswith("load ")
    assert dict(row.facts).keys() == host_facts().keys()
    assert f"on {os.cpu_count()} processors" in host_facts()["load"]
    assert host_facts()["memory"].endswith(" available")


def test_activity_of_a_disk_is_the_rate_between_two_readings(ext4_disk: Path, small_disk: Path) -> None:
    device = usage(ext4_disk).device
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").readlink().name
    now = SystemClock().monotonic() + 1000  # an earlier test may have read a loop device of this name
    disk_activity(device, now)
    earlier = disk_activity(device, now)
    before = psutil.disk_io_counters(perdisk=True)[name].write_bytes
    with (ext4_disk / "dump").open("wb") as file:
        file.write(os.urandom(10_000_000))
        os.fsync(file.fileno())
    assert psutil.disk_io_counters(perdisk=True)[name].write_bytes - before >= 10_000_000
    assert disk_activity(device, now + 0.2) == earlier, "too soon for a rate"
    said = disk_activity(device, now + 1.0)
    assert "10." in said.partition(" read, ")[2], said
    assert disk_activity(device, now + 1.2) == said
    assert disk_activity(usage(small_disk).device, now) == "", "no disk is behind a tmpfs"
