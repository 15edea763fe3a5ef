"""An incident as one user drives or watches it, in a process of their own."""

from __future__ import annotations

import os
from typing import Any

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import Runbook
from tests.support.people import User
from tests.support.waiting import wait_for


class Screen:
    """What one user does at one terminal; lives in their process."""

    def __init__(self, user: User, runbook: Runbook) -> None:
        self.user, self.runbook = user, runbook
        self.it: IncidentController | None = None

    @property
    def actor(self) -> str:
        return f"{self.user.name}@test"

    def declare(self) -> str:
        os.chdir(self.runbook.base)
        self.it = IncidentController.declare(self.runbook, actor=self.actor)
        return str(self.it.folder.path)

    def observe(self) -> Any:
        (folder,) = (self.runbook.location_of("logs") / "incidents").iterdir()
        self.it = IncidentController.observe(IncidentFolder(folder), actor=self.actor)
        self.it.register_observer()
        return self.look()

    def look(self) -> Any:
        assert self.it is not None
        self.it.poll()
        steps = {state.id: state.status.value for state in self.it.incident.steps.values()}
        return {
            "driving": self.it.driving,
            "driver": self.it.incident.driver,
            "watchers": self.it.observers,
            "steps": steps,
        }

    def watched(self) -> Any:
        wait_for(lambda: self.it and self.it.observers)
        return self.look()

    def offer(self, to: str) -> Any:
        assert self.it is not None
        self.it.offer_control(to)
        return self.look()

    def be_given(self) -> Any:
        assert self.it is not None
        self.it.accept_control()
        return self.look()

    def take(self) -> Any:
        assert self.it is not None
        self.it.take_control("I must")
        return self.look()

    def start(self, step: str) -> Any:
        assert self.it is not None
        self.it.start(step, self.it.plan(step))
        return self.look()

    def cancel(self, step: str) -> Any:
        assert self.it is not None
        self.it.cancel(step)

    def finished(self, step: str) -> Any:
        assert self.it is not None
        wait_for(lambda: [self.it.poll(), self.it.incident.steps[step].status is not StepStatus.RUNNING][1])
        folder = self.it.attempt_folder(step)
        assert folder is not None
        return [self.it.incident.steps[step].status.value, folder.output.read_text()]
