"""The checks of backups in their four states, on sets as the nightly job leaves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from actions.checks.backup_age import CheckBackupAge
from actions.checks.backup_duration import CheckBackupDuration
from actions.checks.backup_redundancy import CheckBackupRedundancy
from actions.checks.backup_size import CheckBackupSize
from midwatch.api.action import Context, Outcome
from midwatch.api.probe import Level
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import BadInput, OutcomeUnknown
from midwatch.system.units import Seconds
from tests.support.backup_sets import write_set

TARGETS = {"arp-db-prod": Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP")}
NIGHTS = range(24, 24 * 16, 24)
"""The ages of the sets before the newest one, in hours."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "backups" / "prod"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def context(make_context: Callable[..., Context], place: Path) -> Context:
    return make_context(targets=TARGETS)


def figures(outcome: Outcome) -> dict[str, float]:
    return {figure.label: figure.value for figure in outcome.figures}


@pytest.mark.parametrize(
    ("age_h", "depth", "state", "sentence"),
    [
        (25, 3, Level.OK, "newest good backups: ARP 1 d 1 h old"),
        (27, 3, Level.WARN, "ARP age 1 d 3 h, above 1 d 2 h"),
        (51, 5, Level.CRITICAL, "ARP age 2 d 3 h, above 2 d 2 h"),
        (1, 2, Level.CRITICAL, "ARP has no good backup, and 1 other"),
    ],
)
def test_backup_age_counts_only_what_was_read_to_its_end(
    place: Path, context: Context, age_h: float, depth: int, state: Level, sentence: str
) -> None:
    write_set(place, age_h, b"dump", depth=depth)
    outcome = CheckBackupAge().evaluate(context)
    assert (outcome.state, outcome.ok, outcome.summary) == (state, state is Level.OK, sentence)
    assert CheckBackupAge(warning="60 h", critical="").evaluate(context).ok is (depth >= 3)


def test_backup_that_has_changed_or_comes_from_the_future_is_not_the_newest_good_one(
    place: Path, context: Context
) -> None:
    changed = write_set(place, 1, b"dump")
    (place / changed / "arp.dump.gz").write_bytes(b"cut")
    ahead = write_set(place, -5, b"dump")
    assert CheckBackupAge().evaluate(context).state is Level.CRITICAL
    write_set(place, 20, b"dump")
    outcome = CheckBackupAge().evaluate(context)
    assert (outcome.state, figures(outcome)) == (Level.WARN, {"ARP age": pytest.approx(20 * 3600, abs=600)})
    assert outcome.summary == "ARP: dated in the future: arp.dump.gz", ahead


@pytest.mark.parametrize(
    ("size", "state", "sentence"),
    [
        (900, Level.OK, "ARP nightly 900 B, usually 1.0 kB"),
        (400, Level.WARN, "ARP nightly share of the usual size 40 %, outside 50 % to 200 %"),
        (2100, Level.WARN, "ARP nightly share of the usual size 210 %, outside 50 % to 200 %"),
        (50, Level.CRITICAL, "ARP nightly share of the usual size 5 %, below 10 %"),
        (0, Level.CRITICAL, "ARP: arp.dump.gz is empty"),
    ],
)
def test_backup_size_is_compared_with_the_fourteen_before(
    place: Path, context: Context, size: int, state: Level, sentence: str
) -> None:
    for hours in NIGHTS:
        write_set(place, hours, bytes(1000 if hours < 24 * 15 else 9))
    write_set(place, 1, bytes(size))
    outcome = CheckBackupSize().evaluate(context)
    assert (outcome.state, outcome.summary) == (state, sentence)
    assert figures(outcome)["ARP nightly size"] == size


def test_few_backups_have_no_usual_size_and_no_usual_time(place: Path, context: Context) -> None:
    for hours in (1, 25, 49):
        write_set(place, hours, bytes(hours * 100), took_s=4000 / hours)
    assert CheckBackupSize().evaluate(context).summary == "ARP nightly 100 B, too few before it to compare"
    assert CheckBackupDuration().evaluate(context).ok


@pytest.mark.parametrize(
    ("took_s", "longest", "state", "sentence"),
    [
        (700, None, Level.OK, "the newest backups took: ARP nightly 11 min 40 s"),
        (700, 660, Level.CRITICAL, "ARP nightly took 11 min 40 s, above 11 min"),
        (1300, None, Level.WARN, "ARP nightly share of the usual time 217 %, above 200 %"),
        (2500, None, Level.CRITICAL, "ARP nightly share of the usual time 417 %, above 400 %"),
    ],
)
def test_backup_duration_is_compared_with_the_median_and_a_limit(
    place: Path, context: Context, took_s: float, longest: float | None, state: Level, sentence: str
) -> None:
    for hours in NIGHTS:
        write_set(place, hours, b"dump", took_s=600)
    write_set(place, 1, b"dump", took_s=took_s)
    outcome = CheckBackupDuration(longest=None if longest is None else Seconds(longest)).evaluate(context)
    assert (outcome.state, outcome.summary) == (state, sentence)
    assert CheckBackupDuration(at_least=Seconds(3000)).evaluate(context).ok


def test_backup_redundancy_counts_good_backups_and_the_places_where_they_lie(place: Path, context: Context) -> None:
    write_set(place, 1, b"dump", depth=0)
    assert CheckBackupRedundancy().evaluate(context).summary == "ARP good backups 0, below 1"
    write_set(place, 2, b"dump")
    outcome = CheckBackupRedundancy().evaluate(context)
    assert (outcome.state, outcome.summary) == (Level.WARN, "ARP good backups 1, below 2")
    write_set(place, 3, b"dump")
    assert CheckBackupRedundancy().evaluate(context).summary == "ARP 2 good backups in 1 place"
    outcome = CheckBackupRedundancy(places=2).evaluate(context)
    assert (outcome.state, outcome.summary) == (Level.WARN, "ARP places 1, below 2")


@pytest.mark.parametrize(
    "check", [CheckBackupAge(), CheckBackupSize(), CheckBackupDuration(), CheckBackupRedundancy()], ids=lambda c: c.name
)
def test_database_without_a_backup_is_critical_and_what_cannot_be_listed_unknown(
    place: Path, context: Context, make_context: Callable[..., Context], check: CheckBackupAge
) -> None:
    assert check.evaluate(context).state is Level.CRITICAL
    assert check.evaluate(context).summary == "ARP has no backup"
    with pytest.raises(OutcomeUnknown, match="names no targets"):
        check.evaluate(make_context())
    with pytest.raises(BadInput, match="threshold 'soon' is not a range"):
        type(check)(warning="soon")
    place.rmdir()
    place.symlink_to(place)  # neither empty nor readable, for root as well
    with pytest.raises(OutcomeUnknown, match="ARP cannot be listed"):
        check.evaluate(context)
