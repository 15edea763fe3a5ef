"""The balance of a file system: what was found, what deleted files hold, and what is not explained, on real file
systems."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actions.diagnose_disk import DiagnoseDisk
from midwatch.api.action import Context, Outcome
from probes.storage.balance import Balance, Searched, balances
from probes.storage.disk_usage import usage
from probes.storage.largest_entries import largest_entries
from probes.storage.open_deleted_files import open_deleted_files
from tests.support.filling import fill_inodes
from tests.support.host_world import Heard

HOLDER = """
import mmap, os, sys
opened = open(sys.argv[1], "wb")
opened.write(b"x" * 3_000_000)
opened.flush()
mapped = open(sys.argv[2], "w+b")
mapped.write(b"x" * 2_000_000)
mapped.flush()
held = mmap.mmap(mapped.fileno(), 2_000_000)
mapped.close()
for path in sys.argv[1:]:
    os.unlink(path)
print(flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(*paths: Path) -> Iterator[int]:
    """A process with one deleted file open and another one mapped only; its pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, *map(str, paths)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
    finally:
        process.communicate()


@contextmanager
def mounted(*arguments: str, on: Path) -> Iterator[None]:
    subprocess.run(["mount", *arguments, str(on)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(on)], check=True)


def balance_of(*paths: Path) -> Balance:
    searched = [Searched(path, usage(path), largest_entries(path)) for path in paths]
    (found,) = balances(searched, open_deleted_files()[0])
    return found


def diagnose(context: Context, *paths: Path) -> Outcome:
    action = DiagnoseDisk(paths=paths)
    return action.apply(context, action.plan(context))


@pytest.mark.slow
def test_balance_with_bind_mount_hidden_and_deleted_files_adds_up(
    ext4_disk: Path, tmp_path: Path, make_context: Callable[..., Context], heard: Heard
) -> None:
    for name in ("data", "view", "hidden", "outside"):
        (ext4_disk / name).mkdir()
    (ext4_disk / "data" / "dump").write_bytes(b"x" * 6_000_000)
    (ext4_disk / "hidden" / "old").write_bytes(b"x" * 4_000_000)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(ext4_disk)
    view, elsewhere = ext4_disk / "view", tmp_path / "elsewhere"
    with (
        mounted("--bind", str(ext4_disk / "data"), on=view),
        mounted("--bind", str(ext4_disk / "data"), on=elsewhere),
        mounted("-t", "tmpfs", "none", on=ext4_disk / "hidden"),
        holding(ext4_disk / "opened", ext4_disk / "mapped") as pid,
    ):
        subprocess.run(["sync", "-f", str(ext4_disk)], check=True)
        for paths in ((ext4_disk,), (tmp_path / "link",), (elsewhere, ext4_disk, view)):
            found = balance_of(*paths)
            assert found.is_whole
            assert 6_000_000 <= found.found < 6_200_000, "what is mounted twice counts once"
            assert 5_000_000 <= sum(item.size for item in found.deleted) < 5_100_000
            assert 4_000_000 <= found.unexplained < 4_500_000, "what a mount hides"
            assert found.found + sum(item.size for item in found.deleted) + found.unexplained == found.used
            assert found.reserved > 1_000_000
        part = balance_of(view)
        assert not part.is_whole
        assert "outside of these" in "".join(text for _, text in part.lines())
        outcome = diagnose(make_context(), ext4_disk)
        assert f"({pid})" in heard.text
        assert "deleted files that are still open" in heard.text
        assert "which the mount hides" in heard.text
        assert 4_000_000 <= int(outcome.values["unexplained"]) < 4_500_000
    lower, upper, work, merged = tmp_path / "lower", ext4_disk / "upper", ext4_disk / "work", tmp_path / "merged"
    for folder in (lower, upper, work, merged):
        folder.mkdir()
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    with mounted("-t", "overlay", "overlay", "-o", layers, on=merged):
        (merged / "new").write_bytes(b"x" * 3_000_000)
        assert 3_000_000 <= largest_entries(merged).total < 3_100_000


def test_inodes_used_up_are_in_the_summary_with_the_folder_that_has_them(
    small_disk: Path, make_context: Callable[..., Context], heard: Heard
) -> None:
    (small_disk / "large").mkdir()
    (small_disk / "large" / "dump").write_bytes(b"x" * 2_000_000)
    fill_inodes(small_disk)
    outcome = diagnose(make_context(), small_disk)
    assert "inodes 100 %, most of it in filler (3" in outcome.summary
    assert outcome.values["largest"] == str(small_disk / "filler")
    assert "files  filler/" in heard.text


def test_read_only_file_system_is_in_the_summary(
    small_disk: Path, make_context: Callable[..., Context], heard: Heard
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    context = make_context(disk={"paths": [str(small_disk)]})
    assert "0 % full, read only" in DiagnoseDisk().apply(context, DiagnoseDisk().plan(context)).summary
    assert "nothing can be written" in heard.text


@pytest.mark.parametrize("limit", [0.0, 5.0])
def test_search_says_what_it_could_not_read(tmp_path: Path, limit: float) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    found = largest_entries(tmp_path, limit=limit)
    (balance,) = balances([Searched(tmp_path, usage(tmp_path), found)], [])
    said = "".join(text for _, text in balance.lines())
    assert ("the time did not suffice for" in said) is (limit == 0.0)
