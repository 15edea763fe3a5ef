"""Locks on whole files: one holder at a time, whoever waits gets the lock when the holder gives it back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from midwatch.system.errors import Refused
from midwatch.system.file_locks import locked_file
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
