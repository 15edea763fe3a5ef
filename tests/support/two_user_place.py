"""Two users, and a folder that both can reach."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.people import RUNBOOK, User


def two_users() -> tuple[User, User]:
    """Two that every system has and that are nobody in particular."""
    found = [entry for entry in pwd.getpwall() if 0 < entry.pw_uid < 100]
    return User(found[0].pw_name, found[0].pw_uid), User(found[1].pw_name, found[1].pw_uid)


@pytest.fixture
def users() -> tuple[User, User]:
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    return two_users()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="midwatch-two-") as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "logs" / "incidents").mkdir(parents=True)
        (place / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
        yield place
