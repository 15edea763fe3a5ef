"""A watcher on real files: what fires, when, once; what silence does; what a death at any point loses: nothing."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from midwatch.system.errors import Failed
from tests.support.filling import fill
from tests.support.mounting import run_or_skip
from tests.support.users import needs_root
from tests.watch.watched_runbook import LOGS, Killed, WatchedRunbook, killed_at

CHECKS = """\
triggers:
  - {id: gone, title: The flag is gone, check: command, with: {run: 'test -e flag || { echo down; exit 2; }'},
     every: 10 s, for: 2 min, after: 3, clear: 5 min}
  - {id: mute, title: It is mute, check: command, with: {run: 'echo who knows; exit 3'}, every: 10 s, deadline: 5 min}
"""
SLOW = (
    LOGS.replace("'job .* failed'", r"'(\w+\s?)*\$$'")
    + "  - {id: more, title: Another job failed, log: logs/ci.log, match: 'job (a|deploy)+ failed'}\n"
)
TOLD = "channels: {incident: {kind: file, path: told.jsonl}}\n"


def test_each_trigger_fires_once_with_its_line_and_its_time(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path)
    assert place.look() == []
    place.log("[FAILURE] PROD nightly backup stopped, password=hunter2hunter2")
    place.log("[FAILURE] again")
    place.log("\x1b[31mdump: No space left on device")
    place.log("job deploy-17 failed", "ci.log", at=datetime(2026, 11, 29, 2, tzinfo=UTC))
    assert place.look() == ["stopped", "full", "ci"]
    assert place.look() == []
    stopped, full, ci = place.requests()
    assert stopped.evidence.startswith("backup.log:1: ")
    assert "hunter2" not in stopped.evidence
    assert "\x1b" not in full.evidence
    assert (ci.at, ci.severity, ci.kind) == ("2026-11-29T02:00:00.000000Z", "SEV-2", "fired")


@pytest.mark.slow
def test_expression_that_backtracks_for_ever_is_reported_and_the_others_fire(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path, SLOW)
    place.log("a" * 100 + "!", "ci.log")
    place.log("job deploy failed", "ci.log")
    assert place.look() == ["more", "ci silent"]
    assert "simplify its match" in place.requests()[-1].evidence
    assert place.look() == []


def test_line_of_before_the_first_look_counts_only_within_a_day(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path)
    place.log("[FAILURE] long ago", at=place.clock.now() - timedelta(days=3))
    place.log("No space left", at=place.clock.now() - timedelta(hours=5))
    assert place.look() == ["full"]
    place.restart()
    assert place.look() == []


def test_same_thing_is_not_requested_twice_until_it_was_answered_and_over(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path)
    place.look()
    place.log("[FAILURE] one")
    assert place.look() == ["stopped"]
    place.log("[FAILURE] two")
    assert place.look(30) == place.look(30) == []
    place.log("[FAILURE] three, and nobody has answered")
    assert place.look() == []
    place.open_incident = "INC-1"
    place.answer("INC-1")
    place.look(30)
    place.log("[FAILURE] four, in the incident that is open")
    place.log("No space left: another kind joins it")
    assert place.look() == ["full"]
    assert place.requests()[-1].joins == "INC-1"
    place.open_incident = ""
    place.answer("INC-1")
    place.look(30)
    place.log("[FAILURE] five, a new night")
    assert place.look() == ["stopped"]


def test_check_fires_after_its_failures_and_its_time_and_ends_after_its_clear_time(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path, CHECKS)
    flag = tmp_path / "flag"
    flag.touch()
    assert place.look() == place.look(1) == []
    flag.unlink()
    assert place.look(1) == place.look(1) == []
    assert place.look(1) == ["gone"]  # the third failure, two minutes after the first
    (request,) = place.requests()
    assert request.evidence == "down"
    assert request.moment < place.clock.now() - timedelta(minutes=1.9)
    place.answer()
    flag.touch()
    place.look(1)
    flag.unlink()  # it flaps: still the same
    place.restart()
    assert [place.look(1) for _ in range(6)].count(["gone"]) == 0
    flag.touch()
    for _ in range(7):
        place.look(1)
    flag.unlink()
    assert [place.look(1) for _ in range(3)] == [[], [], ["gone"]]


def test_silence_fires_missing_unreadable_stale_and_never_answered(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path, CHECKS)
    (tmp_path / "flag").touch()
    assert place.look() == place.look(3) == []
    place.restart()  # what has passed is not forgotten
    assert place.look(3) == []
    assert place.look(3) == ["mute silent"]
    assert place.requests()[0].evidence == "who knows"
    (tmp_path / "b").mkdir()
    place = WatchedRunbook(tmp_path / "b")
    assert place.look() == place.look(11) == []
    (tmp_path / "b/logs/ci.log").unlink()
    assert place.look(1) == []
    assert place.watcher.notes == [f"ci.log tells nothing: {tmp_path}/b/logs/ci.log is missing"]
    assert place.look(9) == place.watcher.notes == []
    assert place.look(2) == ["ci silent"]
    (tmp_path / "b/logs/ci.log").mkdir()
    assert place.look(60) == []  # still the same
    (tmp_path / "b/logs/ci.log").rmdir()
    place.log("back", "ci.log")
    place.look(1)
    assert place.watcher.notes == ["ci.log tells nothing: this is over"]
    assert place.look(26 * 60) == ["stopped silent"]
    assert "no new line" in place.requests()[-1].evidence


def test_nothing_fires_in_maintenance_and_nobody_is_told_in_quiet_hours(tmp_path: Path) -> None:
    window = f"{datetime.now(UTC):%Y-%m-%d %H:%M} - {datetime.now(UTC) + timedelta(hours=1):%Y-%m-%d %H:%M}"
    place = WatchedRunbook(tmp_path, LOGS + f"watch: {{maintenance: {window}}}\n")
    place.look()
    place.log("[FAILURE] planned")
    assert place.look(1) == []
    place.log("[FAILURE] after the window", at=place.clock.now() + timedelta(hours=2))
    assert place.look(120) == ["stopped"]
    (tmp_path / "b").mkdir()
    place = WatchedRunbook(tmp_path / "b", LOGS + TOLD + f"watch: {{quiet_hours: {window}}}\n")
    place.look()
    place.log("[FAILURE] at night")
    assert place.look() == ["stopped"]
    assert not (tmp_path / "b/logs/watch/outbox").exists()
    place.restart()
    place.look(61)
    (delivery,) = (tmp_path / "b/logs/watch/outbox").glob("*.json")
    message = json.loads(delivery.read_text())["message"]
    assert (message["id"], message["action"]) == ("1.1", "trigger")
    assert "midwatch declare --request stopped-" in message["text"]


def test_line_without_its_end_fires_once_within_two_looks(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path)
    place.look()
    with (tmp_path / "logs/backup.log").open("a") as file:
        file.write("[FAILURE] and the disk took no newline")
        file.flush()
        assert sorted([*place.look(), *place.look()]) == ["stopped"]
        place.answer()
        place.look(20)
        file.write(", [FAILURE] goes on\n")
        file.flush()
        place.restart()
        assert place.look() == place.look() == []


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_death_at_every_write_loses_and_repeats_nothing(tmp_path: Path, after: bool) -> None:
    for number in range(1, 60):
        folder = tmp_path / str(number)
        folder.mkdir()
        place = WatchedRunbook(folder, LOGS + TOLD)
        place.look()
        place.log("[FAILURE] once")
        (folder / "logs/backup.log").rename(folder / "logs/backup.log.1")
        place.log("No space left")
        with killed_at(number, after=after) as count:
            for _ in range(2):
                try:
                    place.look()
                except Killed:
                    place.restart()
                    place.log("an ordinary line")
        place.look()
        assert [request.trigger for request in place.requests()] == ["stopped", "full"], number
        told = sorted(path.name for path in (folder / "logs/watch/outbox").glob("*.json"))
        assert told == ["1.1.json", "2.1.json"], number
        if count[0] < number:
            return
    pytest.fail("there are more writes than this test expects")


@pytest.mark.slow
def test_damaged_state_is_told_and_the_logs_are_looked_at_anew(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path)
    place.log("[FAILURE] once")
    assert place.look() == ["stopped"]
    (tmp_path / "logs/watch/state.json").write_text("{")
    (tmp_path / "logs/watch/.state.json.0123456789abcdef.part").write_text("of a watcher that was killed")
    place.restart()
    assert place.look() == []
    assert list((tmp_path / "logs/watch").glob(".*")) == []
    assert "cannot be used" in place.watcher.notes[0]


@needs_root
def test_full_disk_loses_and_repeats_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    run_or_skip("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk)
    try:
        place = WatchedRunbook(tmp_path, LOGS + TOLD + f"locations: {{watch: {disk}/watch}}\n")
        assert place.look() == []
        filler = fill(disk)
        place.log("[FAILURE] the disk is full")
        assert place.look() == ["stopped"]  # some space was kept for that
        fill(disk)
        place.log("No space left")
        with pytest.raises(Failed, match=r"state\.json cannot be written: No space left"):
            place.look()
        place.restart()
        with pytest.raises(Failed):
            place.look()
        filler.unlink()
        assert place.look() == ["full"]
        place.restart()
        assert place.look() == []
        assert [request.trigger for request in place.requests()] == ["stopped", "full"]
        told = sorted(path.name for path in (disk / "watch/outbox").glob("*.json"))
        assert told == ["1.1.json", "2.1.json"]
    finally:
        place.watcher.close()
        subprocess.run(["umount", "--lazy", disk], check=True, timeout=60)
