"""What a step did is taken back, and what nobody saw the end of is looked up, with the real `freeze` action."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.reducer import reduce
from midwatch.incident.step_status import StepStatus
from midwatch.journal.verify import verify
from midwatch.reports.timeline import timeline
from midwatch.runbook.severity import Severity
from midwatch.system.errors import Refused
from tests.support.lost_freeze import lose_the_freeze
from tests.support.steps import ended

pytestmark = pytest.mark.slow

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


def run(controller: IncidentController, step_id: str, *, undo: bool = False, reason: str = "") -> StepStatus:
    controller.start(step_id, controller.plan(step_id, undo=undo), undo=undo, reason=reason)
    return ended(controller, step_id)


def test_undo_takes_back_what_the_step_did_and_the_step_is_to_do_again(
    controller: IncidentController, here: Path
) -> None:
    file = here / "freeze.json"
    assert run(controller, "freeze") is StepStatus.DONE
    assert controller.incident.value("freeze", "frozen") == "yes"
    assert file.exists()
    assert run(controller, "freeze", undo=True, reason="froze the wrong one") is StepStatus.TODO
    assert not file.exists()
    state = controller.incident.step("freeze")
    assert [attempt.undoes for attempt in state.attempts] == [None, 1]
    assert state.values == {}
    assert state.attempts[1].command == "midwatch action freeze --mode off"
    assert controller.incident.next_step(controller.runbook) == controller.runbook.step("freeze")
    assert run(controller, "freeze") is StepStatus.DONE
    assert "undoes attempt 1" in timeline(controller.runbook, controller.events, controller.folder)
    assert reduce(controller.events).step("freeze").status is StepStatus.DONE
    assert verify(controller.folder.journal).ok


def test_undo_that_fails_leaves_the_step_as_it_was_and_escalates_nothing(
    controller: IncidentController, here: Path
) -> None:
    file = here / "freeze.json"
    assert run(controller, "freeze") is StepStatus.DONE
    plan = controller.plan("freeze", undo=True)
    file.unlink()
    file.mkdir()  # what cannot be removed like a file
    controller.start("freeze", plan, undo=True, reason="wrong one")
    assert ended(controller, "freeze") is StepStatus.DONE
    assert controller.incident.severity is Severity.SEV2
    file.rmdir()


def test_step_without_undo_says_so(controller: IncidentController) -> None:
    with pytest.raises(Refused, match="has no undo"):
        controller.plan("shell", undo=True)
    plan = controller.plan("freeze", undo=True)
    with pytest.raises(Refused, match="nothing to undo"):
        controller.start("freeze", plan, undo=True, reason="why not")
    run(controller, "freeze")
    with pytest.raises(Refused, match="A reason is missing"):
        controller.start("freeze", controller.plan("freeze", undo=True), undo=True)


def test_lost_step_that_took_no_effect_is_found_so_and_may_run_again(
    controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_the_freeze(controller, here, monkeypatch)
    assert controller.check_outcome("freeze") is False
    assert controller.incident.step("freeze").status is StepStatus.FAILED
    assert run(controller, "freeze") is StepStatus.DONE, str(controller.incident.step("freeze").last)[-400:]


def test_lost_step_that_took_effect_is_done(
    controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_the_freeze(controller, here, monkeypatch)
    midwatch = Path(sys.executable).with_name("midwatch")
    subprocess.run(
        [midwatch, "action", "freeze", "--mode", "on", "--yes"], cwd=here, check=True, capture_output=True, timeout=60
    )
    assert controller.check_outcome("freeze") is True
    state = controller.incident.step("freeze")
    assert state.status is StepStatus.DONE
    assert "frozen" in state.reason
    assert len(state.attempts) == 1


def test_outcome_that_cannot_be_checked_stays_unknown(
    controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_the_freeze(controller, here, monkeypatch)
    (here / "freeze.json").write_text("rubbish")
    assert controller.check_outcome("freeze") is None
    assert controller.incident.step("freeze").status is StepStatus.UNKNOWN
    assert controller.events[-1].kind == EventKind.OUTCOME_CHECKED
    (here / "freeze.json").unlink()


def test_outcome_of_a_step_that_is_not_unknown_is_not_checked(controller: IncidentController) -> None:
    with pytest.raises(Refused, match="to do"):
        controller.check_outcome("freeze")
