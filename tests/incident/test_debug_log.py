"""The debug log: masked before a byte is written, limited in size, and never a reason for anything to fail or to
wait."""

from __future__ import annotations

import io
import logging
import os
import time
from pathlib import Path

import pytest

from midwatch.incident import debug_log
from midwatch.incident.debug_log import kept_in, leave_the_terminal, show_on

SECRET = "Tr0ub4dor-and-3"
LOG = logging.getLogger("midwatch.test")


def none() -> dict[str, str]:
    return {}


def test_message_with_a_known_secret_is_written_masked(tmp_path: Path) -> None:
    path = tmp_path / "debug.log"
    with kept_in(path, lambda: {"db": SECRET}):
        LOG.warning("login with %s failed\nat \x1b]0;x\x07once", SECRET)
        try:
            raise OSError(5, f"no {SECRET}")
        except OSError:
            LOG.exception("the disk failed")
    text = path.read_text()
    assert SECRET not in text
    assert "login with [secret db] failed⏎at once" in text
    assert "the disk failed (OSError: [Errno 5] no [secret db])" in text
    assert len(text.splitlines()) == 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_message_with_secret_shaped_text_is_written_masked(tmp_path: Path) -> None:
    with kept_in(tmp_path / "debug.log", none):
        LOG.info("password=%s", "hunter2hunter2X9")
    assert "hunter2hunter2X9" not in (tmp_path / "debug.log").read_text()


def test_secret_that_is_no_longer_known_stays_masked(tmp_path: Path) -> None:
    secrets = {"db": SECRET}
    with kept_in(tmp_path / "debug.log", lambda: dict(secrets)):
        LOG.info("first")
        deadline = time.monotonic() + 10
        while not (tmp_path / "debug.log").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        secrets["db"] = "Another-Value-9"
        LOG.info("%s and %s", SECRET, "Another-Value-9")
    text = (tmp_path / "debug.log").read_text()
    assert SECRET not in text
    assert "Another-Value-9" not in text


def test_folder_of_a_group_gives_the_log_to_the_group(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    with kept_in(tmp_path / "debug.log", none):
        LOG.info("one")
    assert (tmp_path / "debug.log").stat().st_mode & 0o777 == 0o660


def test_log_that_reaches_its_limit_is_rotated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debug_log, "LIMIT_BYTES", 2000)
    with kept_in(tmp_path / "debug.log", none):
        for number in range(100):
            LOG.info("message %d", number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["debug.log", "debug.log.1"]
    assert all(path.stat().st_size < 2200 for path in tmp_path.iterdir())
    assert "message 99" in (tmp_path / "debug.log").read_text() + (tmp_path / "debug.log.1").read_text()


def test_disk_that_is_nearly_full_gets_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debug_log, "LEAVE_FREE_BYTES", 2**62)
    with kept_in(tmp_path / "debug.log", none):
        LOG.info("one")
    assert (tmp_path / "debug.log").read_bytes() == b""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("obstacle", ["pipe", "link", "missing folder"])
def test_log_that_cannot_be_written_holds_nobody_up(tmp_path: Path, obstacle: str) -> None:
    path = tmp_path / "debug.log"
    if obstacle == "pipe":
        os.mkfifo(path)
    elif obstacle == "link":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path = tmp_path / "missing" / "debug.log"
    with kept_in(path, none):
        for _ in range(2000):
            LOG.info("one")
    assert not (tmp_path / "elsewhere").exists()


def test_debug_log_of_an_observer_is_not_written(tmp_path: Path) -> None:
    with kept_in(tmp_path / "debug.log", none, wanted=lambda: False):
        LOG.info("one")
    assert list(tmp_path.iterdir()) == []


def test_message_of_a_library_is_left_out(tmp_path: Path) -> None:
    with kept_in(tmp_path / "debug.log", none):
        logging.getLogger("urllib3").warning("GET /")
        LOG.info("ours")
    assert "GET" not in (tmp_path / "debug.log").read_text()


def test_show_on_masks_what_the_environment_has_as_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("DB_PASSWORD", SECRET)
    stream = Terminal()
    show_on(stream)
    try:
        LOG.info("with %s", SECRET)
        assert stream.getvalue().endswith("midwatch.test: with [secret DB_PASSWORD]\n")
    finally:
        leave_the_terminal()
    LOG.info("later")
    assert "later" not in stream.getvalue()
