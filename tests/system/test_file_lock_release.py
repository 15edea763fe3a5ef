"""A lock that is given back is free at once, also while a child process has the open file."""

from __future__ import annotations

import os
from pathlib import Path

from midwatch.system import file_locks


def test_released_lock_is_free_although_a_child_holds_the_open_file(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    ours = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    assert file_locks.try_lock(ours)
    hold, release = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(release)
        os.read(hold, 1)
        os._exit(0)
    file_locks.release(ours)
    theirs = os.open(file, os.O_RDWR)
    assert file_locks.try_lock(theirs)
    os.close(theirs)
    os.close(release)
    os.waitpid(child, 0)
    os.close(hold)


def test_held_lock_of_a_file_is_free_after_the_block_although_a_child_holds_the_open_file(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    hold, release = os.pipe()
    with file_locks.locked_file(file, None):
        child = os.fork()
        if child == 0:
            os.close(release)
            os.read(hold, 1)
            os._exit(0)
    theirs = os.open(file, os.O_RDWR)
    assert file_locks.try_lock(theirs)
    os.close(theirs)
    os.close(release)
    os.waitpid(child, 0)
    os.close(hold)
