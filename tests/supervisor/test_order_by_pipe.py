"""Who can write the attempt's folder can neither choose what runs nor where the step's report goes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from midwatch.incident.events import StepOutcome
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.step_outputs import read_values
from tests.supervisor.supervised import Step
from tests.support.users import MALLORY, ONCALL, needs_root, run_as
from tests.support.waiting import wait_for

pytestmark = needs_root


@pytest.fixture
def shared(reachable: Path) -> Step:
    """An attempt in a folder that the group shares."""
    parent = reachable / "steps"
    parent.mkdir()
    os.chown(parent, 0, ONCALL)
    parent.chmod(0o2770)
    return Step(parent / "attempt")


def test_order_exchanged_in_the_folder_is_not_what_runs(
    shared: Step, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from midwatch.supervisor import launch

    forged = LaunchSpec(("touch", str(tmp_path / "forged")), "/", {}, 60)
    stored = launch.write_order

    def stored_and_exchanged(folder: object, record: Mapping[str, Any]) -> None:
        stored(shared.folder, record)
        run_as(MALLORY, lambda: exchange(shared.folder.launch_spec, json.dumps(forged.to_json())), gid=ONCALL)

    monkeypatch.setattr(launch, "write_order", stored_and_exchanged)
    shared.start("echo genuine")
    assert shared.result().outcome is StepOutcome.DONE
    assert shared.output == b"genuine\n"
    assert not (tmp_path / "forged").exists()


def exchange(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


def test_step_reports_where_nobody_can_put_a_link(shared: Step, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    go = tmp_path / "go"
    shared.start(
        f'echo begun; until [ -e {go} ]; do sleep 0.02; done; echo "found=7" >> "$STEP_OUTPUT"; echo "$STEP_OUTPUT"'
    )
    shared.says("begun")
    run_as(MALLORY, lambda: shared.folder.values.symlink_to(victim), gid=ONCALL)
    go.touch()
    assert shared.result().outcome is StepOutcome.DONE
    assert victim.read_text() == "precious"
    assert read_values(shared.folder) == {"found": "7"}
    assert not Path(shared.output.decode().split()[-1]).parent.exists()


def test_step_that_a_member_cannot_name_is_still_ended_by_cancel(shared: Step) -> None:
    from midwatch.supervisor.status import cancel

    shared.start("echo begun; sleep 600")
    shared.says("begun")
    assert cancel(shared.folder)
    assert shared.result().outcome is StepOutcome.CANCELLED


def test_step_left_unwatched_in_a_shared_folder_is_known_by_its_environment_and_ended(shared: Step) -> None:
    from midwatch.supervisor.status import Lost, cancel, inspect_attempt

    supervisor = shared.start("echo begun; sleep 600")
    shared.says("begun")
    os.kill(supervisor.pid, 9)
    wait_for(lambda: isinstance(inspect_attempt(shared.folder), Lost))
    found = inspect_attempt(shared.folder)
    assert isinstance(found, Lost)
    assert found.step is not None
    step = found.step
    assert cancel(shared.folder)
    wait_for(lambda: not step.alive)
