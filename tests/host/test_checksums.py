"""Checksums of backup sets: beside `sha256sum` itself, and against what it lets pass."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.verify_checksums import VerifyChecksums
from midwatch.api.action import Context
from midwatch.supervisor.step_outputs import LONGEST_VALUE
from midwatch.system.errors import BadInput
from probes.backup.checksums import verify_set
from tests.support.examples import examples


def make_set(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    listing = subprocess.run(["sha256sum", "--", *files], cwd=folder, check=True, capture_output=True).stdout
    (folder / "checksums.sha256").write_bytes(listing)
    return folder


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return make_set(tmp_path / "backups/prod/20261122-020000", arp=b"arp" * 1000, gps=b"gps", otc=b"")


def test_good_set_is_verified(good: Path) -> None:
    verdict = verify_set(good)
    assert verdict.ok
    assert verdict.good == ("arp", "gps", "otc")
    assert verdict.bytes == 3003


def test_flipped_bit_names_the_corrupt_file(good: Path) -> None:
    data = bytearray((good / "arp").read_bytes())
    data[1500] ^= 1
    (good / "arp").write_bytes(data)
    verdict = verify_set(good)
    assert (verdict.bad, verdict.word) == (("arp",), "corrupt")


def test_missing_and_unlisted_files_are_seen(good: Path) -> None:
    (good / "gps").unlink()
    (good / "later").write_bytes(b"x")
    verdict = verify_set(good)
    assert (verdict.missing, verdict.unlisted, verdict.ok) == (("gps",), ("later",), False)


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"rubbish\n", "not a SHA-256 entry"),
        (b"0" * 64 + b"  ../../../etc/passwd\n", "outside the set"),
        (b"0" * 64 + b"  /etc/passwd\n", "outside the set"),
        (b"\\" + b"0" * 64 + b"  a/\\\\../../..\n", "outside the set"),
        (b"d41d8cd98f00b204e9800998ecf8427e  arp\n", "not a SHA-256 entry"),
        (None, "cannot be read"),
    ],
)
def test_list_that_proves_nothing_is_unverified(good: Path, listing: bytes | None, said: str) -> None:
    if listing is None:
        (good / "checksums.sha256").unlink()
    else:
        (good / "checksums.sha256").write_bytes(listing)
    verdict = verify_set(good)
    assert not verdict.ok
    assert said in verdict.problem
    assert verdict.word == "unverified"


def test_manifest_need_not_be_listed_but_counts_when_it_is(good: Path) -> None:
    (good / "manifest.json").write_text("{}")
    assert verify_set(good).ok
    with (good / "checksums.sha256").open("a") as file:
        file.write("0" * 64 + "  manifest.json\n")
    assert verify_set(good).bad == ("manifest.json",)


def test_link_is_never_followed(good: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes((good / "arp").read_bytes())
    (good / "arp").unlink()
    (good / "arp").symlink_to(outside)
    assert not verify_set(good).ok


def test_fifo_does_not_hang(good: Path) -> None:
    (good / "arp").unlink()
    os.mkfifo(good / "arp")
    assert not verify_set(good).ok


def test_bsd_form_and_a_list_made_from_the_root(good: Path, tmp_path: Path) -> None:
    bsd = subprocess.run(["sha256sum", "--tag", "arp", "gps", "otc"], cwd=good, check=True, capture_output=True).stdout
    (good / "checksums.sha256").write_bytes(bsd)
    assert verify_set(good).ok
    names = [str((good / name).relative_to(tmp_path)) for name in ("arp", "gps", "otc")]
    (good / "checksums.sha256").write_bytes(
        subprocess.run(["sha256sum", *names], cwd=tmp_path, check=True, capture_output=True).stdout
    )
    assert verify_set(good, tmp_path).ok


@settings(max_examples=examples(25))
@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_name_as_sha256sum_writes_it_is_understood(tmp_path: Path, name: str) -> None:
    if name in (".", "..", "-", "checksums.sha256") or len(os.fsencode(name)) > 200:  # of "-" sha256sum reads its input
        return
    folder = tmp_path / "named"
    if folder.exists():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    make_set(folder, **{name: b"data"})
    verdict = verify_set(folder)
    assert verdict.ok, str(verdict)


def test_action_names_the_corrupt_set_and_is_done(good: Path, make_context: Callable[..., Context]) -> None:
    bad = make_set(good.parent / "20261121-020000", arp=b"one")
    (bad / "arp").write_bytes(b"two")
    make_set(good.parent / "old" / "20261101-020000", arp=b"one")
    context = make_context()
    action = VerifyChecksums()
    plan = action.plan(context)
    assert [effect.object for effect in plan.effects] == ["20261122-020000", "20261121-020000", "old/20261101-020000"]
    outcome = action.apply(context, plan)
    assert outcome.ok
    assert outcome.values == {"sets": "3", "valid": "2", "invalid": "20261121-020000"}
    strict = VerifyChecksums(strict=True)
    assert not strict.apply(context, strict.plan(context)).ok
    latest = VerifyChecksums(set="latest")
    assert latest.apply(context, latest.plan(context)).values["sets"] == "1"
    with pytest.raises(BadInput, match="no backup set"):
        VerifyChecksums(set="20261122").plan(context)


def test_summary_over_hundreds_of_sets_is_one_short_line(tmp_path: Path, make_context: Callable[..., Context]) -> None:
    for number in range(300):
        (tmp_path / f"backups/prod/20261122-02{number // 60:02}{number % 60:02}").mkdir(parents=True)
        (tmp_path / f"backups/prod/20261122-02{number // 60:02}{number % 60:02}/arp").write_bytes(b"arp")
    context, action = make_context(), VerifyChecksums()
    outcome = action.apply(context, action.plan(context))
    assert outcome.summary.startswith("0 of 300 sets hold; not: 20261122-020459 (unverified), ")
    assert outcome.summary.endswith(" and 297 more")
    assert outcome.values["invalid"].endswith(" and 200 more")
    assert len(outcome.values["invalid"]) < LONGEST_VALUE, "a longer one would be passed over"
