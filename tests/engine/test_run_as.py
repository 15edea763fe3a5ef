"""Scripts that run as another user, by the real `sudo`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import StepOutcome
from midwatch.incident.step_state import Attempt
from midwatch.incident.step_status import StepStatus
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import load
from midwatch.system.errors import Refused
from midwatch.system.process import ProcessIdentity
from tests.support.steps import ended
from tests.support.sudoers import OPERATOR, OTHER, allowed_as_other, uid_of
from tests.support.users import needs_root
from tests.support.waiting import wait_for

pytestmark = [
    needs_root,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("sudo") is None, reason="there is no sudo; CI has it and refuses the skip"),
]

ROOT = Path(__file__).parents[2]

RUNBOOK = """\
midwatch: 1
id: other
title: Scripts of another user
severity: SEV-2
phases:
  - title: All of it
    section: "1"
    steps:
      - id: who
        title: Who it is
        risk: change
        run_as: nobody
        env: {SAID: "it's $HOME; \\"x\\""}
        outputs: [user, said]
        ok_exits: [0, 3]
        run: |
          echo "user=$(id -un)" >> "$STEP_OUTPUT"
          echo "said=$SAID" >> "$STEP_OUTPUT"
          tr '\\0' '\\n' < /proc/$$/cmdline; tr '\\0' '\\n' < /proc/$PPID/cmdline; readlink /proc/self/fd/0
          exit 3
      - id: python
        title: In Python
        risk: observe
        run_as: nobody
        shell: python3
        outputs: [user]
        run: "import os, pwd\\nprint('user=' + pwd.getpwuid(os.getuid()).pw_name,\\
          file=open(os.environ['STEP_OUTPUT'], 'w'))"
      - id: again
        title: At the second try
        risk: change
        run_as: nobody
        cwd: /tmp
        env: {FLAG: FOLDER}
        retry: {times: 2, wait: 0.1 s}
        outputs: [try]
        run: |
          echo "try=$([ -e "$FLAG/logs/flag" ] && echo last || echo first)" > "$STEP_OUTPUT"
          [ -e "$FLAG/logs/flag" ]
      - id: secrets
        title: With secrets
        risk: change
        run_as: nobody
        secrets: {ONE: {command: sh one.sh, as: variable}, TWO: {command: sh two.sh}}
        run: |
          printf %s "$ONE" | sha256sum; sha256sum < "$TWO"
          cat /proc/$$/cmdline /proc/$PPID/cmdline | tr '\\0' ' '
        undo: 'printf %s "$ONE" | sha256sum; sha256sum < "$TWO"'
      - id: endless
        title: Work without an end
        risk: change
        run_as: nobody
        timeout: 1 h
        run: |
          trap '' INT TERM
          (setsid sleep 1000 & echo $! ; wait) &
          echo $$; sleep 1000
      - {id: unknown, title: As nobody at all, risk: change, run_as: no-such-user, run: id}
      - {id: shut, title: In a shut folder, risk: change, run_as: nobody, cwd: shut, run: id}
      - {id: self, title: As myself, risk: change, run_as: OPERATOR, run: "id -un; ls /proc/self/fd"}
"""


def declared(folder: Path, me: str) -> IncidentController:
    file = folder / "runbook.yaml"
    file.write_text(RUNBOOK.replace("OPERATOR", me).replace("FOLDER", str(folder)), encoding="utf-8")
    (folder / "shut").mkdir(mode=0o700)
    (folder / "one.sh").write_text("echo geheim-one", encoding="ascii")
    (folder / "two.sh").write_text("echo geheim-two; echo in two lines", encoding="ascii")
    return IncidentController.declare(load(file, environment={}), actor=f"{me}@test")


def last(controller: IncidentController, step_id: str) -> Attempt:
    found = controller.incident.step(step_id).last
    assert found is not None
    return found


def output(controller: IncidentController, step_id: str) -> str:
    folder = controller.attempt_folder(step_id)
    assert folder is not None
    return folder.output.read_text()


def run(controller: IncidentController, step_id: str) -> StepStatus:
    controller.start(step_id, controller.plan(step_id))
    return ended(controller, step_id)


def _has_secrets(controller: IncidentController) -> None:
    """The run and its undo, each by descriptors only."""
    for undo in (False, True):
        plan = controller.plan("secrets", undo=undo)
        controller.start("secrets", plan, undo=undo, reason="too soon" if undo else "")
        ended(controller, "secrets")
        assert last(controller, "secrets").outcome is StepOutcome.DONE, output(controller, "secrets")
        text = output(controller, "secrets")
        assert hashlib.sha256(b"geheim-one").hexdigest() in text
        assert hashlib.sha256(b"geheim-two\nin two lines\n").hexdigest() in text
        assert "[secret" not in text, "no argument has a secret"


def drives(folder: Path, me: str) -> None:
    """What this user, root or not, can let another user do."""
    controller = declared(folder, me)
    plan = controller.plan("who")
    assert ("run as", "nobody, by sudo") in plan.facts
    assert plan.refusal == ""
    assert run(controller, "who") is StepStatus.DONE
    assert controller.incident.step("who").values == {"user": OTHER, "said": 'it\'s $HOME; "x"'}
    text = output(controller, "who")
    assert "sudo\n-n\n-u\nnobody\n" in text
    assert "HOME" not in text, "arguments can be read by everybody"
    assert "/dev/null" in text
    assert last(controller, "who").command.startswith("# runs as nobody\n")
    assert "runs as nobody" in timeline(controller.runbook, controller.events, controller.folder)
    assert run(controller, "python") is StepStatus.DONE
    assert controller.incident.value("python", "user") == OTHER
    assert run(controller, "self") is StepStatus.DONE
    assert output(controller, "self").startswith(me)
    _has_secrets(controller)
    _tries_again(controller, folder)
    _stops(controller)
    assert "this machine has no such user" in controller.plan("unknown").refusal
    assert "nobody, who cannot enter the folder" in controller.plan("shut").refusal
    with pytest.raises(Refused, match="Give the step a 'cwd'"):
        controller.start("shut", controller.plan("shut"))
    controller.leave()


def _tries_again(controller: IncidentController, folder: Path) -> None:
    controller.start("again", controller.plan("again"))
    wait_for(lambda: controller.poll() is not None and bool(last(controller, "again").tries), "the first try")
    (folder / "logs" / "flag").touch()
    assert ended(controller, "again") is StepStatus.DONE
    assert controller.incident.step("again").values == {"try": "last"}


def _stops(controller: IncidentController) -> None:
    """A stop ends all that the step has started, also what left its process group."""
    controller.start("endless", controller.plan("endless"))
    folder = controller.attempt_folder("endless")
    assert folder is not None
    try:
        wait_for(lambda: folder.output.read_text().count("\n") == 2, "the pids of the script and of what left it")
        pids = [int(pid) for pid in folder.output.read_text().split()]
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids} == {uid_of(OTHER)}
    finally:
        _stop(controller)
    assert ended(controller, "endless") is StepStatus.FAILED
    assert last(controller, "endless").outcome is StepOutcome.CANCELLED
    for pid in pids:
        wait_for(lambda pid=pid: ProcessIdentity.of(pid) is None, f"the end of process {pid}")


def _stop(controller: IncidentController) -> None:
    """Go on from one signal to the next until it has ended."""

    def is_over() -> bool:
        with contextlib.suppress(Refused):
            controller.cancel("endless")
        controller.poll()
        return controller.incident.step("endless").status is not StepStatus.RUNNING

    wait_for(is_over, "the end of what ignores INT and TERM")


def test_root_lets_another_user_run_a_script(reachable: Path) -> None:
    drives(reachable, "root")


def test_operator_lets_another_user_run_a_script_by_a_rule_of_sudoers(reachable: Path) -> None:
    with allowed_as_other():
        as_operator(reachable, "drives")


def test_plan_says_beforehand_that_sudo_asks_for_a_password(reachable: Path) -> None:
    as_operator(reachable, "is_asked_for_a_password")


def is_asked_for_a_password(folder: Path, me: str) -> None:
    controller = declared(folder, me)
    assert "sudo asks for a password" in controller.plan("who").refusal
    controller.leave()


def as_operator(folder: Path, function: str) -> None:
    """Call a function of this file in a process of `OPERATOR`, which may read all files: the interpreter may be
    root's."""
    os.chown(folder, uid_of(OPERATOR), -1)
    reads = "-all,+dac_read_search"
    words = ["setpriv", f"--reuid={OPERATOR}", f"--regid={OPERATOR}", "--clear-groups"]
    words += [f"--inh-caps={reads}", f"--ambient-caps={reads}", sys.executable, "-c"]
    call = f"from pathlib import Path; from {__name__} import *; {function}(Path({str(folder)!r}), {OPERATOR!r})"
    environment = {**os.environ, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run([*words, call], cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
