"""The disk is full: the step goes on, its result is written, and what could not be stored is counted. Real small
mounts."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.incident.events import StepOutcome
from midwatch.supervisor.step_outputs import read_values
from tests.supervisor.supervised import Step
from tests.support.filling import fill
from tests.support.mounting import run_or_skip
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


def _mount_tmpfs(at: Path) -> None:
    run_or_skip("mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=64", "midwatch-test", at)


def _mount_ext4(at: Path) -> None:
    image = at.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(8 * 1024 * 1024)
    run_or_skip("mkfs.ext4", "-q", "-m", "0", image)
    run_or_skip("mount", "-o", "loop", image, at)


NOTE = re.compile(rb"(\n\[midwatch: (\d+) bytes of output not stored here: the disk was full\]\n)")


@pytest.fixture(params=["tmpfs", "ext4"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    at = tmp_path / "small"
    at.mkdir()
    {"tmpfs": _mount_tmpfs, "ext4": _mount_ext4}[request.param](at)
    yield at
    ctypes.CDLL(None).umount2(str(at).encode(), 2)  # MNT_DETACH: also when a test left something running


def test_full_from_the_first_byte_of_output(small: Path, tmp_path: Path) -> None:
    step, go = Step(small / "attempt"), tmp_path / "go"
    step.start(f"while [ ! -e {go} ]; do sleep 0.05; done; seq 1 200000; echo survived > {tmp_path}/proof; exit 3")
    fill(small)
    go.touch()
    found = step.result()
    assert (found.outcome, found.exit) == (StepOutcome.FAILED, 3)
    assert (tmp_path / "proof").read_text() == "survived\n"
    whole = sum(len(f"{n}\n") for n in range(1, 200001))
    assert found.output_bytes == len(step.output)
    notes = sum(len(note) for note, _ in re.findall(NOTE, step.output))
    assert found.output_bytes - notes + found.output_dropped == whole


def test_room_again_in_the_middle(small: Path, tmp_path: Path) -> None:
    step = Step(small / "attempt")
    script = f"""
        wait_for() {{ while [ ! -e {tmp_path}/$1 ]; do sleep 0.05; done; }}
        echo first; wait_for full; seq 1 20000; touch {tmp_path}/lost; wait_for room; echo last
    """
    step.start(script)
    step.says("first\n")
    filler = fill(small)
    (tmp_path / "full").touch()
    wait_for((tmp_path / "lost").exists)
    filler.unlink()
    (tmp_path / "room").touch()
    found = step.result()
    assert found.outcome is StepOutcome.DONE
    assert step.output.startswith(b"first\n")
    assert step.output.endswith(b"last\n")
    notes = re.findall(NOTE, step.output)
    assert sum(int(count) for _, count in notes) == found.output_dropped > 0


def test_values_are_redacted_in_place_on_a_full_disk(small: Path, tmp_path: Path) -> None:
    step, go = Step(small / "attempt"), tmp_path / "go"
    secret = "hunter2-hunter2"
    step.start(
        f'echo "a={secret}" >> $STEP_OUTPUT; echo ready; while [ ! -e {go} ]; do sleep 0.05; done',
        secrets={"a rather long name": secret},
    )
    step.says("ready")
    fill(small)
    go.touch()
    assert step.result().outcome is StepOutcome.DONE
    assert read_values(step.folder) == {"a": "[secret a rather long name]"}
    assert secret.encode() not in step.folder.values.read_bytes()


def test_disk_that_is_full_before_the_start_is_said(small: Path) -> None:
    from midwatch.supervisor.status import Result, inspect_attempt
    from midwatch.system.errors import Failed

    step = Step(small / "attempt")
    step.folder.path.mkdir()
    fill(small)
    with pytest.raises(Failed, match=r"No space left on device"):
        step.start("echo never")
    assert not isinstance(inspect_attempt(step.folder), Result)
