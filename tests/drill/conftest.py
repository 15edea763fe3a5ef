"""Productions for the tests: one that many tests look at, and a folder for the drills of these tests alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.production import Production, build
from tests.support.docker_world import client

__all__ = ["client"]


@pytest.fixture(scope="module")
def drills() -> Iterator[Path]:
    """A folder for the drills of these tests and of nobody else; short, as sockets want it."""
    folder = Path(tempfile.mkdtemp(prefix="mwt-", dir="/tmp"))
    folder.chmod(0o711)
    before = os.environ.get("MIDWATCH_DRILLS")
    os.environ["MIDWATCH_DRILLS"] = str(folder / "d")
    yield folder / "d"
    if before is None:
        del os.environ["MIDWATCH_DRILLS"]
    else:
        os.environ["MIDWATCH_DRILLS"] = before
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _their_drills(_own_environment: None, drills: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDWATCH_DRILLS", str(drills))


@pytest.fixture(scope="module")
def production(drills: Path) -> Iterator[Production]:
    """The reference production, which the tests of one module share and do not change."""
    said: list[str] = []
    built = build(say=said.append)
    assert said[-1] == "The production is ready"
    yield built
    built.tear_down()
