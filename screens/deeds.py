"""What Enter does now: the next sensible thing, decided in one place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from midwatch.incident.state import StepStatus
from midwatch.pins import other_servers, pins_of
from midwatch.rules import takes_two
from midwatch.runbook.model import Step, StepKind
from screens.desk import Desk
from screens.widgets.page_parts import Look


class Deed(StrEnum):
    """What may be next."""

    RUN = "run"
    TICK = "tick"
    DECIDE = "decide whether it is needed"
    AGAIN = "run again, with a reason"
    VERIFY = "look up whether it took effect"
    PLAN = "plan again"
    WAIT = "wait"
    GO = "go to a step"
    OUTPUT = "output"
    CLOSE = "close"
    FOLD = "fold"
    TIMELINE = "timeline"


@dataclass(frozen=True, slots=True)
class Next:
    """What Enter does, in the footer's words."""

    deed: Deed
    words: str
    step: str = ""
    """Where `GO` goes."""


def next_deed(desk: Desk, step: Step | None, look: Look, looked_up: Collection[str] = ()) -> Next:
    """What Enter does for the step under the cursor; None stands for a phase.

    `looked_up` are steps whose end could not be found out either.
    """
    incident, runbook = desk.incident, desk.runbook
    if step is None:
        return Next(Deed.FOLD, "fold or unfold")
    if not incident.open:
        return Next(Deed.TIMELINE, "timeline")
    status = incident.status(step)
    if status is StepStatus.RUNNING:
        return Next(Deed.OUTPUT, "full output")
    ahead = incident.next_step(runbook)
    if status.settled or not desk.driving:
        running = incident.running()
        if ahead is not None and ahead.id != step.id:
            return Next(Deed.GO, f"go to {ahead.number}", ahead.id)
        if ahead is None and running:
            return Next(Deed.GO, f"go to {runbook.step(running[0].id).number}", running[0].id)
        return (
            Next(Deed.CLOSE, "closure" if not desk.driving else "close the incident") if ahead is None else _watch(desk, step)
        )
    unmet = incident.unmet_needs(step, runbook)
    if unmet:
        return Next(Deed.GO, f"go to {unmet[0].number}, needed first", unmet[0].id)
    if status is StepStatus.UNDECIDED:
        return Next(Deed.DECIDE, f"decide whether {step.number} is needed")
    if step.kind is StepKind.MANUAL:
        return Next(Deed.TICK, f"tick {step.number}")
    if status is StepStatus.UNKNOWN:
        if step.kind is StepKind.USES and step.id not in looked_up:
            return Next(Deed.VERIFY, f"look {step.number} up")
        return Next(Deed.AGAIN, f"run {step.number} again")
    if look.looking:
        return Next(Deed.WAIT, "looking what it would do")
    if look.plan is not None and other_servers(look.plan, pins_of(runbook, incident.pins)):
        return Next(Deed.RUN, "pin the server anew, with a reason")
    if look.plan is None or look.plan.refusal:
        return Next(Deed.PLAN, "plan again" if look.error or look.plan else "plan")
    approval = incident.approvals.get(step.id)
    if takes_two(step, look.plan) and not (approval and approval.given_by and approval.digest == look.plan.digest):
        waits = approval is not None and approval.waits and approval.digest == look.plan.digest
        words = f"{step.number} waits for a second person" if waits else f"ask a second person for {step.number}"
        return Next(Deed.RUN, words)
    again = " again" if status is StepStatus.FAILED else ""
    reason = ", with a reason" if look.unmet(step) else ""
    return Next(Deed.RUN, f"run {step.number}{again}{reason}")


def _watch(desk: Desk, step: Step) -> Next:
    has_output = desk.attempt_folder(step.id) is not None
    return Next(Deed.OUTPUT, "full output") if has_output else Next(Deed.TIMELINE, "timeline")
