"""`midwatch drill --headless`: from nothing to an exported timeline, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from drill.state import LABEL_KEY, drills_folder, records
from midwatch.system.errors import MidwatchError
from probes.containers.client import engine
from tests.support.program import MIDWATCH

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]


def drill(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    argv = [MIDWATCH, "drill", "--headless", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=500, check=False, cwd=cwd, env=dict(os.environ))


def on_the_engine() -> set[str]:
    """What drills have on the engine, if there is one."""
    try:
        with engine() as client:
            containers = client.api.containers(all=True, filters={"label": LABEL_KEY})
            return {thing["Id"] for thing in (*containers, *client.api.images(filters={"label": LABEL_KEY}))}
    except MidwatchError:
        return set()


@pytest.mark.docker  # beside other drills on the engine, its names would be taken
def test_headless_drill_exports_the_timeline_and_leaves_nothing(here: Path) -> None:
    """In containers where an engine can be had, and else without; it says which."""
    before, engine_before = {record.folder for record in records()}, on_the_engine()
    result = drill("--export", "timeline.md", cwd=here)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    text = (here / "timeline.md").read_text()
    assert "Emergency backup of ARP" in text
    assert "is closed" in result.stdout
    assert ("run in containers" in result.stderr) != ("run without Docker: " in result.stderr)
    assert {record.folder for record in records()} <= before
    assert on_the_engine() <= engine_before
    assert not any(str(path) not in before for path in drills_folder().glob("*") if path.is_dir())


def test_wrong_answer_ends_it_with_a_clear_line(here: Path) -> None:
    (here / "answers.yaml").write_text("manual:\n  alert-recieved: {note: yes}\n")
    result = drill("--no-docker", "--answers", "answers.yaml", cwd=here)
    assert result.returncode == 2
    assert "answers.yaml:2:3" in result.stderr
    assert "alert-received" in result.stderr
    assert "Traceback" not in result.stderr


def test_failing_step_ends_it_with_a_clear_line(here: Path) -> None:
    command = [MIDWATCH, "drill", "damaged-table", "--no-docker", "--headless", "--export", "timeline.html"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, cwd=here)
    assert result.returncode == 1, result.stdout[-3000:] + result.stderr
    assert "emergency-backup failed" in result.stdout
    assert (here / "timeline.html").read_text().startswith("<!doctype html>")
    assert "Traceback" not in result.stdout + result.stderr
