"""Waiting for a new file in a folder."""

from __future__ import annotations

import threading
from pathlib import Path

from midwatch.system.folder_watch import FolderWatch


def test_wait_returns_at_a_new_file_and_not_at_the_end_of_its_time(tmp_path: Path) -> None:
    with FolderWatch(tmp_path) as watch:
        (tmp_path / "before").touch()
        watch.wait(600)
        (tmp_path / "part").touch()
        watch.wait(600)
        threading.Timer(0.05, lambda: (tmp_path / "part").rename(tmp_path / "result")).start()
        watch.wait(600)
    assert (tmp_path / "result").exists()


def test_wait_where_no_watch_can_be_had_takes_its_time(tmp_path: Path) -> None:
    with FolderWatch(tmp_path / "nowhere") as watch:
        watch.wait(0.01)
