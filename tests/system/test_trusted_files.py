"""Files in places that other users can write to: what they put there is neither followed, believed nor waited for."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from midwatch.system.errors import Failed
from midwatch.system.trust import Trust, UntrustedFile
from midwatch.system.trusted_files import (
    atomic_write,
    create_exclusive,
    make_folder,
    make_folders,
    open_folder,
    read_regular,
    read_trusted,
    remove_tree,
)
from tests.support.users import MALLORY, ONCALL, needs_root, run_as


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture
def public(reachable: Path) -> Path:
    """A folder like /tmp: everybody writes, each keeps their own."""
    folder = reachable / "public"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def read(path: Path, trust: Trust | None = None) -> bytes:
    return read_trusted(path, trust or Trust.own(), limit_bytes=1000)


def test_file_of_the_own_user_is_read(own: Path) -> None:
    (own / "f").write_bytes(b"text")
    (own / "f").chmod(0o644)
    assert read(own / "f") == b"text"


def test_own_link_is_followed_and_a_loop_of_links_ends(own: Path) -> None:
    (own / "f").write_bytes(b"text")
    (own / "l").symlink_to("f")
    (own / "loop").symlink_to("loop")
    assert read(own / "l") == b"text"
    with pytest.raises(UntrustedFile, match="more than 40 links"):
        read(own / "loop")


def test_missing_file_raises_file_not_found(own: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(own / "none")
    with pytest.raises(FileNotFoundError):
        read(own / "none" / "deeper")


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_file_that_others_may_write_is_refused(own: Path, mode: int) -> None:
    (own / "f").write_bytes(b"text")
    (own / "f").chmod(mode)
    with pytest.raises(UntrustedFile, match="can be changed by other users"):
        read(own / "f")


def test_file_in_a_folder_that_others_may_write_is_refused(own: Path) -> None:
    (own / "f").write_bytes(b"text")
    own.chmod(0o777)
    with pytest.raises(UntrustedFile, match="a folder on the way can be changed"):
        read(own / "f")
    own.chmod(0o775)
    with pytest.raises(UntrustedFile):
        read(own / "f")
    assert read(own / "f", Trust.own().shared()) == b"text"


def test_fifo_is_refused_at_once(own: Path) -> None:
    os.mkfifo(own / "f")
    with pytest.raises(UntrustedFile, match="not a regular file"):
        read(own / "f")
    with pytest.raises(Failed, match="not a regular file"):
        read_regular(own / "f", limit_bytes=10)


def test_hard_link_is_refused(own: Path) -> None:
    (own / "f").write_bytes(b"text")
    os.link(own / "f", own / "g")
    with pytest.raises(UntrustedFile, match="2 names"):
        read(own / "f")


def test_secret_file_readable_by_others_is_refused(own: Path) -> None:
    (own / "f").write_bytes(b"text")
    (own / "f").chmod(0o640)
    assert read(own / "f") == b"text"
    with pytest.raises(UntrustedFile, match="can be read by other users"):
        read(own / "f", Trust.own().secret())


def test_file_over_the_limit_is_refused(own: Path) -> None:
    (own / "f").write_bytes(b"x" * 1001)
    with pytest.raises(Failed, match="longer than 1,000 bytes"):
        read(own / "f")


@needs_root
def test_file_of_another_user_in_a_public_folder_is_refused(public: Path) -> None:
    run_as(MALLORY, lambda: (public / "f").write_bytes(b"evil"))
    with pytest.raises(UntrustedFile, match=f"uid {MALLORY}"):
        read(public / "f")
    assert read_regular(public / "f", limit_bytes=10) == b"evil"


@needs_root
def test_link_of_another_user_is_not_followed_even_to_a_trusted_file(own: Path, public: Path) -> None:
    (own / "f").write_bytes(b"text")
    run_as(MALLORY, lambda: (public / "l").symlink_to(own / "f"))
    run_as(MALLORY, lambda: (public / "d").symlink_to(own))
    for path in (public / "l", public / "d" / "f"):
        with pytest.raises(UntrustedFile, match="a link on the way"):
            read(path)


@needs_root
def test_folder_of_another_user_is_refused_for_reading_and_writing(public: Path) -> None:
    run_as(MALLORY, (public / "d").mkdir)
    with pytest.raises(UntrustedFile):
        make_folder(public / "d", mode=0o700, trust=Trust.own())
    with pytest.raises(UntrustedFile):
        atomic_write(public / "d" / "f", b"", mode=0o600, trust=Trust.own())
    assert list((public / "d").iterdir()) == []


@needs_root
def test_folder_of_a_group_is_accepted_only_where_it_is_shared(own: Path) -> None:
    own.chmod(0o2770)
    os.chown(own, -1, ONCALL)
    atomic_write(own / "f", b"text", mode=0o660, trust=Trust.own().shared())
    assert read(own / "f", Trust.own().shared()) == b"text"
    with pytest.raises(UntrustedFile):
        read(own / "f")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_written_file_has_its_mode_under_any_umask(own: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        atomic_write(own / "f", b"text", mode=0o640, trust=Trust.own())
        os.close(create_exclusive(own / "g", mode=0o600, trust=Trust.own()))
        make_folder(own / "d", mode=0o750, trust=Trust.own())
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in own.iterdir()}
    assert modes == {"f": 0o640, "g": 0o600, "d": 0o750}


def test_write_replaces_a_link_and_never_what_it_points_at(own: Path) -> None:
    (own / "other").write_bytes(b"other")
    (own / "f").symlink_to("other")
    atomic_write(own / "f", b"text", mode=0o600, trust=Trust.own())
    assert ((own / "other").read_bytes(), (own / "f").read_bytes(), (own / "f").is_symlink()) == (
        b"other",
        b"text",
        False,
    )


def test_failed_write_leaves_the_former_file_and_no_part(own: Path) -> None:
    (own / "f").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        atomic_write(own / "f", b"text", mode=0o600, trust=Trust.own())
    assert [path.name for path in own.iterdir()] == ["f"]


def test_relative_path_and_parent_steps_are_resolved(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own / "d").mkdir()
    (own / "f").write_bytes(b"text")
    monkeypatch.chdir(own / "d")
    assert read(Path("../f")) == b"text"
    os.close(open_folder(Path("/"), Trust.own()))


def test_folders_above_that_are_missing_get_the_same_mode_under_any_umask(reachable: Path) -> None:
    before = os.umask(0)
    try:
        make_folders(reachable / "a" / "b" / "c", mode=0o750, trust=Trust.own())
    finally:
        os.umask(before)
    assert [(reachable / name).stat().st_mode & 0o7777 for name in ("a", "a/b", "a/b/c")] == [0o750] * 3


@needs_root
@pytest.mark.parametrize("what", ["link to a file", "link to a folder", "nothing"])
def test_make_folder_replaced_by_a_member_of_the_group_right_after_it_was_made_gives_nothing_else_a_mode(
    reachable: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    parent, victim = reachable / "shared", reachable / "victim"
    parent.mkdir()
    os.chown(parent, 0, ONCALL)
    parent.chmod(0o2770)
    victim.mkdir(mode=0o750) if what == "link to a folder" else victim.touch(mode=0o640)
    before, mkdir = victim.stat().st_mode, os.mkdir

    def swap() -> None:
        (parent / "new").rmdir()
        if what != "nothing":
            (parent / "new").symlink_to(victim)

    def mkdir_and_lose(*args: Any, **options: Any) -> None:
        mkdir(*args, **options)
        run_as(MALLORY, swap, gid=ONCALL)

    monkeypatch.setattr(os, "mkdir", mkdir_and_lose)
    with pytest.raises(UntrustedFile, match="is not trusted"):
        make_folder(parent / "new", mode=0o711, trust=Trust.own().shared())
    assert victim.stat().st_mode == before


@pytest.mark.slow
def test_remove_tree_waits_for_no_pipe_and_follows_no_link_in_the_place_of_a_folder(own: Path) -> None:
    other = own / "other"
    (other / "kept").mkdir(parents=True)
    for name, make in (("pipe", os.mkfifo), ("link", lambda path: path.symlink_to(other))):
        make(own / name)
        remove_tree(own / name)
        tree = own / "tree"
        (tree / "inner").mkdir(parents=True)
        (tree / "inner" / "file").touch()
        make(tree / name)
        remove_tree(tree)
        assert not tree.exists()
    assert (other / "kept").is_dir()
    deep = own / "deep"
    at = os.open(own, os.O_RDONLY)
    for _ in range(3000):  # more than anybody can go down
        os.mkdir("deep", dir_fd=at)
        below = os.open("deep", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    remove_tree(deep)
    subprocess.run(["rm", "-rf", deep], check=True, timeout=60)
