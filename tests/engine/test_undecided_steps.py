"""A condition that cannot be evaluated is neither true nor false: a person decides, and the record says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.conditions import Verdict
from midwatch.incident.events import StepOutcome
from midwatch.incident.step_status import StepStatus
from midwatch.reports.handoff_summary import as_lines, handoff_summary
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import RunbookErrors, load
from midwatch.system.errors import Exit, Refused
from tests.support.steps import ended
from tests.support.undecided_incident import RUNBOOK

pytestmark = pytest.mark.slow


def run_step(controller: IncidentController, step_id: str, **more: str) -> StepStatus:
    controller.start(step_id, controller.plan(step_id), **more)
    return ended(controller, step_id)


def statuses(controller: IncidentController) -> list[str]:
    return [controller.incident.status(step).value for step in controller.runbook.steps()]


def headless_run(
    controller: IncidentController, here: Path, answers: str, *, retry: bool = False
) -> tuple[Exit, list[str]]:
    (here / "answers.yaml").write_text(answers, encoding="utf-8")
    said: list[str] = []
    return headless.run(
        controller, load_answers(here / "answers.yaml", controller.runbook), said.append, retry=retry
    ), said


def test_condition_of_a_step_that_was_skipped_is_undecided_and_next(controller: IncidentController, here: Path) -> None:
    (here / "fail").touch()
    assert run_step(controller, "look") is StepStatus.FAILED
    assert statuses(controller)[1:3] == ["not needed", "not needed"]
    rollback = controller.runbook.step("rollback")
    assert controller.incident.condition(rollback).verdict is Verdict.PENDING
    controller.skip("look", "the host is gone")
    assert statuses(controller) == ["skipped", "undecided", "undecided", "not needed"]
    assert controller.incident.next_step(controller.runbook) == rollback
    assert controller.incident.condition(rollback).reason == (
        "look.urgent is not known: look is skipped and did not report urgent"
    )
    assert controller.incident.tally(controller.runbook.steps()).words == "1 skipped, 2 undecided"


def test_undecided_step_runs_with_a_reason_only(controller: IncidentController, here: Path) -> None:
    controller.skip("look", "the host is gone")
    plan = controller.plan("rollback")
    with pytest.raises(Refused, match=r"is undecided: look\.urgent is not known"):
        controller.start("rollback", plan)
    controller.start("rollback", plan, reason="the lead wants it")
    assert ended(controller, "rollback") is StepStatus.DONE
    assert (here / "rolled-back").exists()
    with pytest.raises(Refused, match="is undecided"):
        controller.mark_done("inform")
    controller.mark_done("inform", note="called her anyway")
    assert controller.incident.next_step(controller.runbook) is None


def test_person_decides_that_an_undecided_step_is_needed(controller: IncidentController) -> None:
    controller.skip("look", "the host is gone")
    controller.reopen("inform", "better safe")
    assert statuses(controller)[1:3] == ["undecided", "to do"]
    controller.skip("inform", "she knows it")
    assert statuses(controller)[2] == "skipped"


def test_step_that_is_not_needed_can_be_done_all_the_same(controller: IncidentController, here: Path) -> None:
    (here / "calm").touch()
    assert run_step(controller, "look") is StepStatus.DONE
    assert statuses(controller) == ["done", "not needed", "not needed", "not needed"]
    with pytest.raises(Refused, match="is not needed"):
        controller.mark_done("inform")
    controller.reopen("inform", "she asked to be informed of everything")
    assert statuses(controller)[2] == "to do"
    controller.mark_done("inform")
    assert run_step(controller, "rollback", reason="a rehearsal") is StepStatus.DONE
    controller.skip("look", "only to see that decisions stay")
    assert statuses(controller)[1:3] == ["done", "done"]


def test_shell_step_without_its_declared_output_fails(controller: IncidentController) -> None:
    assert run_step(controller, "look") is StepStatus.FAILED
    last = controller.incident.step("look").last
    assert last is not None
    assert last.summary == "exit 0, but it did not report urgent in $STEP_OUTPUT"


def test_export_and_handover_name_what_was_undecided(controller: IncidentController) -> None:
    controller.skip("look", "the host is gone")
    lines = as_lines(handoff_summary(controller.runbook, controller.incident, controller.clock, None))
    assert "  1.2 Roll back: look.urgent is not known: look is skipped and did not report urgent" in lines
    controller.close(reason="the host was replaced")
    text = timeline(controller.runbook, controller.events, controller.folder)
    assert "Nobody decided whether it was needed: look.urgent is not known: look is skipped" in text.replace("\\", "")
    assert "Whether it was needed was never known: rollback is undecided" in text


def test_unknown_outcome_that_was_skipped_leaves_a_failure_condition_undecided(
    controller: IncidentController, here: Path
) -> None:
    controller.skip("look", "the host is gone")
    controller.start("rollback", controller.plan("rollback"), reason="try")
    ended(controller, "rollback")
    mourn = controller.runbook.step("mourn")
    assert controller.incident.condition(mourn).reason == "rollback did not fail"
    state = controller.incident.step("rollback")
    assert state.last is not None
    state.last.outcome, state.status = StepOutcome.UNKNOWN, StepStatus.SKIPPED
    assert replace(controller.incident).status(mourn) is StepStatus.UNDECIDED


def test_headless_run_stops_at_an_undecided_step_until_the_answers_decide(
    controller: IncidentController, here: Path
) -> None:
    skip = "default_manual: {note: done}\nskip: {look: the host is gone"
    code, said = headless_run(controller, here, skip + "}\n")
    assert code is Exit.UNKNOWN
    assert said[-1] == (
        "Step 1.2 rollback is undecided: look.urgent is not known: look is skipped and did not report urgent. "
        "The answers file has to say: override if needed, else skip"
    )
    decided = skip + ", inform: she knows}\noverride: {rollback: the lead wants it}\n"
    code, said = headless_run(controller, here, decided, retry=True)
    assert code is Exit.DONE
    assert (here / "rolled-back").exists()
    assert "    needed: the lead wants it" in said


def test_headless_resume_runs_a_failed_step_once_more(controller: IncidentController, here: Path) -> None:
    (here / "fail").touch()
    answers = "default_manual: {note: done}\n"
    assert headless_run(controller, here, answers)[0] is Exit.FAILED
    assert headless_run(controller, here, answers, retry=True)[0] is Exit.FAILED
    assert len(controller.incident.step("look").attempts) == 2
    (here / "fail").unlink()
    (here / "urgent").touch()
    code, said = headless_run(controller, here, answers, retry=True)
    assert code is Exit.DONE
    assert "1.1 Look whether it is urgent again" in said


def test_headless_resume_skips_a_failed_step_that_the_answers_skip(controller: IncidentController, here: Path) -> None:
    (here / "fail").touch()
    answers = "default_manual: {note: done}\n"
    assert headless_run(controller, here, answers)[0] is Exit.FAILED
    answers += "skip: {look: the host is gone, rollback: nothing to roll back, inform: she knows}\n"
    assert headless_run(controller, here, answers, retry=True)[0] is Exit.DONE
    assert statuses(controller)[:3] == ["skipped"] * 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("answer: look.urgent, is: \"yes\"}}\n      - {id: inform", "answer: look.urgnt, is: \"yes\"}}\n      - "
        "{id: inform",
         "Step 'look' does not declare the output 'urgnt'. Did you mean 'urgent'?"),
        ("        outputs: [urgent]\n", "",
         "Step 'look' does not declare the output 'urgent'. Add outputs: [urgent] to that step."),
        ("{failed: rollback}", "{answer: rollback.size, is: big}",
         "Step 'rollback' does not declare the output 'size'. Add outputs: [size] to that step."),
        ("outputs: [urgent]", "outputs: [9x]", "'9x' is not a name here"),
        ("title: Inform the lead, ", "title: Inform the lead, outputs: [x], ", "'outputs' belongs to a step "
        "with 'run'"),
    ],
)  # fmt: skip
def test_lint_finds_values_that_no_step_reports(here: Path, old: str, new: str, message: str) -> None:
    assert old in RUNBOOK
    (here / "runbook.yaml").write_text(RUNBOOK.replace(old, new), encoding="utf-8")
    with pytest.raises(RunbookErrors) as raised:
        load(here / "runbook.yaml")
    assert message in str(raised.value)


def test_lint_finds_values_that_an_action_does_not_report(here: Path) -> None:
    step = "      - {id: full, title: Full?, uses: disk, with: {path: .}}\n"
    use = "      - {id: more, title: More, when: {answer: full.percnt, is: '99'}}\n"
    (here / "runbook.yaml").write_text(RUNBOOK + step + use, encoding="utf-8")
    with pytest.raises(RunbookErrors, match=r"The action 'disk' does not report 'percnt'. Did you mean 'percent'"):
        load(here / "runbook.yaml")
