"""What Enter does now, in the footer's words: the next action of the workflow, and how far its plan is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from midwatch.engine import workflow
from midwatch.engine.incident_controls import IncidentControls
from midwatch.engine.workflow import ActionKind
from midwatch.incident.state import StepStatus
from midwatch.runbook.model import Step
from screens.widgets.step_page_data import PlanState


class PrimaryAction(StrEnum):
    """What Enter does on this screen."""

    RUN = "run"
    MARK_DONE = "mark done"
    DECIDE = "decide whether it is needed"
    CHECK_OUTCOME = "check the outcome"
    PLAN = "plan again"
    WAIT = "wait"
    GO = "go to a step"
    OUTPUT = "output"
    CLOSE = "close"
    FOLD = "fold"
    TIMELINE = "timeline"


@dataclass(frozen=True, slots=True)
class NextAction:
    """What Enter does, in the footer's words."""

    action: PrimaryAction
    words: str
    step: str = ""
    """Where `GO` goes."""


def next_action(
    session: IncidentControls, step: Step | None, look: PlanState, inconclusive: Collection[str] = ()
) -> NextAction:
    """What Enter does for the step under the cursor; None stands for a phase.

    `inconclusive` are steps whose outcome was checked in vain.
    """
    if step is None:
        return NextAction(PrimaryAction.FOLD, "fold or unfold")
    found = workflow.next_action(session, step.id, inconclusive)
    match found.kind:
        case ActionKind.GO_TO:
            first = ", needed first" if found.is_needed_first else ""
            return NextAction(PrimaryAction.GO, f"go to {session.runbook.step(found.step).number}{first}", found.step)
        case ActionKind.RUN:
            return _run(session, step, look)
        case ActionKind.DECIDE_NEED:
            return NextAction(PrimaryAction.DECIDE, f"decide whether {step.number} is needed")
        case ActionKind.MARK_DONE:
            return NextAction(PrimaryAction.MARK_DONE, f"mark {step.number} done")
        case ActionKind.CHECK_OUTCOME:
            return NextAction(PrimaryAction.CHECK_OUTCOME, f"check the outcome of {step.number}")
        case ActionKind.OUTPUT:
            return NextAction(PrimaryAction.OUTPUT, "full output")
        case ActionKind.CLOSE:
            return NextAction(PrimaryAction.CLOSE, "close the incident" if session.driving else "closure")
        case _:
            return NextAction(PrimaryAction.TIMELINE, "timeline")


def _run(session: IncidentControls, step: Step, look: PlanState) -> NextAction:
    """A step that can be run: its plan is made first, and the first thing that the plan requires is said."""
    status = session.incident.status(step)
    if look.planning:
        return NextAction(PrimaryAction.WAIT, "planning it")
    if look.plan is None:
        if status is StepStatus.UNKNOWN:  # not planned before somebody wants it
            return NextAction(PrimaryAction.RUN, f"run {step.number} again")
        return NextAction(PrimaryAction.PLAN, "plan again" if look.error else "plan")
    again = " again" if status in (StepStatus.FAILED, StepStatus.UNKNOWN) else ""
    reason = ""
    for needed in workflow.requirements(session, ActionKind.RUN, step.id, plan=look.plan, found=look.required):
        match needed:
            case workflow.PinReason():
                return NextAction(PrimaryAction.RUN, "pin the server anew, with a reason")
            case workflow.Refusal():
                return NextAction(PrimaryAction.PLAN, "plan again")
            case workflow.Reason():
                reason = ", with a reason"
            case workflow.Approval(is_requested=True):
                return NextAction(PrimaryAction.RUN, f"{step.number} waits for a second person")
            case workflow.Approval():
                return NextAction(PrimaryAction.RUN, f"ask a second person for {step.number}")
    return NextAction(PrimaryAction.RUN, f"run {step.number}{again}{reason}")
