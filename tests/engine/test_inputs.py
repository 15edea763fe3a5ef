"""What is given when an incident is declared: known to every step, in the journal, and inert whatever it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import find
from midwatch.incident.events import Event, EventKind
from midwatch.incident.reducer import reduce
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.reports.event_text import lines_below
from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput, Refused
from tests.support.steps import ended
from tui.cli import main

RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
targets:
  db: {kind: local, host: localhost, database: app}
inputs:
  - {name: ticket, prompt: Which ticket?}
  - {name: when, prompt: Since when?, kind: text, required: false}
  - {name: below, prompt: How much may be used?, kind: choice, options: [100 %, 99 %], default: 100 %}
  - {name: loss, prompt: Was data lost?, kind: yes-no, default: "no"}
phases:
  - title: Look
    steps:
      - id: look
        title: Look around
        run: printf '%s|%s' "$TICKET" "$SINCE" > seen
        env: {TICKET: {from: inputs.ticket}, SINCE: {from: inputs.when}}
        risk: observe
      - {id: room, title: Room, uses: disk, with: {path: ., below: {from: inputs.below}}}
      - {id: say, title: Say, questions: [{name: how, prompt: How?, kind: choice, options: [loud, soft],
                default: soft}]}
      - {id: mourn, title: Mourn, when: {answer: inputs.loss, is: yes}}
"""
HOSTILE = [
    "$(touch owned) `touch owned`; touch owned #",
    "'; touch owned; '",
    '"; touch owned; "',
    "${IFS}$PATH %s %n \\n \\x1b[2J",
    "--confirmed=x -rf /",
    "\u202egnp.exe \u2028 [/bold] {from: look.x}",
    "x" * 4_000,
]


@pytest.fixture
def declared(runbook: Runbook) -> Iterator[IncidentController]:
    controller = IncidentController.declare(runbook, actor="ada@test", inputs={"ticket": "OPS-1"})
    yield controller
    controller.leave()


def test_step_with_inputs_can_be_planned_before_any_has_run(declared: IncidentController) -> None:
    plan = declared.plan("look")
    assert plan.facts[1:] == (("$TICKET", "OPS-1"), ("$SINCE", "(empty)"))
    assert declared.plan("room").parameters["below"] == "100 %"
    mourn = declared.runbook.step("mourn")
    assert declared.incident.status(mourn) is StepStatus.NOT_NEEDED


def test_manual_step_asks_in_the_same_way(declared: IncidentController) -> None:
    for answer, sentence in (("hard", r"How\? takes loud or soft, not 'hard'"), ("", r"Say asks: How\?")):
        with pytest.raises(Refused, match=sentence):
            declared.mark_done("say", values={"how": answer})
    declared.mark_done("say")
    assert declared.incident.value("say", "how") == "soft"
    declared.reopen("say", "again")
    declared.mark_done("say", values={"how": " loud\r\n"})
    assert declared.incident.value("say", "how") == "loud"


def test_inputs_stay_in_the_journal(declared: IncidentController) -> None:
    values = {"ticket": "OPS-1", "below": "100 %", "loss": "no"}
    first = read(declared.folder.journal)[0]
    assert (first.kind, first.body["inputs"]) == (EventKind.DECLARED, values)
    declared.leave()
    again = IncidentController.resume(declared.folder, actor="bob@test")
    assert again.incident.inputs == values
    assert again.incident.value("inputs", "ticket") == "OPS-1"
    again.leave()
    assert IncidentController.observe(declared.folder).incident.inputs == values


def test_journal_from_before_there_were_any_is_read() -> None:
    body = {
        "id": "INC-1",
        "title": "T",
        "severity": "SEV-1",
        "runbook": "r",
        "runbook_sha256": "0",
        "base": "/",
        "host": "h",
    }
    incident = reduce([Event(1, datetime(2026, 11, 23, tzinfo=UTC), 0.0, "b", "ada", EventKind.DECLARED, body)])
    assert incident.inputs == {}
    assert incident.value("inputs", "ticket") is None


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_input_with_shell_syntax_is_never_a_command(runbook: Runbook, here: Path, value: str) -> None:
    controller = IncidentController.declare(
        runbook, actor="ada@test", inputs={"ticket": value, "when": f"{value}\n{value}"}
    )
    controller.start("look", controller.plan("look"))
    assert ended(controller, "look") is StepStatus.DONE
    controller.leave()
    assert not (here / "owned").exists()
    assert (here / "seen").read_text() == f"{value}|{value}\n{value}"


def test_secrets_that_are_known_are_masked(runbook: Runbook, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARP_PASSWORD", "correct-horse")
    inputs = {"ticket": "correct-horse", "when": "since PASSWORD=abc"}
    controller = IncidentController.declare(runbook, actor="ada@test", inputs=inputs)
    controller.leave()
    assert controller.incident.inputs["ticket"] == "[secret ARP_PASSWORD]"
    assert controller.incident.inputs["when"] == "since PASSWORD=[secret-shaped]"
    assert b"correct-horse" not in controller.folder.journal.read_bytes()


@pytest.mark.parametrize(
    "inputs", [{}, {"ticket": " "}, {"ticket": "x", "tiket": "y"}, {"ticket": "x", "loss": "maybe"}]
)
def test_missing_or_wrong_input_is_refused_before_anything_is_made(
    runbook: Runbook, here: Path, inputs: dict[str, str]
) -> None:
    with pytest.raises(BadInput):
        IncidentController.declare(runbook, actor="ada@test", inputs=inputs)
    assert not (here / "logs").exists()


def test_observer_that_comes_later_sees_the_inputs(
    declared: IncidentController, capsys: pytest.CaptureFixture[str]
) -> None:
    declared.offer_control("bob@there")
    assert declared.offer is not None
    assert list(declared.offer.summary).index("  Which ticket: OPS-1") > list(declared.offer.summary).index("Next")
    assert lines_below(declared.events[0], declared.runbook)[0] == "Which ticket: OPS-1"
    declared.leave()
    for command in ("show", "handoff"):
        assert main([command]) == 0
        assert "Which ticket: OPS-1\n" in capsys.readouterr().out
    assert main(["export", "--post-mortem"]) == 0
    assert "| Which ticket | OPS-1 |\n" in capsys.readouterr().out


def headless(here: Path, *more: str, answers: str = "") -> int:
    (here / "answers.yaml").write_text(f"actor: ada@test\ndefault_manual: {{note: done}}\n{answers}", encoding="utf-8")
    return main(["run", "runbook.yaml", "--headless", "--answers", "answers.yaml", *more])


def test_headless_inputs_come_from_the_answers_and_the_command_line(runbook: Runbook, here: Path) -> None:
    answers = "inputs: {ticket: OPS-2, when: yesterday, loss: yes}\n"
    assert headless(here, "--input", "ticket=OPS-3=x", "--input", "when=", answers=answers) == 0
    assert (here / "seen").read_text() == "OPS-3=x|"
    incident = reduce(read(find(here / "logs", "latest").journal))
    assert incident.inputs == {"ticket": "OPS-3=x", "below": "100 %", "loss": "yes"}
    assert incident.step("mourn").status is StepStatus.DONE


@pytest.mark.parametrize(
    ("more", "answers", "sentence"),
    [
        ([], "", "midwatch: The input 'ticket' was not given: Which ticket? Give it: --input ticket=VALUE."),
        (
            ["--input", "ticket"],
            "",
            "midwatch: --input takes NAME=VALUE, not 'ticket'. Such as --input ticket=OPS-4711.",
        ),
        (["--input", "ticket=a", "--input", "ticket=b"], "", "midwatch: --input gives 'ticket' twice. Give it once."),
        (["--input", "tiket=a"], "", "midwatch: runbook.yaml has no input 'tiket'. Did you mean 'ticket'?"),
        (
            [],
            "inputs: {tickt: x}",
            "midwatch: answers.yaml:3:10: runbook.yaml has no input 'tickt'. Did you mean 'ticket'?",
        ),
        (
            [],
            "inputs: {loss: maybe}",
            "midwatch: answers.yaml:3:16: The input 'loss' takes yes or no, not 'maybe'. Was data",
        ),
        ([], "inputs: x", "midwatch: answers.yaml:3:9: 'inputs' takes keys and values."),
    ],
)
def test_headless_refuses_in_one_sentence(
    runbook: Runbook, here: Path, capsys: pytest.CaptureFixture[str], more: list[str], answers: str, sentence: str
) -> None:
    assert headless(here, *more, answers=answers) == 2
    told = capsys.readouterr().err
    assert told.startswith(sentence)
    assert len(told.splitlines()) == 1
    assert not (here / "logs").exists()


def test_incident_that_is_declared_takes_no_more(
    declared: IncidentController, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared.leave()
    assert headless(here, "--resume", "--input", "ticket=OPS-9") == 2
    assert f"--input is for a new incident, and {declared.folder.id} was declared before." in capsys.readouterr().err
    assert headless(here, "--resume") == 0
    assert (here / "seen").read_text() == "OPS-1|"


def test_plan_uses_the_inputs(runbook: Runbook, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "runbook.yaml", "--input", "ticket=OPS-4", "--json"]) == 0
    shell, room = json.loads(capsys.readouterr().out)["steps"]
    assert ["$TICKET", "OPS-4"] in shell["plan"]["facts"]
    assert room["plan"]["parameters"]["below"] == "100 %"
    assert main(["plan", "runbook.yaml"]) == 0
    told = capsys.readouterr().out
    assert (
        "cannot be planned now: TICKET comes from inputs.ticket, which was not given. Give it: --input ticket=VALUE."
        in told
    )
    assert main(["plan", "runbook.yaml", "look"]) == 2
    assert main(["plan", "runbook.yaml", "--input", "loss=maybe"]) == 2
    assert "takes yes or no, not 'maybe'" in capsys.readouterr().err
    assert not (here / "logs").exists()
