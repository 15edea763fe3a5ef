"""Cleaning up backups on real dumps of a real server: what goes, what stays, and what the disk says."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actions.clean_backups import CleanBackups
from midwatch.api.action import Context
from midwatch.api.plan import Verb
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown
from midwatch.system.units import Percent
from probes.backup.dump_reader import read_through
from probes.storage.disk_usage import usage
from tests.support.host_world import BIN, HOLDER, Heard, going

pytestmark = pytest.mark.postgres
ONE = Percent(1)


def write_set(place: Path, days: int, dump: bytes, *, old: bool = False) -> str:
    name = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y%m%d-020000")
    folder = place / "old" / name if old else place / name
    folder.mkdir(parents=True)
    (folder / "arp.dump.gz").write_bytes(dump)
    (folder / "checksums.sha256").write_text(f"{hashlib.sha256(dump).hexdigest()}  arp.dump.gz\n")
    return f"old/{name}" if old else name


@pytest.fixture
def place(small_disk: Path) -> Path:
    return small_disk / "prod"


@pytest.fixture
def context(make_context: Callable[..., Context], place: Path) -> Context:
    made = make_context(targets={"arp-db-prod": Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP")})
    places = {**made.runbook.locations, "backups": str(place), "pg_bin": str(BIN)}
    return replace(made, runbook=replace(made.runbook, locations=places))


def test_full_disk_gets_below_its_mark_and_the_good_ones_stay(
    place: Path, context: Context, dump: bytes, heard: Heard
) -> None:
    recent = [write_set(place, day, dump) for day in range(1, 5)]
    count = int(usage(place).free * 0.9 / len(dump)) - 1
    old = [write_set(place, 10 + day, dump, old=True) for day in range(count)]
    before = usage(place).percent
    assert before > 85
    action = CleanBackups()
    plan = action.plan(context)
    assert plan.confirm_name == "prod"
    assert going(plan) == sorted(old)[: len(going(plan))], "the oldest that were put aside, and no more than needed"
    outcome = action.apply(context, action.plan(context))
    assert outcome.ok
    assert usage(place).after(len(dump)) < 80, "the next nightly set finds room"
    assert float(outcome.values["percent"]) < 80
    assert "less than" not in heard.text
    assert all((place / name).exists() for name in recent)
    again = action.plan(context)
    assert going(again) == []
    assert not again.refusal
    assert action.apply(context, again).ok


def test_damaged_newest_one_does_not_count(place: Path, context: Context, dump: bytes) -> None:
    names = [write_set(place, day, dump) for day in range(1, 7)]
    for name, damage in ((names[0], dump[: len(dump) // 2]), (names[1], dump[:-8])):
        (place / name / "arp.dump.gz").write_bytes(damage)
        listing = f"{hashlib.sha256(damage).hexdigest()}  arp.dump.gz\n"
        (place / name / "checksums.sha256").write_text(listing)  # the checksum holds: only reading finds it
    plan = CleanBackups(below=ONE).plan(context)
    assert going(plan) == [names[5], names[4]]
    kept = {effect.object: effect.note for effect in plan.effects if effect.verb is Verb.KEEP}
    assert kept[names[0]] == "newer than good ones of arp"
    assert kept[names[2]] == kept[names[3]] == "one of the 2 newest good ones of arp"
    assert "falls short" in dict(plan.facts)


def test_only_good_backup_is_never_removed(place: Path, context: Context, dump: bytes) -> None:
    write_set(place, 1, dump)
    for day in range(2, 6):
        write_set(place, day, b"not a dump", old=True)
    plan = CleanBackups(below=ONE).plan(context)
    assert going(plan) == []
    assert "No set may go" in plan.refusal
    assert "arp" in dict(plan.facts)["held back"]


def test_set_changed_since_the_plan_stays(place: Path, context: Context, dump: bytes, heard: Heard) -> None:
    names = [write_set(place, day, dump) for day in range(1, 6)]
    action = CleanBackups(below=ONE)
    plan = action.plan(context)
    assert going(plan) == [names[4], names[3], names[2]]
    (place / names[4] / "arp.dump.gz").write_bytes(dump + b"x")
    (place / names[3]).rename(place / "away")
    (place / names[3]).symlink_to(place / names[0])
    outcome = action.apply(context, plan)
    assert not outcome.ok
    assert outcome.values["removed"] == "1"
    assert (place / names[0] / "arp.dump.gz").read_bytes() == dump
    assert "has changed since it was planned" in heard.text
    with pytest.raises(Failed):
        action.apply(context, plan)


def test_foreign_entries_among_the_sets_stay(place: Path, context: Context, dump: bytes, tmp_path: Path) -> None:
    names = [write_set(place, day, dump) for day in range(1, 4)]
    write_set(place, -2, dump)
    (tmp_path / "elsewhere").mkdir()
    (place / "old").mkdir()
    (place / "old" / "20200101-020000").symlink_to(tmp_path / "elsewhere")
    (place / "keep-me").mkdir()
    (place / "keep-me" / "x").touch()
    (place / names[2] / "gps.dump.gz").write_bytes(dump)
    plan = CleanBackups(below=ONE).plan(context)
    assert going(plan) == []
    kept = {effect.object: effect.note for effect in plan.effects if effect.verb is Verb.KEEP}
    assert kept["keep-me"] == "its name tells no start"
    assert "dated in the future" in kept.values()
    assert kept[names[2]].startswith("holds unknown gps")
    assert "old/20200101-020000" not in kept


def test_removed_file_still_held_open_is_named(place: Path, context: Context, dump: bytes, heard: Heard) -> None:
    names = [write_set(place, day, dump) for day in range(1, 5)]
    held = place / names[3] / "arp.dump.gz"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, held], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        action = CleanBackups(below=ONE)
        plan = action.plan(context)
        assert not action.verify(context, datetime.now(UTC)).ok
        outcome = action.apply(context, plan)
        assert outcome.values["removed"] == "2"
        assert f"{held} is still held open by" in heard.text
        assert f"({holder.pid})" in heard.text
        assert int(outcome.values["freed"]) < plan.total(Verb.REMOVE)
    finally:
        holder.communicate()
    with pytest.raises(OutcomeUnknown, match="No set may go"):
        action.verify(context, datetime.now(UTC))
    assert CleanBackups().verify(context, datetime.now(UTC)).ok


def test_old_that_is_a_link_is_never_emptied(
    place: Path, make_context: Callable[..., Context], context: Context, dump: bytes, tmp_path: Path
) -> None:
    """`rm -rf backups/prod/old/` would empty what the link points to."""
    for day in range(1, 4):
        write_set(place, day, dump)
    elsewhere = tmp_path / "precious"
    precious = [write_set(elsewhere, 20 + day, dump) for day in range(3)]
    (place / "old").symlink_to(elsewhere)
    with_slash = replace(
        context, runbook=replace(context.runbook, locations={**context.runbook.locations, "backups": f"{place}/"})
    )
    action = CleanBackups(below=ONE)
    plan = action.plan(with_slash)
    told = [(effect.verb, "it is a link" in effect.note) for effect in plan.effects if effect.object.startswith("old")]
    assert told == [(Verb.KEEP, True)] * 3
    action.apply(with_slash, plan)
    assert [(elsewhere / name / "arp.dump.gz").read_bytes() == dump for name in precious] == [True] * 3


def test_folder_that_is_a_link_to_itself_is_one_clear_sentence(context: Context, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    locations = {**context.runbook.locations, "backups": str(loop)}
    with pytest.raises(MidwatchError, match="loop"):
        CleanBackups(below=ONE).plan(replace(context, runbook=replace(context.runbook, locations=locations)))


def test_hard_links_are_not_counted_as_room(place: Path, context: Context, dump: bytes, heard: Heard) -> None:
    names = [write_set(place, day, dump) for day in range(1, 5)]
    (place / "kept.gz").hardlink_to(place / names[3] / "arp.dump.gz")
    action = CleanBackups(below=ONE)
    plan = action.plan(context)
    sizes = {effect.object: effect.size or 0 for effect in plan.effects if effect.verb is Verb.REMOVE}
    assert sizes[names[3]] < 1000 < len(dump) <= sizes[names[2]]
    action.apply(context, plan)
    assert (place / "kept.gz").read_bytes() == dump
    assert "less than" not in heard.text


@pytest.mark.parametrize(
    ("damage", "ok"),
    [
        (lambda d: d, True),
        (lambda d: d[: len(d) // 2], False),
        (lambda d: d[:-8], False),
        (lambda d: d[:-1000], False),
        (lambda d: gzip.compress(gzip.decompress(d)[:-2000]), False),
        (lambda d: b"", False),
        (lambda d: gzip.compress(b"-- a plain dump"), False),
        (lambda d: d + b"rubbish", False),
    ],
)
def test_reading_to_the_end_finds_each_damage(
    tmp_path: Path, dump: bytes, damage: Callable[[bytes], bytes], ok: bool
) -> None:
    file = tmp_path / "f.gz"
    file.write_bytes(damage(dump))
    found = read_through(file, BIN / "pg_restore", 60)
    assert found.ok is ok, found
    assert bool(found.reason) is not ok


def test_file_that_is_no_part_of_a_set_is_named_and_stays(place: Path, context: Context, dump: bytes) -> None:
    names = [write_set(place, day, dump) for day in range(1, 6)]
    oldest = place / names[-1]
    for name in ("notes.txt", ".arp.dump.gz.partial", "key \x1b[2J.pem"):
        (oldest / name).write_text("mine")
    plan = CleanBackups(below=ONE).plan(context)
    assert names[-1] in going(plan)
    kept = {effect.object: effect.note for effect in plan.effects if effect.verb is Verb.KEEP}
    assert [name for name, note in kept.items() if note == "no part of the set"] == [
        f"{names[-1]}/.arp.dump.gz.partial",
        f"{names[-1]}/key .pem",
        f"{names[-1]}/notes.txt",
    ]
    assert ("files", "arp.dump.gz, checksums.sha256 (of 3 sets)") in plan.facts
    assert CleanBackups(below=ONE).apply(context, plan).ok
    assert sorted(path.name for path in oldest.iterdir()) == [".arp.dump.gz.partial", "key \x1b[2J.pem", "notes.txt"]
    assert not (place / names[-2]).exists()


def test_file_that_appeared_after_the_plan_stays_with_its_set(place: Path, context: Context, dump: bytes) -> None:
    names = [write_set(place, day, dump) for day in range(1, 6)]
    action = CleanBackups(below=ONE)
    plan = action.plan(context)
    (place / names[-1] / "arp-prod-new.sql.gz").write_bytes(dump)
    outcome = action.apply(context, plan)
    assert not outcome.ok
    assert names[-1] in outcome.summary
    assert (place / names[-1] / "arp.dump.gz").exists()
