"""What Enter does now: the next sensible thing, decided in one place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from midwatch.engine.incident_controls import IncidentControls
from midwatch.engine.policy import needs_approval
from midwatch.incident.server_pins import other_servers, pins_of
from midwatch.incident.state import StepStatus
from midwatch.runbook.model import Step, StepKind
from screens.widgets.step_page_data import PlanState


class PrimaryAction(StrEnum):
    """What may be next."""

    RUN = "run"
    TICK = "tick"
    DECIDE = "decide whether it is needed"
    AGAIN = "run again, with a reason"
    VERIFY = "check whether it took effect"
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
    session: IncidentControls, step: Step | None, look: PlanState, looked_up: Collection[str] = ()
) -> NextAction:
    """What Enter does for the step under the cursor; None stands for a phase.

    `looked_up` are steps whose end could not be found out either.
    """
    incident, runbook = session.incident, session.runbook
    if step is None:
        return NextAction(PrimaryAction.FOLD, "fold or unfold")
    if not incident.open:
        return NextAction(PrimaryAction.TIMELINE, "timeline")
    status = incident.status(step)
    if status is StepStatus.RUNNING:
        return NextAction(PrimaryAction.OUTPUT, "full output")
    ahead = incident.next_step(runbook)
    if status.concluded or not session.driving:
        running = incident.running()
        if ahead is not None and ahead.id != step.id:
            return NextAction(PrimaryAction.GO, f"go to {ahead.number}", ahead.id)
        if ahead is None and running:
            return NextAction(PrimaryAction.GO, f"go to {runbook.step(running[0].id).number}", running[0].id)
        return (
            NextAction(PrimaryAction.CLOSE, "closure" if not session.driving else "close the incident")
            if ahead is None
            else _watch(session, step)
        )
    unmet = incident.unmet_needs(step, runbook)
    if unmet:
        return NextAction(PrimaryAction.GO, f"go to {unmet[0].number}, needed first", unmet[0].id)
    if status is StepStatus.UNDECIDED:
        return NextAction(PrimaryAction.DECIDE, f"decide whether {step.number} is needed")
    if step.kind is StepKind.MANUAL:
        return NextAction(PrimaryAction.TICK, f"tick {step.number}")
    if status is StepStatus.UNKNOWN:
        if step.kind is StepKind.USES and step.id not in looked_up:
            return NextAction(PrimaryAction.VERIFY, f"look {step.number} up")
        return NextAction(PrimaryAction.AGAIN, f"run {step.number} again")
    if look.planning:
        return NextAction(PrimaryAction.WAIT, "looking what it would do")
    if look.plan is not None and other_servers(look.plan, pins_of(runbook, incident.pins)):
        return NextAction(PrimaryAction.RUN, "pin the server anew, with a reason")
    if look.plan is None or look.plan.refusal:
        return NextAction(PrimaryAction.PLAN, "plan again" if look.error or look.plan else "plan")
    approval = incident.approvals.get(step.id)
    if needs_approval(step, look.plan) and not (approval and approval.given_by and approval.digest == look.plan.digest):
        waits = approval is not None and approval.waits and approval.digest == look.plan.digest
        words = f"{step.number} waits for a second person" if waits else f"ask a second person for {step.number}"
        return NextAction(PrimaryAction.RUN, words)
    again = " again" if status is StepStatus.FAILED else ""
    reason = ", with a reason" if look.unmet(step) else ""
    return NextAction(PrimaryAction.RUN, f"run {step.number}{again}{reason}")


def _watch(session: IncidentControls, step: Step) -> NextAction:
    has_output = session.attempt_folder(step.id) is not None
    return (
        NextAction(PrimaryAction.OUTPUT, "full output")
        if has_output
        else NextAction(PrimaryAction.TIMELINE, "timeline")
    )
