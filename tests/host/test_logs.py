"""Reading the ends of logs, the alerts panel and the triggers, with the plan's own lines and hostile ones."""

from __future__ import annotations

import os
import re
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from actions.trigger import TriggerAction
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.runbook.model import Runbook
from midwatch.runbook.triggers import Trigger
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, Failed, SourceLocation
from probes.alerts import AlertsProbe
from probes.logs.log_tail import tail_lines
from probes.logs.rotated_log import find_lines
from tests.support.reference_incident import StillClock

PLAN_LINES = """2026-11-23 02:00:01 [INFO] PROD nightly backup started
2026-11-23 02:00:04 [ERROR] Unable to connect to arp-db-prod: authentication failed
2026-11-23 02:00:04 [ERROR] Disk usage at 96% – unsafe for backup
2026-11-23 02:00:05 [FAILURE] PROD nightly backup stopped
"""
NOWHERE = SourceLocation("runbook.yaml", 1, 1)
FAILURE = Trigger("backup-log", "Backup log failure", NOWHERE, log="logs/backup.log", match=r"\[FAILURE\] PROD nightly")
AUTH = Trigger(
    "arp-auth", "ARP authentication failure", NOWHERE, log="logs/backup.log", match="arp-db-prod: authentication"
)
DISK = Trigger("disk-95", "Disk above 95 %", NOWHERE, check="disk", with_={"path": "backups", "below": "95 %"})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    path = tmp_path / "logs" / "backup.log"
    path.write_text(PLAN_LINES)
    return path


def test_lines_of_a_log_have_their_numbers(log: Path) -> None:
    assert [(line.number, line.text) for line in tail_lines(log, 10_000)] == list(
        enumerate(PLAN_LINES.splitlines(), start=1)
    )
    last = list(tail_lines(log, 60))
    assert [line.place for line in last] == ["backup.log:4"]


@pytest.mark.slow
def test_line_of_200_mb_a_nul_and_bad_utf8_cost_no_memory(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(200_000_000)  # NULs, no newline
        file.seek(0, os.SEEK_END)
        file.write(b"\nbad \xff\xfe text\n[FAILURE] PROD nightly backup stopped")
    tracemalloc.start()
    lines = list(tail_lines(log, 250_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(len(line.text), line.number) for line in lines] == [(11, 2), (37, 3)]  # NULs are no line
    assert "\ufffd" in lines[0].text
    assert peak < 5_000_000


def test_log_after_rotation_or_truncation_is_read_once(log: Path) -> None:
    pattern = [re.compile("FAILURE")]
    log.rename(log.with_name("backup.log.1"))
    assert [line.place for line in find_lines(log, pattern, limit=10_000, newest=5)] == ["backup.log.1:4"]
    log.write_text("")
    assert len(find_lines(log, pattern, limit=10_000, newest=5)) == 1
    log.write_text("new [FAILURE] again\n")
    assert [line.file.name for line in find_lines(log, pattern, limit=10_000, newest=5)] == [
        "backup.log.1",
        "backup.log",
    ]
    assert [line.file.name for line in find_lines(log, pattern, limit=10_000, newest=1)] == ["backup.log"]


def test_missing_log_and_fifo_fail_by_sentence(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot be read"):
        list(tail_lines(tmp_path / "nothing", 10))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Failed, match="not a file"):
        list(tail_lines(tmp_path / "fifo", 10))


def test_alerts_panel_shows_the_newest_first(log: Path, make_runbook: Callable[..., Runbook]) -> None:
    night = datetime(2026, 11, 23, 2, 0).astimezone()  # the lines name no zone, so they are of this machine
    reading = AlertsProbe(last=2).read(make_runbook(triggers=(FAILURE, AUTH)), StillClock(night))
    assert [row.label for row in reading.rows] == ["02:00:05", "02:00:04"]
    assert reading.rows[0].text == "[FAILURE] PROD nightly backup stopped"
    assert reading.rows[0].detail == "Backup log failure"
    assert reading.level is Level.CRITICAL
    log.write_text("2026-11-24 02:00:01 [INFO] all is well\n")
    assert AlertsProbe().read(make_runbook(triggers=(FAILURE,)), SystemClock()).rows[0].text == "no alert"
    log.unlink()
    assert AlertsProbe().read(make_runbook(triggers=(FAILURE,)), SystemClock()).level is Level.UNKNOWN


@pytest.mark.slow
def test_expression_that_backtracks_for_ever_is_given_up_and_the_others_count(
    log: Path, make_context: Callable[..., Context]
) -> None:
    for_ever = Trigger("slow", "Slow one", NOWHERE, log="logs/backup.log", match=r"^(\w+\s?)*\$$")
    match = r"^\d+.*FAILURE.* backup\s+stopped"
    several = Trigger("several", "Several repetitions", NOWHERE, log="logs/backup.log", match=match)
    with log.open("a", encoding="utf-8") as file:
        file.write("a" * 100 + "!\n")
    context = make_context(triggers=(for_ever, several))
    reading = AlertsProbe().read(context.runbook, SystemClock())
    (unsearched,) = [row for row in reading.rows if row.level is Level.UNKNOWN]
    assert unsearched.text == "not searched for: Slow one"
    assert unsearched.detail.endswith("simplify its match")
    assert [row.detail for row in reading.rows if "FAILURE" in row.text] == ["Several repetitions"]
    again = AlertsProbe().read(context.runbook, SystemClock())
    assert [row.text for row in again.rows] == [row.text for row in reading.rows]
    action = TriggerAction("slow")
    with pytest.raises(Failed, match="takes more than a second"):
        action.apply(context, action.plan(context))


@pytest.mark.parametrize(
    ("hours", "level", "label"),
    [(5, Level.CRITICAL, "02:00:05"), (7, Level.WARN, "02:00:05"), (25, Level.OK, "11-23 02:00")],
)
def test_an_alert_fades_with_its_age(
    log: Path, make_runbook: Callable[..., Runbook], hours: int, level: Level, label: str
) -> None:
    now = datetime(2026, 11, 23, 2, 0, 5).astimezone() + timedelta(hours=hours)
    row = AlertsProbe().read(make_runbook(triggers=(FAILURE,)), StillClock(now)).rows[0]
    assert (row.level, row.label) == (level, label)


def test_hostile_text_is_given_whole_in_data(log: Path, make_runbook: Callable[..., Runbook]) -> None:
    log.write_bytes(b"[ERROR] \x1b[2J[/red] \xe2\x80\xae evil\n")
    row = AlertsProbe().read(make_runbook(triggers=(FAILURE,)), SystemClock()).rows[0]
    assert row.data["text"] == "[ERROR] \x1b[2J[/red] \u202e evil"


def test_triggers_that_fired_and_that_did_not(log: Path, tmp_path: Path, make_context: Callable[..., Context]) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "f").write_bytes(b"x" * 96_000)
    disk = {"paths": ["backups"], "budgets": ["backups=100 kB=quota"]}
    context = make_context(triggers=(FAILURE, AUTH, DISK), disk=disk)

    def look(name: str) -> tuple[str, str]:
        action = TriggerAction(name)
        outcome = action.apply(context, action.plan(context))
        assert outcome.ok
        return outcome.values["detected"], outcome.values["evidence"]

    assert look("backup-log") == ("yes", "backup.log:4: 2026-11-23 02:00:05 [FAILURE] PROD nightly backup stopped")
    assert look("arp-auth")[0] == "yes"
    detected, evidence = look("disk-95")
    assert detected == "yes"
    assert "used 96 %" in evidence
    log.write_text("[INFO] quiet\n")
    (tmp_path / "backups" / "f").unlink()
    assert [look(name)[0] for name in ("backup-log", "disk-95")] == ["no", "no"]
    with pytest.raises(BadInput, match="no trigger"):
        TriggerAction("backuplog").plan(context)
    log.unlink()
    with pytest.raises(Failed):
        look("backup-log")
