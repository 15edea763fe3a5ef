"""The incident's disk is full to the last byte, or has no inode left: the step that makes room on it starts all the
same."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import incidents
from midwatch.incident.events import EventKind
from midwatch.incident.start_reserve import FILES_A_START, PIECE, SPACE, StartReserve
from midwatch.incident.step_status import StepStatus
from midwatch.journal.notices import journal_notice
from midwatch.journal.verify import verify
from midwatch.runbook.loader import load
from midwatch.system.errors import Failed
from tests.support.filling import fill, fill_inodes
from tests.support.mounting import run_or_skip
from tests.support.steps import ended

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: full
title: The disk is full
severity: SEV-1
locations: {journal_fallback: ../second}
phases:
  - title: All
    steps:
      - {id: again, title: Do something, run: echo ran >> ../ran, risk: observe}
      - {id: make-room, title: Make room, run: rm -r filler; echo "there is room", risk: change}
"""
MOUNTS = {
    "tmpfs": ["mount", "-t", "tmpfs", "-o", "size=12m,nr_inodes=150", "midwatch-test"],
    "ext4": ["mount", "-o", "loop"],
}


@pytest.fixture(params=MOUNTS)
def controller(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IncidentController]:
    """An incident on a small disk of its own."""
    disk, command = tmp_path / "disk", list(MOUNTS[request.param])
    disk.mkdir()
    if request.param == "ext4":
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(16 << 20)
        run_or_skip("mkfs.ext4", "-q", "-m", "0", "-N", "160", image)
        command.append(str(image))
    run_or_skip(*command, disk)
    with contextlib.ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "-l", disk], check=True, timeout=20)  # however the rest ends
        (disk / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
        controller = IncidentController.declare(load(disk / "runbook.yaml"), actor="ada@test")
        stack.callback(controller.leave)
        yield controller


def disk_of(controller: IncidentController) -> Path:
    return controller.runbook.file.parent


def given(controller: IncidentController) -> list[str]:
    return [
        journal_notice(event.kind, event.body)
        for event in controller.events
        if event.kind == EventKind.RESERVE_RELEASED
    ]


def test_step_that_makes_room_starts_on_a_disk_without_a_byte(controller: IncidentController) -> None:
    disk, spare = disk_of(controller), controller.folder.path / "spare"
    assert (spare / "room").stat().st_size == SPACE
    fill(disk)
    controller.start("make-room", controller.plan("make-room"))
    assert ended(controller, "make-room") is StepStatus.DONE
    assert not (disk / "filler").exists()
    attempt = controller.attempt_folder("make-room")
    assert attempt is not None
    assert attempt.output.read_text() == "there is room\n"
    assert given(controller)
    assert all(line.startswith("The incident's disk is full (No space left on device)") for line in given(controller))
    controller.start("again", controller.plan("again"))
    assert (spare / "room").stat().st_size == SPACE, "with room again, all of it is kept again"
    assert ended(controller, "again") is StepStatus.DONE
    controller.close()
    assert not spare.exists()
    assert verify(controller.folder.journal).ok


def test_incident_starts_on_a_disk_without_an_inode(controller: IncidentController) -> None:
    disk = disk_of(controller)
    fill_inodes(disk)
    for _ in range(2):
        controller.start("again", controller.plan("again"), reason="once more")
        assert ended(controller, "again") is StepStatus.DONE
    assert [line.split(":")[0] for line in given(controller)] == ["No inode is free on the incident's disk"] * 2
    with pytest.raises(Failed, match="No space left on device"):
        controller.start("make-room", controller.plan("make-room"))
    assert (disk.parent / "ran").read_text() == "ran\n" * 2
    assert (disk / "filler").is_dir(), "what could not start did nothing"


def test_failed_declaration_leaves_nothing_that_looks_damaged(controller: IncidentController) -> None:
    disk = disk_of(controller)
    fill(disk)
    before = incidents(disk / "logs")
    with pytest.raises(Failed, match="The incident's folder cannot be made: No space left on device"):
        IncidentController.declare(load(disk / "runbook.yaml"), actor="bob@test")
    assert incidents(disk / "logs") == before


def test_once_all_of_it_is_used_up_a_start_says_so_and_nothing_runs(controller: IncidentController) -> None:
    disk, starts = disk_of(controller), 0
    with pytest.raises(Failed, match=r"Nothing ran\. Make room .* in |Nothing ran; see ") as failed:  # noqa: PT012
        while starts <= SPACE // PIECE:
            fill(disk)
            controller.start("again", controller.plan("again"), reason="once more")
            starts += ended(controller, "again") is StepStatus.DONE
    assert "No space left on device" in str(failed.value)
    assert starts >= 3
    assert (disk.parent / "ran").read_text() == "ran\n" * starts
    assert "nothing is left, so make room before the next step" in given(controller)[-1]
    assert sum(attempt.outcome == "done" for attempt in controller.incident.step("again").attempts) == starts
    assert verify(controller.folder.journal).ok


def test_reserve_made_half_way_is_completed_and_released_whole(tmp_path: Path) -> None:
    spare, folder = StartReserve(tmp_path), tmp_path / "spare"
    spare.keep()
    whole = sorted(path.name for path in folder.iterdir())
    for name in whole:
        (folder / name).unlink()
        spare.keep()
        assert sorted(path.name for path in folder.iterdir()) == whole
        assert (folder / "room").stat().st_size == SPACE
    assert spare.release() is None, "there is room"
    for name in whole[: FILES_A_START + 1]:
        (folder / name).unlink()
    spare.drop()
    spare.drop()
    assert not folder.exists()
