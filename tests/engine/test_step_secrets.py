"""Secrets of a step: fetched at its start, handed in memory, in no file, plan, order, argument and no other process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.step_selection import observing_steps
from midwatch.engine.workflow import ActionKind, Secrets, requirements
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.system.errors import Failed, MidwatchError, Refused
from tests.support.steps import ended
from tests.support.waiting import wait_for

RUNBOOK = """\
midwatch: 1
id: secrets
title: Secrets
severity: SEV-2
phases:
  - title: All of it
    steps:
      - id: work
        title: Work
        risk: change
        run: |
          stat -Lc %a "$KEY"
          python3 -c 'import subprocess, sys; subprocess.run(["sha256sum", sys.argv[1]])' "$KEY"
          printf %s "$CODE" | sha256sum; printf %s "$FETCHED" | sha256sum; echo all are there
          echo "$CODE and $FETCHED and $(cat "$KEY")"
          echo "seen=$FETCHED" >> "$STEP_OUTPUT"
          until test -e gate || ! test -d .; do sleep 0.02; done
        secrets:
          KEY: {file: key}
          FETCHED: {command: "sh fetch.sh", as: variable}
          CODE: {prompt: true, as: variable}
      - {id: after, title: After, risk: observe, run: "sh fetch.sh; env | grep -c FETCHED || true"}
"""
KEY = "-----BEGIN KEY-----\nfirst-line-of-the-key\n-----END KEY-----\n"
TYPED = {"CODE": "typed by hand  "}
VALUES = ("typed by hand", "from-a-command", "first-line-of-the-key")


@pytest.fixture
def controller(here: Path) -> IncidentController:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "key").write_text(KEY, encoding="ascii")
    (here / "key").chmod(0o600)
    (here / "fetch.sh").write_text("echo from-a-command\n", encoding="ascii")
    return IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")


def kinds(controller: IncidentController) -> list[str]:
    return [event.kind for event in controller.events]


def others_who_hold(values: Sequence[str]) -> list[str]:
    """What processes have these in an argument, or in a variable and are none of the step's."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        if b"MIDWATCH_STEP=work\0" in environment:
            environment = b""
        if any(value.encode() in words + environment for value in values):
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_script_gets_its_secrets_and_no_file_event_order_argument_or_other_process_has_them(
    controller: IncidentController, here: Path
) -> None:
    plan = controller.plan("work")
    facts = [text for label, text in plan.facts if label == "secrets"]
    assert facts == [
        "KEY: the file key; as a file whose path the variable holds",
        "FETCHED: the output of: sh fetch.sh; in the variable itself",
        "CODE: asked when the step starts; in the variable itself",
    ]
    assert Secrets(("CODE",)) in requirements(controller, ActionKind.RUN, "work", plan=plan)
    controller.start("work", plan, secrets=TYPED)
    folder = controller.attempt_folder("work")
    assert folder is not None
    wait_for(lambda: b"all are there" in folder.output.read_bytes())
    others = others_who_hold(VALUES)
    (here / "gate").touch()
    assert not others
    assert ended(controller, "work") is StepStatus.DONE
    controller.note("I typed typed by hand, and saw first-line-of-the-key")
    output = folder.output.read_text()
    assert output.startswith("600\n")
    hashes = [hashlib.sha256(value.encode()).hexdigest() for value in (KEY, TYPED["CODE"], "from-a-command")]
    assert [line.split()[0] for line in output.splitlines()[1:4]] == hashes
    assert "[secret CODE]   and [secret FETCHED] and [secret KEY" in output
    assert controller.incident.step("work").values["seen"] == "[secret FETCHED]"
    controller.start("after", controller.plan("after"))
    assert ended(controller, "after") is StepStatus.DONE
    later = controller.attempt_folder("after")
    assert later is not None
    assert later.output.read_text() == "[secret FETCHED]\n0\n"
    controller.leave()
    for path in controller.folder.path.rglob("*"):
        text = path.read_text(errors="replace") if path.is_file() else ""
        assert not [value for value in VALUES if value in text], path
    assert "I typed [secret CODE], and saw [secret KEY" in controller.folder.journal.read_text()


def test_consent_binds_name_and_source_and_not_the_value(controller: IncidentController, here: Path) -> None:
    plan = controller.plan("work")
    (here / "key").write_text("another-value-of-the-key\n", encoding="ascii")
    assert controller.plan("work").digest == plan.digest
    assert plan.parameters["KEY (secret, as a file)"] == "the file key"
    confirmed = json.dumps(plan.to_json())
    assert not [value for value in (*VALUES, "another-value") if value in confirmed]
    controller.leave()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda here: (here / "key").chmod(0o640), "key can be read by other users"),
        (lambda here: (here / "key").chmod(0o602), "key can be changed by other users"),
        (lambda here: (here / "key").unlink(), "key: no such file or directory"),
        (lambda here: [(here / "key").unlink(), os.mkfifo(here / "key")], "key is not a regular file"),
        (lambda here: (here / "key").write_bytes(b"\xff\xfe\x00\x01secret"), "key is not text in UTF-8"),
        (lambda here: (here / "key").write_bytes(b"a\0bcdefgh"), "it holds a NUL"),
        (lambda here: (here / "key").write_bytes(b"short\n"), "it has fewer than 6 characters"),
        (lambda here: (here / "key").write_bytes(b"\n"), "the file key is empty"),
        (lambda here: (here / "key").write_bytes(b"k" * 70_000), "is longer than 65,535 bytes"),
        (
            lambda here: (here / "fetch.sh").write_text("echo locked: token=geheim77geheim >&2; exit 3"),
            "sh ended with exit 3: locked: token=[secret-shaped]",
        ),
        (lambda here: (here / "fetch.sh").write_text("true"), "the output of: sh fetch.sh is empty"),
    ],
)
def test_secret_that_cannot_be_had_is_one_sentence_and_nothing_is_journalled(
    controller: IncidentController, here: Path, change: object, sentence: str
) -> None:
    assert callable(change)
    plan, before = controller.plan("work"), kinds(controller)
    change(here)
    with pytest.raises(MidwatchError) as refused:
        controller.start("work", plan, secrets=TYPED)
    assert "The secret " in refused.value.sentence
    assert sentence in refused.value.sentence
    assert "geheim77" not in str(refused.value)
    assert kinds(controller) == before
    assert controller.incident.step("work").status is StepStatus.TODO
    controller.leave()


def test_command_that_does_not_end_is_ended_and_nothing_is_journalled(here: Path) -> None:
    text = RUNBOOK.replace('{command: "sh fetch.sh", as: variable}', "{command: sleep 60, timeout: 1 s}")
    (here / "runbook.yaml").write_text(text, encoding="utf-8")
    (here / "key").write_text(KEY, encoding="ascii")
    (here / "key").chmod(0o600)
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    with pytest.raises(Failed, match=r"The secret FETCHED cannot be had: .* did not end within 1 s"):
        controller.start("work", controller.plan("work"), secrets=TYPED)
    assert EventKind.CONFIRMED not in kinds(controller)
    controller.leave()


def test_secret_that_nobody_typed_is_refused(controller: IncidentController) -> None:
    with pytest.raises(Refused, match="The secret CODE cannot be had: nobody was asked for it"):
        controller.start("work", controller.plan("work"))
    assert EventKind.CONFIRMED not in kinds(controller)
    controller.leave()


def test_next_driver_masks_a_secret_of_a_file(controller: IncidentController) -> None:
    controller.leave()
    (folder,) = (controller.runbook.location_of("logs") / "incidents").iterdir()
    resumed = IncidentController.observe(IncidentFolder(folder), actor="bea@test", own=controller.runbook)
    resumed.take_control()
    resumed.note("it is first-line-of-the-key")
    assert "first-line" not in resumed.folder.journal.read_text()
    resumed.leave()


LOOP = """\
midwatch: 1
id: loop
title: Secrets of a loop
severity: SEV-2
phases:
  - title: All of it
    steps:
      - id: each
        title: Each
        risk: observe
        for_each: [web1, web2]
        run: echo "$HOST has $CODE"
        env: {HOST: {from: item}}
        secrets: {CODE: {prompt: true, as: variable}}
      - {id: sit, title: Sit at it, risk: observe, terminal: true, run: cat}
      - {id: look, title: Look, risk: observe, run: "true"}
"""


def test_secret_of_a_loop_is_asked_once_and_what_needs_a_person_runs_with_nothing_else(here: Path) -> None:
    (here / "runbook.yaml").write_text(LOOP, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    phase = controller.runbook.phases[0]
    assert [step.id for step in observing_steps(phase, controller.incident, controller.runbook)] == ["look"]
    plan = controller.plan("each")
    assert Secrets(("CODE",)) in requirements(controller, ActionKind.RUN, "each", plan=plan)
    controller.start("each", plan, secrets={"CODE": "typed-once"})
    for item in ("each[web1]", "each[web2]"):
        wait_for(lambda item=item: [controller.poll(), controller.incident.step(item).status is StepStatus.DONE][1])
    outputs = [path.read_text() for path in sorted(controller.folder.path.glob("steps/each*/1/output"))]
    assert outputs == ["web1 has [secret CODE]\n", "web2 has [secret CODE]\n"]
    wait_for(lambda: controller.batch is None or not controller.batch.is_active)
    controller.leave()
