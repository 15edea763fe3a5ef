"""What was consented to runs on the server, with the files and with the values that were shown, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from midwatch.api.plan import Plan
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.inspection import Standing, inspect
from midwatch.incident.events import EventKind
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.system.errors import Refused
from tests.support.pinned_site import declared, write_site
from tests.support.postgres import Server
from tests.support.program import MIDWATCH
from tests.support.steps import ended

pytestmark = pytest.mark.postgres


def confirmed(controller: IncidentController, step: str) -> int:
    return sum(event.kind == EventKind.CONFIRMED and event.body["step"] == step for event in controller.events)


def act(controller: IncidentController, plan: Plan, file: Path, digest: str) -> subprocess.CompletedProcess[str]:
    """Run the action as a supervisor does."""
    environment = os.environ | {
        "MIDWATCH_RUNBOOK": str(controller.folder.runbook),
        "MIDWATCH_SITE": str(controller.folder.site),
        "MIDWATCH_BASE": str(controller.runbook.base),
        "STEP_OUTPUT": str(file.with_name("values")),
    }
    argv = [str(MIDWATCH), "action", plan.action, "--digest", digest, "--confirmed", str(file)]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_plan_of_a_target_binds_address_identity_and_files(controller: IncidentController, first: Server) -> None:
    plan = controller.plan("save")
    ((identifier,),) = first.sql("SELECT system_identifier::text FROM pg_control_system()")
    assert plan.bindings["system identifier of arp"] == identifier
    assert plan.bindings["role of arp"] == "primary"
    assert f"host 127.0.0.1:{first.port}" in plan.bindings["address of arp"]
    assert plan.bindings["SHA-256 of the runbook"] == controller.runbook.sha256
    assert plan.bindings["SHA-256 of the site file"] == controller.runbook.site_sha256
    assert "inode" in plan.bindings["destination"]
    assert ("server", f"ARP: primary, system identifier {identifier}") in plan.facts


def test_unchanged_step_runs_and_the_digest_stands_in_the_journal(controller: IncidentController) -> None:
    plan = controller.plan("save")
    controller.start("save", plan)
    assert ended(controller, "save") is StepStatus.DONE
    kinds = [event.kind for event in controller.events if event.body.get("step") == "save"]
    assert kinds.index(EventKind.CONFIRMED) < kinds.index(EventKind.STARTED)
    (event,) = (event for event in controller.events if event.kind == EventKind.CONFIRMED)
    assert event.body["digest"] == plan.digest


def test_site_edited_between_consent_and_start_is_refused(
    controller: IncidentController, other: Server, here: Path
) -> None:
    plan = controller.plan("save")
    controller.folder.site.write_bytes(write_site(here, other).read_bytes())
    with pytest.raises(Refused, match=r"site.yaml of the incident was changed"):
        controller.start("save", plan)
    assert not confirmed(controller, "save")
    assert not list((here / "emergency").glob("*")) if (here / "emergency").exists() else True


def test_site_edited_after_the_start_is_refused_by_the_action(
    controller: IncidentController, other: Server, here: Path
) -> None:
    plan = controller.plan("save")
    file = here / "plan.json"
    file.write_text(json.dumps(plan.to_json()))
    controller.folder.site.write_bytes(write_site(here, other).read_bytes())
    ran = act(controller, plan, file, plan.digest)
    assert ran.returncode == 1
    assert "Since the plan was confirmed, the server changed: system identifier of arp " in ran.stderr
    assert "SHA-256 of the site file" in ran.stderr
    assert not (here / "emergency").exists()


def test_plan_json_edited_is_refused(controller: IncidentController, here: Path) -> None:
    plan = controller.plan("save")
    edited = plan.to_json()
    edited["bindings"]["destination"] = "elsewhere"
    edited["digest"] = Plan.from_json(edited).digest  # whoever edits the file can compute that, too
    file = here / "plan.json"
    file.write_text(json.dumps(edited))
    ran = act(controller, plan, file, plan.digest)
    assert ran.returncode == 1
    assert "is not the plan that was confirmed" in ran.stderr
    assert not (here / "emergency").exists()


def test_plan_json_swapped_under_a_running_step_changes_nothing_and_is_found_by_verify(
    controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midwatch.engine import attempts

    real = attempts.prepare

    def swapped(attempt: AttemptFolder, plan: Plan, secrets: Mapping[str, str]) -> str:
        sha256 = real(attempt, plan, secrets)
        data = json.loads(attempt.plan.read_text())
        data["effects"] += [{**data["effects"][0], "identity": f"{here}/never-shown"}]
        data["digest"] = Plan.from_json(data).digest
        attempt.plan.write_text(json.dumps(data))
        return sha256

    monkeypatch.setattr(attempts, "prepare", swapped)
    controller.start("save", controller.plan("save"))
    assert ended(controller, "save") is StepStatus.DONE
    assert not (here / "never-shown").exists()
    (found,) = (found for found in inspect(controller.folder) if found.item == "steps/save/1/plan.json")
    assert found.standing is Standing.WRONG


def test_answer_corrected_after_the_plan_was_shown_is_refused(controller: IncidentController, here: Path) -> None:
    controller.mark_done("asked", values={"x": "one"})
    plan = controller.plan("shell")
    assert {("$X", "one"), ("$C", "constant")} <= set(plan.facts)
    controller.reopen("asked", "a slip")
    controller.mark_done("asked", values={"x": "two"})
    with pytest.raises(Refused, match=r"Since the plan was shown, other parameters are given: \$X one → two"):
        controller.start("shell", plan)
    assert not confirmed(controller, "shell")
    controller.start("shell", controller.plan("shell"))
    assert ended(controller, "shell") is StepStatus.DONE
    assert (here / "ran").read_text() == "two constant\n"


def test_unknown_identity_is_shown_and_consented_to_as_such(here: Path, first: Server) -> None:
    write_site(here, first, socket="", port=1)
    controller = declared(here)
    plan = controller.plan("recover")
    assert ("server", "ARP: identity of the server: unknown, nobody can log in") in plan.facts
    assert plan.bindings["system identifier of arp"] == "unknown"
    assert not controller.incident.pins
    controller.leave()


# A literal would be refused; a reference that nobody resolves is a value like any other.
SECRET = """\
midwatch: 1
id: secret
title: A script with a secret
severity: SEV-2
phases:
  - title: All of it
    steps:
      - {id: work, title: W, run: "printf %s $API_TOKEN | sha256sum > seen", env: {API_TOKEN: $hunter2-hunter2},
                risk: change}
"""


def test_secret_variable_is_bound_by_its_name_and_has_its_value_when_it_runs(here: Path) -> None:
    (here / "runbook.yaml").write_text(SECRET)
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    plan = controller.plan("work")
    assert plan.parameters["$API_TOKEN"] == "(a secret: env.API_TOKEN of work in the runbook)"
    controller.start("work", plan)
    assert ended(controller, "work") is StepStatus.DONE
    assert (here / "seen").read_text().split()[0] == hashlib.sha256(b"$hunter2-hunter2").hexdigest()
    controller.leave()
    copies = {controller.folder.runbook}
    for file in controller.folder.path.rglob("*"):
        assert file in copies or not file.is_file() or b"hunter2" not in file.read_bytes(), file


def test_variables_named_like_our_own_words_are_variables(here: Path) -> None:
    """A variable `script` or `target` is neither the script nor a target of the plan."""
    text = SECRET.replace("API_TOKEN: $hunter2-hunter2", "script: rm -rf /, target: x").replace(
        "$API_TOKEN", "$script$target"
    )
    (here / "runbook.yaml").write_text(text)
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    plan = controller.plan("work")
    assert plan.parameters["script"].startswith("printf")
    assert plan.parameters["$script"] == "rm -rf /"
    controller.start("work", plan)
    assert ended(controller, "work") is StepStatus.DONE
    assert (here / "seen").exists()
    controller.leave()
