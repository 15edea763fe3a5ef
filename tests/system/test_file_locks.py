"""Locks on whole files: one holder at a time, whoever waits gets the lock when the holder gives it back."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from midwatch.system.errors import Refused
from midwatch.system.file_locks import locked_file, release, try_lock
from midwatch.system.trust import Trust, UntrustedFile

BUSY = Refused("Another one runs")


def test_locked_file_held_by_another_raises_the_callers_error(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked_file(lock, Trust.own()), pytest.raises(Refused, match="Another one runs"):  # noqa: SIM117
        with locked_file(lock, Trust.own(), otherwise=BUSY):
            pass
    with locked_file(lock, Trust.own(), otherwise=BUSY):
        assert lock.stat().st_mode & 0o777 == 0o600


def test_locked_file_held_by_another_waits_for_the_holder(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with locked_file(tmp_path / "lock", Trust.own()):
            order.append("second")

    with locked_file(tmp_path / "lock", Trust.own()):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_locked_file_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UntrustedFile), locked_file(tmp_path / "lock", Trust.own()):
        pass
    assert not (tmp_path / "elsewhere").exists()


@contextmanager
def child_with_our_files() -> Iterator[None]:
    """A child process that has every file open that this process has, as one that is just starting."""
    hold, let_go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(let_go)
        os.read(hold, 1)
        os._exit(0)
    yield
    os.close(let_go)
    os.waitpid(child, 0)
    os.close(hold)


def is_free(file: Path) -> bool:
    descriptor = os.open(file, os.O_RDWR)
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


def test_released_lock_is_free_although_a_child_has_the_open_file(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    ours = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    assert try_lock(ours)
    with child_with_our_files():
        assert not is_free(file)
        release(ours)
        assert is_free(file)


def test_locked_file_is_free_after_the_block_although_a_child_has_the_open_file(tmp_path: Path) -> None:
    holding = locked_file(tmp_path / "lock", None)
    holding.__enter__()
    with child_with_our_files():
        assert not is_free(tmp_path / "lock")
        holding.__exit__(None, None, None)
        assert is_free(tmp_path / "lock")
