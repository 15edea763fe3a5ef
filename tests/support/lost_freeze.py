"""A freeze whose end nobody saw: its supervisor was killed before the action did anything."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.supervisor import status
from midwatch.system.errors import Refused
from tests.support.waiting import wait_for

HOLD = """\
import pathlib, time
here = pathlib.Path(__file__).parent
if b"--confirmed" in pathlib.Path("/proc/self/cmdline").read_bytes():
    (here / "began").touch()
    while (here / "hold").exists():
        time.sleep(0.02)
"""


def lose_the_freeze(controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirm the freeze, hold its process before it does anything, and kill its supervisor."""
    hook = here / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOLD, encoding="ascii")
    (hook / "hold").touch()
    plan = controller.plan("freeze")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(hook))
        controller.start("freeze", plan)
    attempt = controller.incident.step("freeze").last
    assert attempt is not None
    wait_for((hook / "began").exists)
    os.kill(int(attempt.supervisor["pid"]), signal.SIGKILL)
    wait_for(lambda: controller.poll() and not controller.incident.running())
    for call in (lambda: controller.check_outcome("freeze"), lambda: controller.start("freeze", plan, reason="again")):
        with pytest.raises(Refused, match="still runs as process"):
            call()
    controller.cancel("freeze")
    folder = controller.attempt_folder("freeze")
    assert folder is not None
    wait_for(lambda: not status.cancel(folder))
    assert controller.incident.step("freeze").status is StepStatus.UNKNOWN
