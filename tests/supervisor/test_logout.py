"""A login whose end would end the steps is recognised."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.supervisor import logout


@pytest.mark.parametrize(
    ("group", "lingers", "answer", "uid", "warns"),
    [
        ("0::/user.slice/user-1000.slice/session-3.scope", False, "b true", 1000, True),
        ("0::/user.slice/user-1000.slice/session-3.scope", False, "b false", 1000, False),
        ("0::/user.slice/user-1000.slice/session-3.scope", False, "", 1000, False),
        ("0::/user.slice/user-1000.slice/session-3.scope", True, "b true", 1000, False),
        ("0::/user.slice/user-0.slice/session-3.scope", False, "b true", 0, False),
        ("0::/user.slice/user-1000.slice/user@1000.service/run-7.scope", False, "b true", 1000, False),
    ],
)
def test_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, lingers: bool, answer: str, uid: int, warns: bool
) -> None:
    monkeypatch.setattr(logout.os, "getuid", lambda: uid)
    monkeypatch.setenv("LOGNAME", "ada")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(group)
    (tmp_path / "var/lib/systemd/linger").mkdir(parents=True)
    if lingers:
        (tmp_path / "var/lib/systemd/linger/ada").touch()
    found = logout.logout_kills(tmp_path, lambda: answer)
    assert bool(found) is warns
    assert not warns or "loginctl enable-linger ada" in found


def test_on_this_machine_it_answers() -> None:
    assert isinstance(logout.logout_kills(), str)
