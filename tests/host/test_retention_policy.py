"""Which backup sets may go: the promises of retention, on any history that may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.cleanup.backup_sets import sets_on_disk
from actions.cleanup.retention_policy import AT_LEAST, GOOD, HeldSet, choose

NOW = datetime(2026, 11, 23, 2, 14, tzinfo=UTC)
DATABASES = ("arp", "gps", "otc")


def held(
    days: float, depth: int = 4, *, old: bool = False, size: int = 100, databases: tuple[str, ...] = DATABASES
) -> HeldSet:
    started = NOW - timedelta(days=days)
    name = PurePosixPath(("old/" if old else "") + started.strftime("%Y%m%d-%H%M%S"))
    return HeldSet(name, started, dict.fromkeys(databases, depth), size)


histories = st.lists(
    st.builds(
        HeldSet,
        st.integers(0, 60).map(lambda number: PurePosixPath(f"old/{number}" if number % 3 else f"{number}")),
        st.integers(-2, 60).map(lambda day: NOW - timedelta(days=day)),
        st.dictionaries(st.sampled_from([*DATABASES, "stranger"]), st.integers(0, 5)),
        st.integers(0, 1000),
    ),
    max_size=20,
    unique_by=lambda one: one.name,
)


@given(sets=histories, needed=st.integers(0, 10_000), age=st.none() | st.integers(0, 60))
def test_newest_good_backups_of_each_database_always_stay(sets: list[HeldSet], needed: int, age: int | None) -> None:
    choice = choose(sets, DATABASES, NOW, needed, before=None if age is None else NOW - timedelta(days=age))
    kept = {one.name for one, _ in choice.keep}
    assert kept | {one.name for one in choice.remove} == {one.name for one in sets}
    assert not kept & {one.name for one in choice.remove}
    for database in DATABASES:
        good = [one for one in sets if one.depths.get(database, 0) >= GOOD and one.started <= NOW]
        newest = sorted(good, key=lambda one: (one.started, one.name), reverse=True)[:AT_LEAST]
        assert {one.name for one in newest} <= kept
        if len(good) < AT_LEAST:
            assert database in choice.thin
            assert not any(database in one.depths for one in choice.remove)
    assert not any(one.started > NOW or "stranger" in one.depths or not one.depths for one in choice.remove)
    if choice.remove and age is None:
        assert sum(one.size for one in choice.remove[:-1]) < needed, "no more goes than is needed"


def test_retention_removes_sets_put_aside_first_then_the_oldest() -> None:
    sets = [held(day) for day in range(1, 6)] + [held(day, old=True) for day in (9, 8)]
    choice = choose(sets, DATABASES, NOW, 350)
    assert [one.name.as_posix() for one in choice.remove] == [
        "old/20261114-021400",
        "old/20261115-021400",
        "20261118-021400",
        "20261119-021400",
    ]


def test_rotten_newest_one_does_not_count_and_stays_as_evidence() -> None:
    sets = [held(1, depth=0), held(2), held(3), held(4, depth=0), held(5)]
    choice = choose(sets, DATABASES, NOW, 10_000)
    assert [(NOW - one.started).days for one in choice.remove] == [5, 4]
    assert choice.keep[0][1] == "newer than good ones of arp"


def test_retention_keeps_sets_of_a_database_without_good_backups() -> None:
    sets = [
        held(1),
        held(2),
        held(3),
        held(9, databases=("gps",)),
        held(4, databases=("otc",)),
        held(5, databases=("otc",)),
    ]
    sets = [
        HeldSet(one.name, one.started, one.depths | {"arp": 1}, one.size) if "arp" in one.depths else one
        for one in sets
    ]
    choice = choose(sets, DATABASES, NOW, 10_000)
    assert choice.thin == ("arp",)
    assert {tuple(one.depths) for one in choice.remove} == {("gps",), ("otc",)}


def test_retention_without_need_removes_nothing() -> None:
    assert choose([held(day) for day in range(9)], DATABASES, NOW, 0).remove == ()


@pytest.mark.parametrize(
    ("filename", "database"),
    [
        ("arp.dump.gz", "arp"),
        ("arp-prod-20261122-020000.sql.gz", "arp"),
        ("arp-archive.dump.gz", "arp-archive"),
        ("globals.sql.gz", ""),
        ("checksums.sha256", ""),
        ("arpx.dump.gz", "unknown arpx"),
    ],
)
def test_whose_dump_a_file_is(tmp_path: Path, filename: str, database: str) -> None:
    folder = tmp_path / "20261122-020000"
    folder.mkdir()
    (folder / filename).touch()
    sets, left = sets_on_disk(tmp_path, ["arp", "arp-archive", "gps"])
    assert left == []
    assert list(sets[0].held.depths) == ([database] if database else [])
