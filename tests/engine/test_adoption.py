"""A runbook that was edited in mid-incident: said on resume, and adopted by its difference with a reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from midwatch.engine.adoption import Difference
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.reports.timeline import timeline
from midwatch.system.errors import Refused
from tests.support.line_operator import Operator
from tests.support.program import midwatch
from tests.support.steps import ended
from tests.support.waiting import wait_for
from tui.plain.session import Session

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: edited
title: Edited
severity: SEV-2
phases:
  - title: Work
    steps:
      - {id: look, title: Look, run: echo looked, risk: observe}
      - {id: hold, title: Hold, run: "while [ ! -e go ]; do sleep 0.05; done", risk: observe}
      - {id: old, title: Old, run: echo old >> ran, risk: change, requires_approval: true}
      - {id: gone, title: Gone, run: "false", risk: observe}
"""
EDITED = RUNBOOK.replace("echo old", "echo new").replace("title: Look,", "title: Look,  ")
EDITED = "# one line more\n" + EDITED.replace("{id: gone, title: Gone", "{id: fresh, title: Fresh")


def run_step(controller: IncidentController, step_id: str) -> StepStatus:
    controller.start(step_id, controller.plan(step_id))
    return ended(controller, step_id)


def edit(here: Path, text: str = EDITED) -> None:
    (here / "runbook.yaml").write_text(text, encoding="utf-8")


def edited(controller: IncidentController) -> Difference:
    difference = controller.edited_source()
    assert difference is not None
    return difference


def test_adopting_goes_on_by_the_edited_runbook(controller: IncidentController, here: Path) -> None:
    observer = IncidentController.observe(controller.folder, actor="bob@test")
    assert run_step(controller, "look") is StepStatus.DONE
    assert run_step(controller, "gone") is StepStatus.FAILED
    controller.request_approval("old", controller.plan("old"))
    assert controller.edited_source() is None
    edit(here)
    difference = controller.edited_source()
    assert difference is not None
    assert (difference.added, difference.removed, difference.changed) == (("fresh",), ("gone",), ("old",))
    assert "+# one line more" in difference.text
    with pytest.raises(Refused):
        controller.adopt(difference, "")
    edit(here, EDITED.replace("echo new", "rm -rf /"))
    with pytest.raises(Refused, match="edited again since its difference was shown"):
        controller.adopt(difference, "the old way was wrong")
    edit(here)
    controller.adopt(difference, "the old way was wrong")
    assert [step.id for step in controller.runbook.steps()] == ["look", "hold", "old", "fresh"]
    assert controller.incident.status(controller.runbook.step("look")) is StepStatus.DONE
    assert controller.incident.approvals == {}
    assert "echo new" in controller.plan("old").parameters["script"]
    assert controller.edited_source() is None
    wait_for(lambda: observer.poll() is not None and "fresh" in observer.runbook.steps_by_id)
    assert (controller.folder.path / "runbook.yaml").read_text(encoding="utf-8") == EDITED
    controller.leave()

    again = IncidentController.resume(controller.folder, actor="ada@test")
    assert again.runbook.step("old").run == "echo new >> ran"
    again.leave()
    event = next(event for event in read(again.folder.journal) if event.kind == "runbook.adopted")
    assert event.body["runbook_sha256"] == hashlib.sha256(EDITED.encode()).hexdigest()
    written = timeline(again.runbook, again.events, again.folder)
    assert "**Adopted the edited runbook**: added fresh; removed gone; changed old" in written
    assert "the old way was wrong" in written
    assert midwatch("verify", cwd=here).returncode == 0


def test_running_step_that_was_changed_refuses_adoption(controller: IncidentController, here: Path) -> None:
    controller.start("hold", controller.plan("hold"))
    edit(here, EDITED.replace("sleep 0.05", "sleep 0.01"))
    with pytest.raises(Refused, match="Hold is running, and the edited runbook changes it"):
        controller.adopt(edited(controller), "it is better")
    edit(here)
    controller.adopt(edited(controller), "it is better")
    (here / "go").touch()
    assert ended(controller, "hold") is StepStatus.DONE


def test_driver_killed_between_event_and_copies_is_made_up_for(controller: IncidentController, here: Path) -> None:
    edit(here)
    controller.adopt(edited(controller), "it is better")
    controller.leave()
    folder = controller.folder  # as it stands after kill -9 right behind the event
    folder.runbook.rename(folder.staged(folder.runbook))
    folder.runbook.write_text(RUNBOOK, encoding="utf-8")
    again = IncidentController.resume(folder, actor="ada@test")
    assert "fresh" in again.runbook.steps_by_id
    again.leave()
    folder.runbook.write_text(RUNBOOK, encoding="utf-8")  # the journal's digest decides, not what lies there
    with pytest.raises(Refused, match=r"runbook\.yaml of the incident was changed"):
        IncidentController.resume(folder, actor="ada@test")


def test_command_shows_the_difference_and_adopts_with_a_reason(controller: IncidentController, here: Path) -> None:
    controller.leave()
    shown = midwatch("adopt", cwd=here).stdout.decode()
    assert "runbook.yaml is the runbook that" in shown
    edit(here)
    shown = midwatch("adopt", cwd=here).stdout.decode()
    assert "The runbook was edited since the declaration: added fresh; removed gone; changed old." in shown
    assert "+      - {id: fresh" in shown
    assert midwatch("adopt", "--reason", "", cwd=here).returncode != 0
    done = midwatch("adopt", "--reason", "the old way was wrong", cwd=here)
    assert done.returncode == 0, done.stderr
    assert "fresh" in midwatch("show", cwd=here).stdout.decode().lower()


def test_plain_lines_say_the_edit_and_adopt_it(controller: IncidentController, here: Path) -> None:
    edit(here)
    operator = Operator(["adopt the old way was wrong"])
    Session(controller, operator).run()
    said = "\n".join(operator.said)
    assert "edited since the declaration: added fresh; removed gone; changed old. The word adopt" in said
    assert "Adopted. What is done stays done" in said
    assert "fresh" in controller.runbook.steps_by_id


@pytest.mark.parametrize("how", ["gone", "others", "broken", "another"])
def test_source_that_cannot_be_used_is_no_edit_and_the_command_says_why(
    controller: IncidentController, here: Path, how: str
) -> None:
    controller.leave()
    file = here / "runbook.yaml"
    (here / "site.yaml").unlink(missing_ok=True)
    if how == "gone":
        file.unlink()
    elif how == "others":
        edit(here)
        file.chmod(0o666)
    else:
        edit(here, "midwatch: 1\n" if how == "broken" else EDITED.replace("id: edited", "id: other"))
    again = IncidentController.resume(controller.folder, actor="ada@test")
    assert again.edited_source() is None
    again.leave()
    done = midwatch("adopt", controller.folder.id, cwd=here)
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"midwatch: ")
