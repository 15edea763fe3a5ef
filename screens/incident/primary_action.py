"""What Enter does now, in the footer's words: the next action of the workflow, and how far its plan is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from midwatch.engine import workflow
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.workflow import ActionKind
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import Step
from screens.widgets.step_page_data import PlanState


class ScreenAction(StrEnum):
    """What Enter does on this screen beside the actions of the workflow."""

    PLAN = "plan again"
    WAIT = "wait"
    FOLD = "fold"


@dataclass(frozen=True, slots=True)
class NextAction:
    """What Enter does, in the footer's words."""

    action: ActionKind | ScreenAction
    words: str
    step: str = ""
    """Where `GO_TO` goes."""


def next_action(
    session: IncidentControls, step: Step | None, look: PlanState, inconclusive: Collection[str] = ()
) -> NextAction:
    """What Enter does for the step under the cursor; None stands for a phase.

    `inconclusive` are steps whose outcome was checked in vain.
    """
    if step is None:
        return NextAction(ScreenAction.FOLD, "fold or unfold")
    found = workflow.next_action(session, step.id, inconclusive)
    match found.kind:
        case ActionKind.RUN:
            return _run(session, step, look)
        case ActionKind.GO_TO:
            first = ", needed first" if found.is_needed_first else ""
            words = f"go to {session.runbook.step(found.step).number}{first}"
        case ActionKind.CHECK_NEED:
            words = f"check whether {step.number} is needed"
        case ActionKind.DECIDE_NEED:
            words = f"decide whether {step.number} is needed"
        case ActionKind.MARK_DONE:
            words = f"mark {step.number} done"
        case ActionKind.CHECK_OUTCOME:
            words = f"check the outcome of {step.number}"
        case ActionKind.OUTPUT:
            words = "full output"
        case ActionKind.TERMINAL:
            words = f"go to the terminal of {step.number}"
        case ActionKind.CLOSE:
            words = "close the incident" if session.driving else "closure"
        case _:
            words = "timeline"
    return NextAction(found.kind, words, found.step)


def _run(session: IncidentControls, step: Step, look: PlanState) -> NextAction:
    """A step that can be run: its plan is made first, and the first thing that the plan requires is said."""
    status = session.incident.status(step)
    if look.planning:
        return NextAction(ScreenAction.WAIT, "planning it")
    if look.plan is None:
        if status is StepStatus.UNKNOWN:  # not planned before somebody wants it
            return NextAction(ActionKind.RUN, f"run {step.number} again")
        return NextAction(ScreenAction.PLAN, "plan again" if look.error else "plan")
    again = " again" if status in (StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.PROVE_AGAIN) else ""
    reason = ""
    for needed in workflow.requirements(session, ActionKind.RUN, step.id, plan=look.plan, found=look.required):
        match needed:
            case workflow.PinReason():
                return NextAction(ActionKind.RUN, "pin the server anew, with a reason")
            case workflow.Refusal():
                return NextAction(ScreenAction.PLAN, "plan again")
            case workflow.Reason():
                reason = ", with a reason"
            case workflow.Approval(is_requested=True):
                return NextAction(ActionKind.RUN, f"{step.number} waits for a second person")
            case workflow.Approval():
                return NextAction(ActionKind.RUN, f"ask a second person for {step.number}")
    return NextAction(ActionKind.RUN, f"run {step.number}{again}{reason}")
