"""The controller on real steps: what may run, what is journalled, and what becomes of it."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from midwatch.system.errors import Refused
from tests.support.steps import ended
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


def run(controller: IncidentController, step_id: str, **consent: str) -> StepStatus:
    controller.start(step_id, controller.plan(step_id), **consent)
    return ended(controller, step_id)


def kinds(controller: IncidentController, step_id: str) -> list[str]:
    return [str(event.kind) for event in controller.events if event.body.get("step") == step_id]


def test_step_leaves_its_whole_story(controller: IncidentController) -> None:
    controller.mark_done("asked", values={"owner": "ada"})
    assert run(controller, "look") is StepStatus.DONE
    assert kinds(controller, "look") == [
        EventKind.CONFIRMED,
        EventKind.READING,
        EventKind.STARTED,
        EventKind.FINISHED,
        EventKind.READING,
    ]
    state = controller.incident.step("look")
    assert state.last is not None
    assert state.values == {"found": "42"}
    assert state.last.seconds is not None
    assert set(state.last.before) == set(state.last.after) == {"disk"}
    folder = controller.attempt_folder("look")
    assert folder is not None
    assert b"seen by ada" in folder.output.read_bytes()


def test_journal_keeps_the_values_that_the_script_was_given(controller: IncidentController) -> None:
    controller.mark_done("asked", values={"owner": "ada's deputy"})
    assert run(controller, "look") is StepStatus.DONE
    written = f"""export WHO={shlex.quote("ada's deputy")}\necho "seen by $WHO"; echo "found=42" >> "$STEP_OUTPUT\""""
    assert [event.body["command"] for event in controller.events if event.kind == EventKind.STARTED] == [written]


def test_step_marked_done_notifies_the_roles_and_keeps_the_answers(controller: IncidentController) -> None:
    with pytest.raises(Refused, match="Who owns it"):
        controller.mark_done("asked")
    controller.mark_done("asked", values={"owner": "ada"}, note="taken over")
    assert controller.incident.value("asked", "owner") == "ada"
    assert [note.role for note in controller.incident.notes] == ["boss"]


def test_step_before_its_dependency_is_refused(controller: IncidentController) -> None:
    controller.skip("asked", "nobody there")
    controller.reopen("asked", "somebody came")
    plan = controller.plan("work")
    with pytest.raises(Refused, match=r"needs 1\.1 Take ownership"):
        controller.start("look", plan)


def test_failure_escalates_and_says_who_has_to_know(controller: IncidentController, here: Path) -> None:
    (here / "fail").touch()
    assert run(controller, "work") is StepStatus.FAILED
    last = controller.incident.step("work").last
    assert last is not None
    assert (last.exit, last.summary) == (7, "its last line: “it broke”")
    assert controller.incident.severity is Severity.SEV1
    assert controller.incident.to_notify == {"boss": "work failed"}
    assert controller.incident.status(controller.runbook.step("apologise")) is StepStatus.TODO
    controller.record_notification("boss", "it broke")
    assert controller.incident.to_notify == {}


def test_step_whose_condition_does_not_hold_is_passed_over(controller: IncidentController) -> None:
    assert run(controller, "work") is StepStatus.DONE
    assert controller.incident.status(controller.runbook.step("apologise")) is StepStatus.NOT_NEEDED


def test_destroy_step_needs_its_name_typed(controller: IncidentController, here: Path) -> None:
    (here / "rubbish").mkdir()
    plan = controller.plan("burn")
    before = len(controller.events)
    for typed in ("", "Burn", "burn "):
        with pytest.raises(Refused, match="cannot be brought back"):
            controller.start("burn", plan, typed=typed)
    assert len(controller.events) == before
    assert (here / "rubbish").exists()
    assert run(controller, "burn", typed="burn") is StepStatus.DONE
    assert not (here / "rubbish").exists()


def test_step_that_ended_runs_again_only_when_asked(controller: IncidentController, here: Path) -> None:
    (here / "hold").touch()
    plan = controller.plan("work")
    controller.start("work", plan)
    with pytest.raises(Refused, match="running"):
        controller.start("work", plan)
    (here / "hold").unlink()
    assert ended(controller, "work") is StepStatus.DONE
    with pytest.raises(Refused, match="is done"):
        controller.start("work", plan)
    assert run(controller, "work", reason="to be sure") is StepStatus.DONE
    assert (here / "ran").read_text() == "ran\nran\n"
    assert len(controller.incident.step("work").attempts) == 2


def test_running_step_when_cancelled_ends(controller: IncidentController, here: Path) -> None:
    (here / "hold").touch()
    controller.start("work", controller.plan("work"))
    controller.cancel("work")
    assert ended(controller, "work") is StepStatus.FAILED
    last = controller.incident.step("work").last
    assert last is not None
    assert last.outcome == "cancelled"
    assert controller.incident.severity is Severity.SEV2
    assert not (here / "ran").exists()
    with pytest.raises(Refused, match="not running"):
        controller.cancel("work")


def test_resumed_incident_is_the_same(controller: IncidentController, here: Path) -> None:
    (here / "hold").touch()
    controller.start("work", controller.plan("work"))
    controller.leave()
    with pytest.raises(Refused, match="only observes"):
        controller.note("too late")
    resumed = IncidentController.resume(controller.folder, actor="grace@test")
    try:
        assert resumed.incident.step("work").status is StepStatus.RUNNING
        assert resumed.incident.driver == "grace@test"
        (here / "hold").unlink()
        assert ended(resumed, "work") is StepStatus.DONE
        assert (here / "ran").read_text() == "ran\n"
    finally:
        resumed.leave()


def test_observer_of_a_driven_incident_may_not_write(controller: IncidentController) -> None:
    with pytest.raises(Refused, match="ada@test"):
        IncidentController.resume(controller.folder, actor="grace@test")
    observer = IncidentController.observe(controller.folder)
    assert observer.incident.driver == "ada@test"
    controller.skip("asked", "nobody there")
    wait_for(lambda: observer.poll() == ["asked"])
    assert observer.incident.step("asked").status is StepStatus.SKIPPED
    with pytest.raises(Refused, match="observes"):
        observer.mark_done("asked")


def test_closing_needs_criteria_or_a_reason(controller: IncidentController, here: Path) -> None:
    (here / "hold").touch()
    controller.start("work", controller.plan("work"))
    with pytest.raises(Refused, match="running"):
        controller.close()
    (here / "hold").unlink()
    ended(controller, "work")
    controller.close()
    assert not controller.incident.open
    assert controller.incident.criteria["disk-not-full"].met is True
    assert b"\0" not in controller.folder.journal.read_bytes()
    again = IncidentController.resume(controller.folder, actor="ada@test")
    with pytest.raises(Refused, match="closed"):
        again.skip("asked", "why not")
    again.leave()


def test_secret_in_a_note_is_masked(runbook: Runbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARP_PASSWORD", "correct-horse-battery")
    controller = IncidentController.declare(runbook, actor="ada@test")
    controller.note("the password is correct-horse-battery, do not tell")
    controller.leave()
    assert b"correct-horse" not in controller.folder.journal.read_bytes()
    assert "[secret ARP_PASSWORD]" in controller.incident.notes[0].text


def test_next_update_is_due_after_the_last(controller: IncidentController) -> None:
    def of_a_quarter_since(moment: datetime | None) -> bool:
        assert moment is not None
        assert controller.next_update_due is not None
        return abs(controller.next_update_due - moment - timedelta(minutes=15)) < timedelta(milliseconds=50)

    assert of_a_quarter_since(controller.incident.declared_at)
    controller.update("looking at it")
    assert of_a_quarter_since(controller.incident.last_update_at)
    told = controller.events[-1].body
    assert told["events"] == len(controller.events) - 1
    assert len(str(told["head"])) == 64
