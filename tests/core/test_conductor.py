"""The conductor on real steps: what may run, what is journalled, and what becomes of it."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from midwatch.conductor import Conductor
from midwatch.errors import Refused
from midwatch.incident.events import Kind
from midwatch.incident.state import StepStatus
from midwatch.runbook.model import Runbook, Severity
from tests.core.conftest import ended, wait_for


def run(conductor: Conductor, step_id: str, **consent: str) -> StepStatus:
    conductor.start(step_id, conductor.plan(step_id), **consent)
    return ended(conductor, step_id)


def kinds(conductor: Conductor, step_id: str) -> list[str]:
    return [str(event.kind) for event in conductor.events if event.body.get("step") == step_id]


def test_a_step_leaves_its_whole_story(conductor: Conductor) -> None:
    conductor.tick("asked", values={"owner": "ada"})
    assert run(conductor, "look") is StepStatus.DONE
    assert kinds(conductor, "look") == [Kind.CONFIRMED, Kind.READING, Kind.STARTED, Kind.FINISHED, Kind.READING]
    state = conductor.incident.step("look")
    assert state.last is not None
    assert state.values == {"found": "42"}
    assert state.last.seconds is not None
    assert set(state.last.before) == set(state.last.after) == {"disk"}
    folder = conductor.attempt_folder("look")
    assert folder is not None
    assert b"seen by ada" in folder.output.read_bytes()


def test_the_journal_keeps_the_values_that_the_script_was_given(conductor: Conductor) -> None:
    conductor.tick("asked", values={"owner": "ada's deputy"})
    assert run(conductor, "look") is StepStatus.DONE
    written = f"""export WHO={shlex.quote("ada's deputy")}\necho "seen by $WHO"; echo "found=42" >> "$STEP_OUTPUT\""""
    assert [event.body["command"] for event in conductor.events if event.kind == Kind.STARTED] == [written]


def test_ticking_tells_the_roles_and_keeps_the_answers(conductor: Conductor) -> None:
    with pytest.raises(Refused, match="Who owns it"):
        conductor.tick("asked")
    conductor.tick("asked", values={"owner": "ada"}, note="taken over")
    assert conductor.incident.value("asked", "owner") == "ada"
    assert [note.role for note in conductor.incident.notes] == ["boss"]


def test_needs_come_first(conductor: Conductor) -> None:
    conductor.skip("asked", "nobody there")
    conductor.reopen("asked", "somebody came")
    plan = conductor.plan("work")
    with pytest.raises(Refused, match=r"needs 1\.1 Take ownership"):
        conductor.start("look", plan)


def test_a_failure_escalates_and_says_who_has_to_know(conductor: Conductor, here: Path) -> None:
    (here / "fail").touch()
    assert run(conductor, "work") is StepStatus.FAILED
    last = conductor.incident.step("work").last
    assert last is not None
    assert (last.exit, last.summary) == (7, "it broke")
    assert conductor.incident.severity is Severity.SEV1
    assert conductor.incident.to_tell == {"boss": "work failed"}
    assert conductor.incident.status(conductor.runbook.step("apologise")) is StepStatus.TODO
    conductor.told("boss", "it broke")
    assert conductor.incident.to_tell == {}


def test_what_is_not_needed_is_passed_over(conductor: Conductor) -> None:
    assert run(conductor, "work") is StepStatus.DONE
    assert conductor.incident.status(conductor.runbook.step("apologise")) is StepStatus.NOT_NEEDED


def test_a_destroy_needs_its_name_typed(conductor: Conductor, here: Path) -> None:
    (here / "rubbish").mkdir()
    plan = conductor.plan("burn")
    before = len(conductor.events)
    for typed in ("", "Burn", "burn "):
        with pytest.raises(Refused, match="cannot be brought back"):
            conductor.start("burn", plan, typed=typed)
    assert len(conductor.events) == before
    assert (here / "rubbish").exists()
    assert run(conductor, "burn", typed="burn") is StepStatus.DONE
    assert not (here / "rubbish").exists()


def test_nothing_runs_twice_unasked(conductor: Conductor, here: Path) -> None:
    (here / "hold").touch()
    plan = conductor.plan("work")
    conductor.start("work", plan)
    with pytest.raises(Refused, match="under way"):
        conductor.start("work", plan)
    (here / "hold").unlink()
    assert ended(conductor, "work") is StepStatus.DONE
    with pytest.raises(Refused, match="is done"):
        conductor.start("work", plan)
    assert run(conductor, "work", reason="to be sure") is StepStatus.DONE
    assert (here / "ran").read_text() == "ran\nran\n"
    assert len(conductor.incident.step("work").attempts) == 2


def test_cancel_ends_the_step(conductor: Conductor, here: Path) -> None:
    (here / "hold").touch()
    conductor.start("work", conductor.plan("work"))
    conductor.cancel("work")
    assert ended(conductor, "work") is StepStatus.FAILED
    last = conductor.incident.step("work").last
    assert last is not None
    assert last.outcome == "cancelled"
    assert conductor.incident.severity is Severity.SEV2
    assert not (here / "ran").exists()
    with pytest.raises(Refused, match="not under way"):
        conductor.cancel("work")


def test_a_resumed_incident_is_the_same(conductor: Conductor, here: Path) -> None:
    (here / "hold").touch()
    conductor.start("work", conductor.plan("work"))
    conductor.leave()
    with pytest.raises(Refused, match="only observes"):
        conductor.note("too late")
    resumed = Conductor.resume(conductor.folder, actor="grace@test")
    try:
        assert resumed.incident.step("work").status is StepStatus.RUNNING
        assert resumed.incident.driver == "grace@test"
        (here / "hold").unlink()
        assert ended(resumed, "work") is StepStatus.DONE
        assert (here / "ran").read_text() == "ran\n"
    finally:
        resumed.leave()


def test_one_driver_and_many_observers(conductor: Conductor) -> None:
    with pytest.raises(Refused, match="ada@test"):
        Conductor.resume(conductor.folder, actor="grace@test")
    observer = Conductor.observe(conductor.folder)
    assert observer.incident.driver == "ada@test"
    conductor.skip("asked", "nobody there")
    wait_for(lambda: observer.poll() == ["asked"])
    assert observer.incident.step("asked").status is StepStatus.SKIPPED
    with pytest.raises(Refused, match="observes"):
        observer.tick("asked")


def test_closing_needs_criteria_or_a_reason(conductor: Conductor, here: Path) -> None:
    (here / "hold").touch()
    conductor.start("work", conductor.plan("work"))
    with pytest.raises(Refused, match="under way"):
        conductor.close()
    (here / "hold").unlink()
    ended(conductor, "work")
    conductor.close()
    assert not conductor.incident.open
    assert conductor.incident.criteria["disk-not-full"].met is True
    assert b"\0" not in conductor.folder.journal.read_bytes()
    again = Conductor.resume(conductor.folder, actor="ada@test")
    with pytest.raises(Refused, match="closed"):
        again.skip("asked", "why not")
    again.leave()


def test_a_secret_in_a_note_is_masked(runbook: Runbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARP_PASSWORD", "correct-horse-battery")
    conductor = Conductor.declare(runbook, actor="ada@test")
    conductor.note("the password is correct-horse-battery, do not tell")
    conductor.leave()
    assert b"correct-horse" not in conductor.folder.journal.read_bytes()
    assert "[secret ARP_PASSWORD]" in conductor.incident.notes[0].text


def test_the_next_update_is_due_after_the_last(conductor: Conductor) -> None:
    def of_a_quarter_since(moment: datetime | None) -> bool:
        assert moment is not None
        assert conductor.next_update_due is not None
        return abs(conductor.next_update_due - moment - timedelta(minutes=15)) < timedelta(milliseconds=50)

    assert of_a_quarter_since(conductor.incident.declared_at)
    conductor.update("looking at it")
    assert of_a_quarter_since(conductor.incident.last_update_at)
    told = conductor.events[-1].body
    assert told["events"] == len(conductor.events) - 1
    assert len(str(told["head"])) == 64
