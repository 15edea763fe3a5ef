"""What was masked is counted by the name of the secret: in the result, the journal, the timeline and `midwatch
show`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from midwatch.api.plan import Effect, Plan, Verb
from midwatch.api.probe import Level, Reading, Row
from midwatch.engine.attempts import finished_body
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.event_redaction import masked, masked_plan, masked_reading, masked_words
from midwatch.incident.events import StepOutcome
from midwatch.incident.step_status import StepStatus
from midwatch.reports.timeline import timeline
from midwatch.runbook.model import Runbook
from midwatch.supervisor.result import SPACE, Result, result_bytes
from tests.support.steps import ended
from tui.cli import main

OLD = {"outcome": "done", "exit": 0, "seconds": 1.0, "ended": "2026-11-23T02:00:00.000000Z", "output_bytes": 3,
       "output_dropped": 0, "output_sha256": "ab", "masked": 2, "error": ""}  # fmt: skip


def test_secret_name_is_masked_from_the_step_to_the_exports(
    runbook: Runbook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARP_PASSWORD", "seen by ada")
    controller = IncidentController.declare(runbook, actor="ada@test")
    controller.mark_done("asked", values={"owner": "ada"})
    controller.start("look", controller.plan("look"))
    assert ended(controller, "look") is StepStatus.DONE
    controller.leave()
    folder = controller.attempt_folder("look")
    assert folder is not None
    assert json.loads(folder.result.read_bytes())["secrets"] == {"ARP_PASSWORD": 1}
    output = next(event.body["output"] for event in controller.events if event.kind == "step.finished")
    assert (output["masked"], output["secrets"], output["discovered"]) == (1, {"ARP_PASSWORD": 1}, [])
    assert ", secrets masked: ARP_PASSWORD (once)\n" in timeline(runbook, controller.events, controller.folder)
    assert main(["show"]) == 0
    assert "attempt 1: secrets masked: ARP_PASSWORD (once)\n" in capsys.readouterr().out


def test_free_words_of_a_plan_are_masked_and_consent_is_not() -> None:
    plan = Plan(
        "x",
        {},
        (Effect(Verb.KEEP, "a file", note="by correct-horse"),),
        (("query", "PASSWORD 'abc'"),),
        "at PASSWORD=abc",
    )
    shown = masked_plan(plan, {"ARP": "correct-horse"})
    assert shown.effects[0].note == "by [secret ARP]"
    assert shown.facts == (("query", "PASSWORD '[secret-shaped]'"),)
    assert shown.refusal == "at PASSWORD=[secret-shaped]"
    assert shown.digest == plan.digest


def test_panel_reading_with_a_secret_is_masked() -> None:
    row = Row("arp", "by correct-horse", Level.OK, 5.0, detail="PASSWORD=abc")
    shown = masked_reading(
        Reading("x", datetime(2026, 11, 23, tzinfo=UTC), (row,), "at correct-horse"), {"ARP": "correct-horse"}
    )
    assert shown.rows == (Row("arp", "by [secret ARP]", Level.OK, 5.0, detail="PASSWORD=[secret-shaped]"),)
    assert shown.error == "at [secret ARP]"


def test_result_from_before_there_were_names_is_read(runbook: Runbook, controller: IncidentController) -> None:
    result = Result.from_json(OLD)
    assert (result.masked, result.secrets, result.discovered) == (2, {}, ())
    body = finished_body(runbook.step("look"), 1, controller.folder.attempt("look", 1), result)
    assert body["output"]["masked"] == 2
    assert masked_words(body["output"]) == masked_words({"masked": 2}) == "secrets masked 2 times"


def test_masked_names_of_any_number_fit_the_reserve_for_the_result() -> None:
    counts = {f"key {n} {'☃' * 70}": n for n in range(1, 500)}
    stored = result_bytes(
        Result.from_json(OLD | {"masked": 124_750, "secrets": counts, "discovered": list(counts), "error": "☃" * 900})
    )
    assert len(stored) <= SPACE
    found = Result.from_json(json.loads(stored))
    assert found.secrets["key 499 " + "☃" * 70] == 499
    assert sum(found.secrets.values()) == found.masked, "those without room are counted together"
    assert found.discovered[-1] == "others"


def test_secret_under_any_name_of_a_person_or_step_is_masked() -> None:
    body = masked({"step": "PASSWORD=abc", "values": {"id": "PASSWORD=abc", "at": ["PASSWORD=abc"]}}, {})
    assert body == {
        "step": "PASSWORD=abc",
        "values": {"id": "PASSWORD=[secret-shaped]", "at": ["PASSWORD=[secret-shaped]"]},
    }


def test_value_that_is_named_like_a_secret_is_masked_in_events_and_plans() -> None:
    body = masked({"env": {"API_TOKEN": "Tuesday", "PLACE": "here", "OTHER_TOKEN": "$X"}}, {})
    assert body == {"env": {"API_TOKEN": "[secret-shaped]", "PLACE": "here", "OTHER_TOKEN": "$X"}}
    shown = masked_plan(Plan("x", {}, (), (("API_TOKEN", "Tuesday"), ("place", "here"))), {"ARP": "Tuesday"})
    assert shown.facts == (("API_TOKEN", "[secret ARP]"), ("place", "here"))


@pytest.mark.parametrize("word", ["failed", "change", "boss...", "it broke"])
def test_password_that_is_a_word_of_ours_leaves_the_journal_readable(
    runbook: Runbook, monkeypatch: pytest.MonkeyPatch, here: Path, word: str
) -> None:
    monkeypatch.setenv("ARP_PASSWORD", word)
    (here / "fail").touch()
    controller = IncidentController.declare(runbook, actor="ada@test")
    controller.start("work", controller.plan("work"))
    assert ended(controller, "work") is StepStatus.FAILED
    controller.leave()
    last = IncidentController.observe(controller.folder).incident.step("work").last
    assert last is not None
    assert last.outcome is StepOutcome.FAILED
    assert ("[secret ARP_PASSWORD]" in last.summary) is (word == "it broke")
