"""Removing files below a root: links, replaced files and other file systems are never touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from actions.cleanup.safe_delete import inspect, remove
from midwatch.system.errors import Failed, Refused

SET = PurePosixPath("old/20261101-020000")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "prod" / SET
    folder.mkdir(parents=True)
    (folder / "arp.dump.gz").write_bytes(b"x" * 1000)
    (folder / "checksums.sha256").write_bytes(b"y" * 100)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data").write_bytes(b"precious")
    return tmp_path / "prod"


def test_planned_files_go_and_the_empty_folder_with_them(root: Path) -> None:
    assert remove(root, SET, inspect(root, SET)) == 1100
    assert list((root / "old").iterdir()) == []


def test_hard_link_frees_nothing(root: Path) -> None:
    os.link(root / SET / "arp.dump.gz", root / "kept")
    assert remove(root, SET, inspect(root, SET)) == 100
    assert (root / "kept").stat().st_size == 1000


@pytest.mark.parametrize("change", ["appeared", "rewritten", "replaced", "gone"])
def test_removal_stops_before_the_first_file_when_a_set_changed(root: Path, change: str) -> None:
    planned = inspect(root, SET)
    file = root / SET / "checksums.sha256"
    if change == "appeared":
        (root / SET / "zzz").touch()
    elif change == "rewritten":
        file.write_bytes(b"longer than it was before" * 10)
    elif change == "replaced":
        (root / "new").write_bytes(file.read_bytes())
        (root / "new").rename(file)
    else:
        file.unlink()
    with pytest.raises(Refused, match="has changed since it was planned"):
        remove(root, SET, planned)
    assert (root / SET / "arp.dump.gz").exists()


def test_link_instead_of_a_set_is_never_followed(root: Path, tmp_path: Path) -> None:
    planned = inspect(root, SET)
    (root / SET).rename(root / "away")
    (root / SET).symlink_to(tmp_path / "precious")
    with pytest.raises(Failed, match="it is a link"):
        remove(root, SET, planned)
    (root / "old").rename(root / "old-away")
    (root / "old").symlink_to(tmp_path)
    with pytest.raises(Failed, match="it is a link"):
        inspect(root, PurePosixPath("old/precious"))
    assert (tmp_path / "precious" / "data").read_bytes() == b"precious"


def test_link_inside_a_set_is_refused(root: Path, tmp_path: Path) -> None:
    (root / SET / "link").symlink_to(tmp_path / "precious" / "data")
    with pytest.raises(Refused, match="is a link"):
        inspect(root, SET)


@pytest.mark.parametrize("name", ["../precious", "/etc", "old/../../precious"])
def test_name_that_leads_outside_is_refused(root: Path, name: str) -> None:
    with pytest.raises(Refused, match="leads outside"):
        inspect(root, PurePosixPath(name))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_another_file_system_is_not_entered(root: Path) -> None:
    inner = root / "old" / "mounted"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "midwatch-test", str(inner)], check=True)
    try:
        (inner / "file").touch()
        with pytest.raises(Refused, match="another file system"):
            inspect(root, PurePosixPath("old/mounted"))
    finally:
        subprocess.run(["umount", str(inner)], check=True)


def test_files_that_are_kept_stay_with_their_folder(root: Path) -> None:
    (root / SET / "notes.txt").write_text("mine")
    *files, notes = inspect(root, SET)
    assert notes.name.name == "notes.txt"
    assert remove(root, SET, files, [notes]) == 1100
    assert [path.name for path in (root / SET).iterdir()] == ["notes.txt"]


def test_folder_is_opened_once_and_what_is_put_in_its_place_stays(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the first unlink somebody moves the set away and puts a folder of the same names there."""
    planned, unlink = inspect(root, SET), os.unlink

    def swap(name: str, *, dir_fd: int) -> None:
        monkeypatch.undo()
        (root / SET).rename(root / "away")
        (root / SET).mkdir()
        for file in planned:
            (root / file.name).write_text("new")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", swap)
    remove(root, SET, planned)
    assert sorted(path.read_text() for path in (root / SET).iterdir()) == ["new", "new"]
    assert list((root / "away").iterdir()) == []


def test_file_that_is_replaced_while_others_go_stays(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned, unlink = inspect(root, SET), os.unlink

    def replace(name: str, *, dir_fd: int) -> None:
        monkeypatch.undo()
        unlink(name, dir_fd=dir_fd)
        (root / "new").write_text("new")
        (root / "new").rename(root / SET / "checksums.sha256")

    monkeypatch.setattr(os, "unlink", replace)
    with pytest.raises(Refused, match=r"checksums.sha256 has changed since it was planned"):
        remove(root, SET, planned)
    assert (root / SET / "checksums.sha256").read_text() == "new"
