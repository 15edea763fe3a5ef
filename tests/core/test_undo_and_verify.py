"""What a step did is taken back, and what nobody saw the end of is looked up, with the real `freeze` action."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.conductor import Conductor
from midwatch.errors import Refused
from midwatch.export.timeline import timeline
from midwatch.incident.events import Kind
from midwatch.incident.fold import fold
from midwatch.incident.state import StepStatus
from midwatch.journal.verify import verify
from midwatch.runbook.loader import load
from midwatch.runbook.model import Severity
from midwatch.supervisor import watch
from tests.core.conftest import ended, wait_for

RUNBOOK = """\
midwatch: 1
id: frozen
title: Something to freeze
severity: SEV-2
locations: {freeze: freeze.json}
phases:
  - title: Freeze
    section: "1"
    steps:
      - {id: freeze, title: Freeze deployments, uses: freeze, with: {mode: "on"}, risk: change,
            on_failure: {raise_severity: SEV-0}}
      - {id: shell, title: Do the work, run: echo done, risk: change}
      - {id: status, title: Look at the freeze, uses: freeze-status, risk: observe}
"""


@pytest.fixture
def conductor(here: Path) -> Iterator[Conductor]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    conductor = Conductor.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield conductor
    conductor.leave()


def run(conductor: Conductor, step_id: str, *, undo: bool = False, reason: str = "") -> StepStatus:
    conductor.start(step_id, conductor.plan(step_id, undo=undo), undo=undo, reason=reason)
    return ended(conductor, step_id)


def lose_the_freeze(conductor: Conductor, file: Path) -> None:
    """Confirm the freeze and have it hang on reading its file; then the machine's killer takes it, supervisor and all."""
    plan = conductor.plan("freeze")
    os.mkfifo(file)
    conductor.start("freeze", plan)
    attempt = conductor.incident.step("freeze").last
    assert attempt is not None
    writers: list[int] = []

    def hangs() -> bool:
        with contextlib.suppress(OSError):  # nobody reads yet
            writers.append(os.open(file, os.O_WRONLY | os.O_NONBLOCK))
        return bool(writers)

    wait_for(hangs)
    os.kill(int(attempt.supervisor["pid"]), signal.SIGKILL)
    wait_for(lambda: conductor.poll() and not conductor.incident.running())
    for call in (lambda: conductor.verify("freeze"), lambda: conductor.start("freeze", plan, reason="again")):
        with pytest.raises(Refused, match="still runs as process"):
            call()
    conductor.cancel("freeze")
    folder = conductor.attempt_folder("freeze")
    assert folder is not None
    wait_for(lambda: not watch.cancel(folder))
    os.close(writers[0])
    file.unlink()
    assert conductor.incident.step("freeze").status is StepStatus.UNKNOWN


def test_an_undo_takes_back_what_the_step_did_and_the_step_is_to_do_again(conductor: Conductor, here: Path) -> None:
    file = here / "freeze.json"
    assert run(conductor, "freeze") is StepStatus.DONE
    assert conductor.incident.value("freeze", "frozen") == "yes"
    assert file.exists()
    assert run(conductor, "freeze", undo=True, reason="froze the wrong one") is StepStatus.TODO
    assert not file.exists()
    state = conductor.incident.step("freeze")
    assert [attempt.undoes for attempt in state.attempts] == [None, 1]
    assert state.values == {}
    assert state.attempts[1].command == "midwatch action freeze --mode off"
    assert conductor.incident.next_step(conductor.runbook) == conductor.runbook.step("freeze")
    assert run(conductor, "freeze") is StepStatus.DONE
    assert "takes back attempt 1" in timeline(conductor.runbook, conductor.events, conductor.folder)
    assert fold(conductor.events).step("freeze").status is StepStatus.DONE
    assert verify(conductor.folder.journal).ok


def test_an_undo_that_fails_leaves_the_step_as_it_was_and_escalates_nothing(conductor: Conductor, here: Path) -> None:
    file = here / "freeze.json"
    assert run(conductor, "freeze") is StepStatus.DONE
    plan = conductor.plan("freeze", undo=True)
    file.unlink()
    file.mkdir()  # what cannot be removed like a file
    conductor.start("freeze", plan, undo=True, reason="wrong one")
    assert ended(conductor, "freeze") is StepStatus.DONE
    assert conductor.incident.severity is Severity.SEV2
    file.rmdir()


def test_what_cannot_be_taken_back_says_so(conductor: Conductor) -> None:
    with pytest.raises(Refused, match="has no undo"):
        conductor.plan("shell", undo=True)
    plan = conductor.plan("freeze", undo=True)
    with pytest.raises(Refused, match="nothing to take back"):
        conductor.start("freeze", plan, undo=True, reason="why not")
    run(conductor, "freeze")
    with pytest.raises(Refused, match="A reason is missing"):
        conductor.start("freeze", conductor.plan("freeze", undo=True), undo=True)


def test_a_lost_step_that_took_no_effect_is_found_so_and_may_run_again(conductor: Conductor, here: Path) -> None:
    lose_the_freeze(conductor, here / "freeze.json")
    assert conductor.verify("freeze") is False
    assert conductor.incident.step("freeze").status is StepStatus.FAILED
    assert run(conductor, "freeze") is StepStatus.DONE, str(conductor.incident.step("freeze").last)[-400:]


def test_a_lost_step_that_took_effect_is_done(conductor: Conductor, here: Path) -> None:
    lose_the_freeze(conductor, here / "freeze.json")
    midwatch = Path(sys.executable).with_name("midwatch")
    subprocess.run(
        [midwatch, "action", "freeze", "--mode", "on", "--yes"], cwd=here, check=True, capture_output=True, timeout=60
    )
    assert conductor.verify("freeze") is True
    state = conductor.incident.step("freeze")
    assert state.status is StepStatus.DONE
    assert "frozen" in state.reason
    assert len(state.attempts) == 1


def test_what_cannot_be_told_stays_unknown(conductor: Conductor, here: Path) -> None:
    lose_the_freeze(conductor, here / "freeze.json")
    (here / "freeze.json").write_text("rubbish")
    assert conductor.verify("freeze") is None
    assert conductor.incident.step("freeze").status is StepStatus.UNKNOWN
    assert conductor.events[-1].kind == Kind.OUTCOME_CHECKED
    (here / "freeze.json").unlink()


def test_only_the_unknown_is_verified(conductor: Conductor) -> None:
    with pytest.raises(Refused, match="to do"):
        conductor.verify("freeze")
