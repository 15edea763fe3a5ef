"""An incident whose disk is full to the last byte: it goes on, everybody sees the same, and everybody is told."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import incidents, summary
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.journal import fallback_locations
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.runbook.loader import load
from midwatch.system.errors import Exit, Failed
from tests.support.mounting import run_or_skip
from tests.support.waiting import wait_for

RUNBOOK = """\
midwatch: 1
id: full
title: The disk is full
severity: SEV-1
locations: {journal_fallback: ../second}
phases:
  - title: All
    steps:
      - {id: look, title: Look}
      - {id: decide, title: Decide}
"""
ANSWERS = "actor: ada@test\ndefault_manual: {note: done}\n"


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "volume"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "midwatch-test", str(folder)]
    run_or_skip(*command)
    (folder / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (folder / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


@pytest.fixture
def full(volume: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IncidentController]:
    """An incident on a full disk, its reserve used up."""
    monkeypatch.setattr(fallback_locations, "usual_folders", lambda: iter(()))  # nothing is left in this machine's own
    controller = IncidentController.declare(load(volume / "runbook.yaml"), actor="ada@test")
    with (volume / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):  # noqa: PT012
        while True:
            file.write(bytes(65536))
    while not controller.incident.journal_away:
        controller.note("x" * 30_000)
    yield controller
    controller.leave()


def test_incident_goes_on_elsewhere_and_comes_back(full: IncidentController, volume: Path) -> None:
    observer = IncidentController.observe(full.folder)
    full.mark_done("look", note="on a full disk")
    full.update("the disk is full")
    assert full.incident.journal_away.startswith(str(volume.parent / "second"))
    observer.poll()
    assert observer.incident == full.incident
    assert observer.head == full.head
    (volume / "filler").unlink()
    wait_for(lambda: (full.poll(), not full.incident.journal_away)[1])
    observer.poll()
    assert observer.incident == full.incident
    full.mark_done("decide", note="on the journal's own disk")
    full.close(reason="over")
    observer.poll()
    assert not observer.incident.open
    assert [event.seq for event in observer.events] == list(range(1, len(observer.events) + 1))
    assert verify(full.folder.journal).ok
    assert not list((volume.parent / "second").iterdir())


def test_incident_closed_elsewhere_is_whole_listed_and_joined_when_it_is_opened(
    full: IncidentController, volume: Path
) -> None:
    full.close(reason="no room until the end")
    (found,) = incidents(volume / "logs")
    assert summary(found).closed
    assert not summary(found).problem
    assert verify(found.journal).ok
    assert read(found.journal)[-1].kind == EventKind.DRIVER_LEFT
    (volume / "filler").unlink()
    IncidentController.resume(found, actor="bob@test").leave()
    assert not list((volume.parent / "second").iterdir())
    assert verify(found.journal).ok
    assert read(found.journal)[-1].kind == EventKind.JOURNAL_FAILED_BACK


def test_headless_run_prints_that_the_journal_failed_over(full: IncidentController, volume: Path) -> None:
    said: list[str] = []
    code = headless.run(full, load_answers(volume / "answers.yaml", full.runbook), said.append)
    assert code is Exit.DONE
    assert any("The journal goes on in" in line and "reserve is used up" in line for line in said)


def test_step_without_any_journal_location_is_not_reported_as_done(full: IncidentController) -> None:
    away = full.session.require_driver().journal.away
    assert away is not None
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (away.stat().st_size, before[1]))
    try:
        with pytest.raises(Failed, match="reserve is used up"):  # noqa: PT012 - until the second place is used up as well
            while True:
                full.note("x" * 30_000)
        with pytest.raises(Failed, match="reserve is used up"):
            full.mark_done("look", note="x" * 30_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert full.incident.step("look").status is StepStatus.TODO
    assert read(full.folder.journal) == full.events
