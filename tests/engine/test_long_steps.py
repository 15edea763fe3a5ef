"""Steps whose script, variables or plan are longer than an event of the journal or a word of a process."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from midwatch.api.plan import Effect, Plan, Verb
from midwatch.engine.attempts import confirmed_body, ended_without_result, shown_plan
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind, StepOutcome
from midwatch.incident.step_status import StepStatus
from midwatch.reports.timeline import timeline
from midwatch.system.errors import BadInput, Refused
from tests.support.steps import ended

EVENT, WORD = "e" * 70_000, "w" * 140_000
RUNBOOK = f"""\
midwatch: 1
id: long
title: Long steps
severity: SEV-2
phases:
  - title: All of it
    section: "1"
    steps:
      - {{id: event, title: A script longer than an event, risk: observe, run: "echo event >> ran\\n# {EVENT}"}}
      - {{id: word, title: A script longer than a word, risk: observe, run: "echo word >> ran\\n# {WORD}"}}
      - id: value
        title: A long variable
        risk: observe
        run: printenv LONG | tr -d "\\n" | wc -c >> ran
        env: {{LONG: {EVENT}}}
      - {{id: huge, title: A variable that no process takes, risk: observe, run: echo huge >> ran,
                env: {{LONG: {WORD}}}}}
      - {{id: short, title: A short one, risk: observe, run: echo short >> ran}}
"""


def test_long_scripts_and_variables_run_and_are_told_by_their_beginning_and_digest(
    controller: IncidentController, here: Path
) -> None:
    for step_id in ("event", "word", "value"):
        controller.start(step_id, controller.plan(step_id))
        assert ended(controller, step_id) is StepStatus.DONE
        last = controller.incident.step(step_id).last
        assert last is not None
        whole = json.loads(controller.folder.attempt(step_id, 1).plan.read_text())["parameters"]
        long = whole["$LONG" if step_id == "value" else "script"]
        assert last.digest == controller.plan(step_id).digest
        assert last.command.startswith("export LONG='eee" if step_id == "value" else f"echo {step_id} >> ran")
        assert f"SHA-256 {hashlib.sha256(long.encode()).hexdigest()}, in plan.json" in last.command
    assert (here / "ran").read_text().split() == ["event", "word", str(len(EVENT))]


def test_variable_that_no_process_takes_is_refused_in_the_plan(controller: IncidentController, here: Path) -> None:
    plan = controller.plan("huge")
    assert plan.refusal == "$LONG takes 140 kB, and a variable of a process takes 131 kB at most"
    with pytest.raises(Refused, match="a variable of a process"):
        controller.start("huge", plan)
    assert not (here / "ran").exists()


def test_start_whose_event_is_refused_leaves_nothing_being_started(controller: IncidentController) -> None:
    plan, events = controller.plan("short"), len(controller.events)
    with pytest.raises(BadInput, match=r"An event of kind step.confirmed would have"):
        controller.start("short", plan, reason="because it is full " * 4_000)
    handle = controller.session.handle
    assert handle is not None
    assert not handle.starting, "leaving would wait for it"
    assert len(controller.events) == events
    controller.start("short", plan)
    assert ended(controller, "short") is StepStatus.DONE


@pytest.mark.parametrize("text", ["x", "\u202e", "\U0001f680", "'"])
@pytest.mark.parametrize(("count", "length"), [(1, 500_000), (3_000, 30), (90, 4_000), (300, 4_000)])
def test_event_of_any_plan_has_room_for_its_text(text: str, count: int, length: int) -> None:
    effects = tuple(Effect(Verb.REMOVE, text * length, identity=str(number)) for number in range(count))
    facts = tuple((f"fact {number}", text * length) for number in range(count))
    plan = Plan("shell", {f"${number}": text * length for number in range(count)}, effects, facts)
    shown = shown_plan(plan)
    assert len(json.dumps(shown)) < 45_000
    assert shown["digest"] == plan.digest
    assert Plan.from_json(shown).action == "shell"
    assert "in plan.json" in json.dumps(shown["facts"]) or count == 1


def test_report_counts_the_effects_of_the_whole_plan_and_names_its_digest(controller: IncidentController) -> None:
    step, effects = controller.runbook.step("short"), [Effect(Verb.REMOVE, f"{n} {'x' * 500}") for n in range(3_000)]
    plan = Plan("shell", {"script": "rm"}, (*effects, Effect(Verb.KEEP, "one")))
    controller.session.append(EventKind.CONFIRMED, confirmed_body(step, 1, plan, "", {}, None))
    finished = ended_without_result(step, 1, StepOutcome.FAILED, "it broke")
    controller.session.append(EventKind.FINISHED, finished)
    report = timeline(controller.runbook, controller.events, controller.folder)
    assert f"Confirmed: 3000 effects, plan `{plan.digest[:16]}`" in report
