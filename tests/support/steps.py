"""Waiting for the end of a step."""

from __future__ import annotations

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from tests.support.waiting import wait_for


def ended(controller: IncidentController, step_id: str) -> StepStatus:
    """The status of the step once it is not running any more, its readings taken."""

    def over() -> bool:
        controller.poll()
        return controller.incident.step(step_id).status is not StepStatus.RUNNING

    wait_for(over)
    controller.settle()
    return controller.incident.step(step_id).status
