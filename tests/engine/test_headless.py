"""The front end without a screen on a small incident: answers, refusals, exits, and going on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from actions.freeze import FreezeAction
from midwatch.engine import headless
from midwatch.engine.answers import Answers, load_answers
from midwatch.engine.execute import carry_out
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.state import Incident
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput, Exit
from tui.launch_headless import run_headless

ANSWERS = """\
actor: ada@test
default_manual: {note: done}
manual:
  asked: {note: mine, values: {owner: ada}}
confirm: {burn: burn}
"""


def write(here: Path, text: str) -> Path:
    file = here / "answers.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def run(controller: IncidentController, here: Path, runbook: Runbook, text: str = ANSWERS) -> tuple[Exit, list[str]]:
    said: list[str] = []
    return headless.run(controller, load_answers(write(here, text), runbook), said.append), said


def test_headless_run_goes_from_the_first_step_to_the_closed_incident(
    controller: IncidentController, here: Path, runbook: Runbook
) -> None:
    (here / "rubbish").mkdir()
    carry_out(FreezeAction(), controller.session.context())
    code, said = run(controller, here, runbook)
    assert code is Exit.DONE
    assert said[-2].startswith("The freeze of this incident is taken away: ")
    assert not controller.incident.open
    assert not (here / "rubbish").exists()
    assert "    seen by ada" in said
    assert any(line.startswith("met") for line in said)
    assert controller.head in said[-1]


def test_failing_step_stops_it_and_the_next_run_goes_on(
    controller: IncidentController, here: Path, runbook: Runbook
) -> None:
    (here / "fail").touch()
    code, said = run(controller, here, runbook)
    assert code is Exit.FAILED
    assert said[-1] == "Step 2.1 work failed, exit 7: its last line: “it broke”. Try again."
    (here / "fail").unlink()
    assert run(controller, here, runbook)[0] is Exit.FAILED  # nothing is run again unasked
    controller.start("work", controller.plan("work"))
    assert run(controller, here, runbook)[0] is Exit.DONE


def test_destroy_without_its_name_stops_it_untouched(
    controller: IncidentController, here: Path, runbook: Runbook
) -> None:
    (here / "rubbish").mkdir()
    with pytest.raises(BadInput, match="must confirm 'burn'"):
        run(controller, here, runbook, ANSWERS.replace("burn: burn", "burn: yes"))
    assert (here / "rubbish").exists()
    assert controller.incident.open


def test_missing_answer_stops_a_headless_run(controller: IncidentController, here: Path, runbook: Runbook) -> None:
    with pytest.raises(BadInput, match="asked"):
        run(controller, here, runbook, "actor: ada\n")
    with pytest.raises(BadInput, match="Who owns it"):
        run(controller, here, runbook, "default_manual: {note: done}\n")


def test_skip_needs_no_other_answer(controller: IncidentController, here: Path, runbook: Runbook) -> None:
    text = ANSWERS.replace("confirm: {burn: burn}", "confirm: {}\nskip: {look: nothing to see, burn: nothing to burn}")
    assert run(controller, here, runbook, text)[0] is Exit.DONE
    assert controller.incident.step("burn").reason == "nothing to burn"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("manual: {askd: {note: x}}", "answers.yaml:1:10", "'asked'"),
        ("manual: {look: {note: x}}", "answers.yaml:1:10", "not manual"),
        ("manual:\n  asked: {nots: x}", "answers.yaml:2:11", "'note'"),
        ("manual:\n  asked: {values: {ownr: x}}", "answers.yaml:2:20", "'owner'"),
        ("skip: {look: ''}", "answers.yaml:1:8", "line of text"),
        ("skip: [look]", "answers.yaml:1:7", "keys and values"),
        ("confrm: {burn: burn}", "answers.yaml:1:1", "'confirm'"),
        ("- actor", "answers.yaml:1:1", "keys and values"),
        *((text, "answers.yaml:1:", f"'{'x' * 39}…'") for text in (f"{'x' * 900}: y", f"skip: {{{'x' * 900}: y}}")),
        (f"wait_for_approval: {'x' * 900}", "answers.yaml:1:", f"'{'x' * 39}…'"),
        ("a: [", "answers.yaml:", ""),
        ("a: &x [*x]", "answers.yaml:1:4", "aliases"),
        ("", "answers.yaml:1:1", "Begin with: default_manual: "),
        ("confirm: {asked: burn}\n", "1:11", "Step asked is manual: it asks for no name"),
    ],
)
def test_malformed_answers_file_is_one_sentence(here: Path, runbook: Runbook, text: str, where: str, what: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_answers(write(here, text), runbook)
    said = str(caught.value)
    assert where in said
    assert what in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ANSWERS.replace("confirm: {burn: burn}", ""), "must confirm 'burn'; it says nothing"),
        (ANSWERS.replace("burn: burn", "burn: rubbish"), "must confirm 'burn'; it says 'rubbish'"),
        (ANSWERS.replace("default_manual: {note: done}", ""), ""),
        (
            ANSWERS.replace("manual:\n  asked: {note: mine, values: {owner: ada}}", ""),
            "Take ownership asks: Who owns it",
        ),
        ("manual: {asked: {values: {owner: ada}}, apologise: {values: {}}}", "must confirm"),
        ("default_manual: {values: {boss: x}}", "does not ask for boss"),
    ],
)
def test_answers_that_are_wrong_or_missing_are_found_before_anything_is_declared(
    here: Path, runbook: Runbook, text: str, sentence: str
) -> None:
    file = write(here, text)
    if not sentence:  # only a conditional step is left without an answer
        load_answers(file, runbook).require_complete(runbook, Incident())
        return
    with pytest.raises(BadInput, match=sentence):
        run_headless(runbook, file, folder=None, export=None, inputs={})
    assert not (here / "logs").exists()


def test_answers_to_steps_that_are_skipped_or_concluded_may_be_missing(
    controller: IncidentController, here: Path, runbook: Runbook
) -> None:
    controller.mark_done("asked", values={"owner": "ada"})
    answers = load_answers(write(here, "skip: {burn: nothing to burn}"), runbook)
    answers.require_complete(runbook, controller.incident)
    with pytest.raises(BadInput, match="no answer to the manual step asked"):
        answers.require_complete(runbook, Incident())


def test_answers_of_the_drill_are_complete() -> None:
    runbook = load(Path(__file__).parents[2] / "runbook.yaml")
    load_answers(Path(__file__).parents[2] / "drill" / "answers.yaml", runbook).require_complete(runbook, Incident())


@pytest.mark.slow
def test_process_that_a_step_left_behind_is_said_to_have_been_ended(here: Path) -> None:
    head = "midwatch: 1\ntitle: Left\nseverity: SEV-2\nphases:\n  - title: Work\n    steps:\n"
    step = "      - {id: left, title: Leave something, run: 'sleep 300 & echo begun; cd /nowhere', risk: observe}\n"
    (here / "runbook.yaml").write_text(head + step, encoding="utf-8")
    runbook = load(here / "runbook.yaml")
    code, said = run(IncidentController.declare(runbook, actor="ada@test"), here, runbook, "actor: ada@test\n")
    assert code is Exit.FAILED
    last = said[-1]
    assert "line 1 ended it: cd /nowhere" in last
    assert "left behind" in last
    assert "had to be ended" in last
    assert sum("begun" in line for line in said) == 1


@pytest.mark.parametrize("full", [False, True])
def test_flood_of_output_is_shortened_unless_all_of_it_is_wanted(here: Path, full: bool) -> None:
    head = "midwatch: 1\ntitle: Flood\nseverity: SEV-2\nphases:\n  - title: Work\n    steps:\n"
    (here / "runbook.yaml").write_text(f"{head}      - {{id: flood, title: Flood, run: seq 30000, risk: observe}}\n")
    controller, said = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test"), list[str]()
    folder = controller.folder.attempt("flood", 1)
    assert headless.run(controller, Answers("answers.yaml"), said.append, full_output=full) is Exit.DONE
    numbers = [int(line) for line in said if line.strip().isdigit()]
    if full:
        assert numbers == list(range(1, 30001))
        return
    assert numbers == [*range(1, 2001), *range(29981, 30001)]
    assert f"    (27,980 lines left out; all of them are in {folder.output})" in said
