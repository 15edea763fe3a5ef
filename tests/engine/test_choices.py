"""Choices that a command prints: read when the question is asked, checked when it is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine import headless
from midwatch.engine.answers import load_answers
from midwatch.engine.choices import MOST_CHOICES, with_choices
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.state import Incident
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.runbook.value_sources import Question
from midwatch.system.errors import BadInput, Exit, Refused
from tests.support.plain_lines import talking

RUNBOOK = """\
midwatch: 1
title: A host is down
severity: SEV-2
inputs:
  - {name: site, prompt: Which site?, kind: choice, options: {command: cat sites}, required: false}
phases:
  - title: Find
    steps:
      - id: pick
        title: Pick the host
        questions:
          - name: host
            prompt: Which host?
            kind: choice
            options: {command: "sort hosts; read -r line || true"}
      - id: item
        title: Pick what is bad on {{ item }}
        for_each: [web1, web2]
        questions:
          - name: what
            prompt: What?
            kind: choice
            options:
              env: {ITEM: {from: item}, PICKED: {from: pick.host}, SITE: {from: inputs.site}, WORD: no}
              command: echo "$ITEM:$PICKED:$SITE:$WORD"
"""


@pytest.fixture(autouse=True)
def _hosts(here: Path) -> None:
    (here / "hosts").write_text("web2\nweb1\n\nweb1\n")
    (here / "sites").write_text("north\nsouth\n")


def choices(runbook: Runbook, command: str) -> Question:
    (found,) = with_choices([Question("host", "Which?", "choice", options_command=command)], runbook, Incident())
    return found


def test_lines_of_the_output_are_the_choices_and_other_answers_are_refused(
    controller: IncidentController, here: Path
) -> None:
    (question,) = controller.questions("pick")
    assert question.options == ("web1", "web2")
    with pytest.raises(Refused, match="takes web1 or web2, not 'web3'"):
        controller.mark_done("pick", values={"host": "web3"})
    (here / "hosts").write_text("web3\n")
    controller.mark_done("pick", values={"host": "web3"})
    assert controller.incident.value("pick", "host") == "web3"


def test_script_of_choices_gets_values_as_variables(controller: IncidentController) -> None:
    (question,) = controller.questions("item[web1]")
    assert "PICKED comes from pick.host, which is not known yet. Type the answer.)" in question.prompt
    controller.mark_done("pick", values={"host": "web2"})
    (question,) = controller.questions("item[web1]")
    assert question.options == ("web1:web2::no",)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo 'no cluster' >&2; exit 5", "exit 5: no cluster"),
        ("true", "it printed none"),
        (f"seq {MOST_CHOICES + 1}", "it printed 101, and 100 are the most"),
        ("printf 'a\\033[31mb\\n'", "without control characters"),
        ("no-such-program", "exit 127"),
    ],
)
def test_command_that_fails_says_why_and_the_answer_is_typed(runbook: Runbook, command: str, why: str) -> None:
    question = choices(runbook, command)
    assert (question.kind, question.options) == ("line", ())
    assert why in question.prompt
    assert question.prompt.endswith("Type the answer.)")


def test_answer_is_taken_as_typed_while_the_command_fails(controller: IncidentController, here: Path) -> None:
    (here / "hosts").unlink()
    controller.mark_done("pick", values={"host": "web9"})
    assert controller.incident.value("pick", "host") == "web9"


def test_input_is_checked_against_its_command_when_the_incident_is_declared(runbook: Runbook) -> None:
    with pytest.raises(BadInput, match="The input 'site' takes north or south, not 'east'"):
        IncidentController.declare(runbook, actor="ada@test", inputs={"site": "east"})
    declared = IncidentController.declare(runbook, actor="ada@test", inputs={"site": "south"})
    assert declared.incident.inputs == {"site": "south"}
    declared.leave()


def test_headless_checks_the_answers_file_against_the_choices(controller: IncidentController, here: Path) -> None:
    def run(host: str) -> Exit:
        (here / "answers.yaml").write_text(
            f"manual: {{pick: {{values: {{host: {host}}}}}}}\nskip: {{item: not tonight}}\n"
        )
        return headless.run(controller, load_answers(here / "answers.yaml", controller.runbook), lambda line: None)

    with pytest.raises(BadInput, match="takes web1 or web2, not 'web7'"):
        run("web7")
    assert run("web2") is Exit.DONE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{}", "needs the key 'command'"),
        ("{command: ''}", "This text is empty"),
        ("{command: x, env: y}", "This takes a table of variables"),
        ("{command: x, env: {A: {from: inputs.site}}}", "No value is known when the incident is declared"),
        ("{command: x, env: {PATH: y}}", "PATH is not for a runbook to set"),
        ("x", "This takes a list"),
    ],
)
def test_command_for_options_that_fails_says_why(here: Path, options: str, said: str) -> None:
    (here / "r.yaml").write_text(RUNBOOK.replace("{command: cat sites}", options))
    with pytest.raises(BadInput) as caught:
        load(here / "r.yaml", environment={})
    assert said in str(caught.value)


@pytest.mark.slow
def test_plain_lines_ask_with_the_choices(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    with talking(here, "--plain") as talk:
        talk.declare()
        talk.answer("Which site? north or south (may stay empty):", "north")
        talk.word("")
        talk.answer("Is it done?", "y")
        talk.until("Reading the choices of host: sort hosts")
        talk.answer("Which host? web1 or web2:", "web5")
        talk.answer("Which host? web1 or web2:", "web2")
        talk.answer("A note", "")
        talk.until("1.1 Pick the host: done")
