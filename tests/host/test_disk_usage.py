"""How full a disk is: against `df` itself, on disks that are really full, and on budgets."""

from __future__ import annotations

import math
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from actions.checks.disk import CheckDisk
from actions.checks.disk_guardrail import CheckDiskGuardrail
from midwatch.api.action import Context, Outcome
from midwatch.api.parameters import build
from midwatch.api.probe import Level
from midwatch.runbook.model import Runbook
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, Failed, OutcomeUnknown
from midwatch.system.units import Size
from probes.disk import DiskProbe
from probes.storage.disk_trend import Trend
from probes.storage.disk_usage import Budget, budgets_of, usage
from probes.storage.timeout import within


def df(path: Path) -> tuple[int, int]:
    """Per cent and free bytes as `df` prints them."""
    said = subprocess.run(
        ["df", "-B1", "--output=pcent,avail", str(path)], check=True, capture_output=True, text=True
    ).stdout
    percent, free = said.splitlines()[1].split()
    return int(percent.rstrip("%")), int(free)


def fill(folder: Path, size: int, name: str = "filler") -> None:
    with (folder / name).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def touch_many(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number}").touch()


@pytest.mark.parametrize("filled", [0, 4_000_000, 16_000_000])
def test_percent_is_that_of_df(small_disk: Path, filled: int) -> None:
    if filled:
        fill(small_disk, filled)
    found = usage(small_disk)
    assert (math.ceil(found.percent), found.free) == df(small_disk)


def test_disk_with_only_the_reserve_of_root_left_says_so(ext4_disk: Path, make_runbook: Callable[..., Runbook]) -> None:
    fill(ext4_disk, usage(ext4_disk).free)
    found = usage(ext4_disk)
    assert math.ceil(found.percent) == 100 == df(ext4_disk)[0]
    assert found.free == 0
    assert found.reserved > 1_000_000
    row = DiskProbe((ext4_disk,)).read(make_runbook(), SystemClock()).rows[0]
    assert row.level is Level.CRITICAL
    assert "only root's reserve is left" in row.detail


def test_inodes_used_up_with_space_free(small_disk: Path, make_runbook: Callable[..., Runbook]) -> None:
    with pytest.raises(OSError, match="No space left"):
        touch_many(small_disk, 10_000)
    row = DiskProbe((small_disk,)).read(make_runbook(), SystemClock()).rows[0]
    assert len(list(small_disk.iterdir())) > 300
    assert row.level is Level.CRITICAL
    assert "inodes 100 %" in row.text
    assert "no inode is left although there is space" in row.detail


def test_read_only_remount_is_critical(small_disk: Path, make_runbook: Callable[..., Runbook]) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    row = DiskProbe((small_disk,)).read(make_runbook(), SystemClock()).rows[0]
    assert (row.level, "read only" in row.text) == (Level.CRITICAL, True)


def test_check_on_a_full_disk_and_after_cleaning(small_disk: Path, make_context: Callable[..., Context]) -> None:
    fill(small_disk, 16_000_000)
    check = CheckDisk(small_disk)
    before = check.evaluate(make_context())
    assert not before.ok
    assert "used 95 %, above 90 %" in before.summary
    (small_disk / "filler").unlink()
    after = check.evaluate(make_context())
    assert after.ok
    assert float(after.values["percent"]) < 5


def test_disk_check_with_thresholds_in_plug_in_form_is_evaluated(
    small_disk: Path, make_context: Callable[..., Context]
) -> None:
    fill(small_disk, 15_000_000)  # 89.4 %
    given = {"path": str(small_disk), "warning": "80 %", "critical": "95 %"}
    check = build(CheckDisk, given, make_context().runbook)
    assert check.evaluate(make_context()).values["level"] == "warn"
    fill(small_disk, 1_200_000, "more")
    assert check.evaluate(make_context()).values["level"] == "critical"
    given |= {"warning": "97 %", "critical": "99 %"}
    assert build(CheckDisk, given, make_context().runbook).evaluate(make_context()).ok


def test_guardrail_stops_a_job_that_would_fill_the_disk_and_one_on_a_read_only_disk(
    small_disk: Path, make_context: Callable[..., Context]
) -> None:
    context = make_context()

    def judge(writes: int) -> Outcome:
        return CheckDiskGuardrail(paths=(small_disk,), writes=Size(writes)).evaluate(context)

    fill(small_disk, 10_000_000)  # 60 %
    assert (judge(0).state, judge(3_000_000).state) == (Level.OK, Level.OK)
    assert judge(0).summary.endswith("small has 6.8 MB free, and is then 60 % full")
    assert judge(4_000_000).state is Level.CRITICAL
    assert judge(4_000_000).summary.endswith("used after the job 83 %, above 80 %")
    touch_many(small_disk, 350)
    assert "inodes" in judge(0).summary
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "is mounted read only" in judge(0).summary
    with pytest.raises(OutcomeUnknown, match="is not there"):
        CheckDiskGuardrail(paths=(small_disk / "nowhere",)).evaluate(context)


def test_missing_folder_is_unknown_and_hides_nothing(tmp_path: Path, make_runbook: Callable[..., Runbook]) -> None:
    rows = DiskProbe((tmp_path / "nowhere", tmp_path)).read(make_runbook(), SystemClock()).rows
    assert rows[0].level is Level.UNKNOWN
    assert rows[0].number is None
    assert rows[1].number is not None
    with pytest.raises(Failed, match="is not there"):
        usage(tmp_path / "nowhere")
    assert usage(tmp_path / "nowhere" / "deeper", nearest=True).path == tmp_path


def test_budget_counts_files_once_and_follows_no_link(tmp_path: Path) -> None:
    folder, other = tmp_path / "backups", tmp_path / "other"
    (folder / "set").mkdir(parents=True)
    other.mkdir()
    (folder / "set" / "a").write_bytes(b"x" * 600)
    os.link(folder / "set" / "a", folder / "hard")
    (other / "big").write_bytes(b"x" * 100_000)
    (folder / "link").symlink_to(other)
    found = usage(folder / "set", [Budget(folder, 1000, "quota of the drill")])
    assert (found.used, found.free, found.percent, found.label) == (600, 400, 60.0, "quota of the drill")
    (folder / "b").write_bytes(b"x" * 900)
    over = usage(folder, [Budget(folder, 1000, "quota of the drill")])
    assert (over.free, over.percent) == (0, 150.0)
    assert usage(tmp_path / "other", [Budget(folder, 1000, "q")]).label == ""


def test_budgets_come_from_the_panel_and_reach_the_check(
    tmp_path: Path, make_context: Callable[..., Context], make_runbook: Callable[..., Runbook]
) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "f").write_bytes(b"x" * 960_000)
    disk = {"paths": ["backups"], "budgets": ["backups=1 MB=quota of the drill"]}
    context = make_context(disk=disk)
    assert budgets_of(context.runbook) == (Budget(tmp_path / "backups", 1_000_000, "quota of the drill"),)
    outcome = CheckDisk(tmp_path / "backups").evaluate(context)
    assert not outcome.ok
    assert "quota of the drill" in outcome.summary
    row = build(DiskProbe, disk, context.runbook).read(context.runbook, SystemClock()).rows[0]
    assert (row.label, row.number, row.level) == ("backups", 96.0, Level.CRITICAL)
    assert "(quota of the drill)" in row.text
    assert budgets_of(make_runbook()) == ()


@pytest.mark.parametrize("text", ["backups", "backups=", "=1 MB=x", "backups=lots=x", "backups=0=x"])
def test_malformed_budget_is_one_sentence(text: str, make_runbook: Callable[..., Runbook]) -> None:
    with pytest.raises(BadInput):
        Budget.parse(text)
    assert DiskProbe(budgets=(text,)).read(make_runbook(), SystemClock()).error


def test_file_system_that_hangs_is_unknown_and_gathers_no_threads() -> None:
    release = threading.Event()
    with pytest.raises(OutcomeUnknown, match=r"did not answer within 0\.05 s"):
        within(0.05, "a dead mount", release.wait)
    threads = threading.active_count()
    for _ in range(5):
        with pytest.raises(OutcomeUnknown, match="still does not answer"):
            within(0.05, "a dead mount", release.wait)
    assert threading.active_count() == threads
    release.set()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert within(1, "a dead mount", lambda: 7) == 7
            break
        except OutcomeUnknown:
            time.sleep(0.01)
    else:
        pytest.fail("the mount came back, and it was not seen")


def test_trend_says_when_it_is_full() -> None:
    trend = Trend()
    for second in range(0, 61, 2):
        trend.add(float(second), 1_000_000 + second * 1000)
    assert trend.full_in(1_200_000) == pytest.approx(1200)
    assert trend.full_in(86_400_000) is None, "a minute of history tells nothing of tomorrow"
    assert trend.is_growing
    flat = Trend()
    for second in range(0, 61, 2):
        flat.add(float(second), 1_000_000)
    assert flat.full_in(1) is None
    for name, used in {"noise": lambda t: t * 40 % 977, "one write": lambda t: 5000 if t > 30 else 0}.items():
        uneven = Trend()
        for second in range(0, 61, 2):
            uneven.add(float(second), 1_000_000 + used(second))
        assert uneven.full_in(1000) is None, name
    short = Trend()
    for second in range(5):
        short.add(float(second), second * 1000)
    assert short.full_in(1) is None


def test_warning_above_the_critical_mark_would_never_come(make_runbook: Callable[..., Runbook]) -> None:
    with pytest.raises(BadInput, match="'warn' is 95 %, above 'critical', 90 %: it would never warn"):
        build(DiskProbe, {"warn": "95 %", "critical": "90 %"}, make_runbook())
