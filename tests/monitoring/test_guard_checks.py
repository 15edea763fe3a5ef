"""The checks `migration-window` and `retention` in their four states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actions.checks.docker import CheckDocker
from actions.checks.migration_window import CheckMigrationWindow
from actions.checks.retention import CheckRetention
from actions.support import freeze_file
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, OutcomeUnknown
from midwatch.system.units import Seconds
from tests.support.backup_sets import write_set
from tests.support.host_world import docker_target

TARGETS = {"arp-db-prod": Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP")}


class WallClock(SystemClock):
    """A clock that stands."""

    def __init__(self, text: str) -> None:
        self._now = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def now(self) -> datetime:
        return self._now


@pytest.fixture
def context(make_context: Callable[..., Context], tmp_path: Path) -> Context:
    (tmp_path / "security").mkdir()
    (tmp_path / "backups" / "prod").mkdir(parents=True)
    return make_context(targets=TARGETS)


@pytest.mark.parametrize(
    ("now", "given", "problem", "free_at"),
    [
        ("2026-11-23T12:00", {}, "", ""),
        ("2026-11-23T01:15", {}, "", ""),  # ends as the window begins
        ("2026-11-23T01:20", {}, "the backup window 01:45-04:00 UTC begins in 25 min", "2026-11-23T04:00"),
        ("2026-11-23T02:00", {}, "the backup window 01:45-04:00 UTC is open", "2026-11-23T04:00"),
        ("2026-11-23T04:00", {}, "", ""),
        ("2026-11-23T23:30", {"takes": Seconds(3 * 3600)}, "begins in 2 h 15 min", "2026-11-24T04:00"),
        ("2026-11-23T12:00", {"takes": Seconds(30 * 3600)}, "begins in 13 h 45 min", None),
        ("2026-11-23T00:30", {"timezone": "Europe/Berlin"}, "Europe/Berlin begins in 15 min", "2026-11-23T03:00"),
        ("2026-07-23T00:30", {"timezone": "Europe/Berlin"}, "Europe/Berlin is open", "2026-07-23T02:00"),
        ("2026-11-23T00:30", {"backup_window": ("23:00-02:00",)}, "23:00-02:00 UTC is open", "2026-11-23T02:00"),
        (
            "2026-11-23T01:00",
            {"backup_window": ("00:30-02:00", "02:15-05:00")},  # the gap is too short
            "the backup window 00:30-02:00 UTC is open",
            "2026-11-23T05:00",
        ),
        ("2026-11-23T02:00", {"backup_window": ()}, "", ""),
    ],
)
def test_migration_that_meets_a_backup_window_is_stopped_and_learns_when_it_may_start(
    context: Context, now: str, given: dict[str, object], problem: str, free_at: str | None
) -> None:
    outcome = CheckMigrationWindow(**given).evaluate(replace(context, clock=WallClock(now)))  # type: ignore[arg-type]
    assert outcome.state is (Level.CRITICAL if problem else Level.OK)
    assert problem in outcome.summary
    assert outcome.values.get("free_at", "")[:16] == (free_at or "")


def test_migration_is_stopped_under_a_freeze_during_a_backup_and_where_nobody_can_tell(
    context: Context, tmp_path: Path
) -> None:
    noon = replace(context, clock=WallClock("2026-11-23T12:00"))
    began, until = noon.clock.now() - timedelta(hours=1), noon.clock.now() + timedelta(hours=14)
    freeze_file.write(noon.location("freeze"), freeze_file.Freeze("ada", "disk full", began, until))
    outcome = CheckMigrationWindow().evaluate(noon)
    assert (outcome.state, outcome.values["free_at"][:16]) == (Level.CRITICAL, "2026-11-24T04:00")  # ends in a window
    assert outcome.summary.startswith("frozen by ada since 2026-11-23 11:00 UTC until 2026-11-24 02:00 UTC: disk full")
    late = replace(context, clock=WallClock("2026-11-25T12:00"))
    assert CheckMigrationWindow().evaluate(late).ok
    being_written = tmp_path / "backups" / "prod" / ".20261125-115900.partial" / ".arp.dump.gz.partial"
    being_written.parent.mkdir()
    being_written.write_bytes(b"half")
    assert CheckMigrationWindow().evaluate(late).summary == "a backup of ARP is being written"
    being_written.unlink()
    noon.location("freeze").write_text("{")
    with pytest.raises(OutcomeUnknown, match="cannot be understood"):
        CheckMigrationWindow().evaluate(late)
    noon.location("freeze").unlink()
    (tmp_path / "security").rmdir()
    with pytest.raises(OutcomeUnknown, match="nothing says whether deployments are frozen"):
        CheckMigrationWindow().evaluate(late)


@pytest.mark.parametrize(
    "given",
    [{"timezone": "Mars"}, {"timezone": "../etc"}, *({"backup_window": (text,)} for text in ("4", "04:00-04:00", ""))],
)
def test_window_that_is_none_is_refused_before_anything_is_read(given: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=r"window|zone"):
        CheckMigrationWindow(**given)  # type: ignore[arg-type]


def test_retention_warns_of_sets_that_should_be_gone_and_of_too_few_good_ones(context: Context) -> None:
    place, days = context.location("backups"), 24
    with pytest.raises(OutcomeUnknown, match="no backup set"):
        CheckRetention().evaluate(context)
    write_set(place, 1, b"dump")
    outcome = CheckRetention().evaluate(context)
    assert (outcome.state, "fewer than 2 good backups of arp" in outcome.summary) == (Level.WARN, True)
    for hours in (25, 14 * days, 15 * days):
        write_set(place, hours, b"dump")
    assert CheckRetention().evaluate(context).summary == "4 sets, the oldest 15 d old; none is overdue"
    overdue = write_set(place, 16 * days, b"dump")
    outcome = CheckRetention().evaluate(context)
    assert (outcome.state, outcome.summary) == (Level.WARN, f"overdue sets 1, above 0; due: {overdue}")
    assert CheckRetention(older_than=Seconds(30 * days * 3600)).evaluate(context).ok
    for day in range(20, 27):
        write_set(place, day * days, b"dump")
    assert CheckRetention().evaluate(context).state is Level.CRITICAL


def test_retention_never_calls_the_last_good_backups_overdue(context: Context) -> None:
    place = context.location("backups")
    for hours, depth in ((1, 0), (500, 4), (600, 4), (700, 0)):
        write_set(place, hours, b"dump", depth=depth)
    outcome = CheckRetention().evaluate(context)
    assert (outcome.state, outcome.figures[0].value) == (Level.WARN, 1)  # 500 and 600 are the last two good ones
    (place / "from-ada").mkdir()
    (place / "from-ada" / "x").touch()
    assert "no set that retention knows: from-ada" in CheckRetention().evaluate(context).summary


def test_engine_that_does_not_answer_is_unknown_only_where_a_target_needs_it(
    make_context: Callable[..., Context], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(OutcomeUnknown, match="no Docker engine"):
        CheckDocker().evaluate(make_context(targets=docker_target("arp")))
    assert CheckDocker().evaluate(make_context(targets=TARGETS)).ok
