"""Pending requests between operators, and how this operator can take control."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from midwatch.control.lease import DriverState
from midwatch.engine.incident_protocols import IncidentControls, IncidentView
from midwatch.engine.policy import is_approved_for
from midwatch.incident.events import Event, EventKind
from midwatch.reports.event_text import describe
from midwatch.runbook.model import Runbook
from midwatch.system.actor import login
from midwatch.system.identity import Identity


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """What somebody wants of whoever sits here."""

    message: str
    answer: str = ""
    """What answers it: `handoff`, `control` or `approve`; empty where it is only to be known."""
    waits: str = ""
    """How long it waits, as the end of the message: `, 2 min ago`; empty in its first minute."""


def pending_request(here: IncidentView) -> PendingRequest | None:
    """The most urgent of it; None when nobody wants anything."""
    incident = here.incident
    if not incident.open:
        return None
    if here.driving:
        if incident.asked_by:
            return PendingRequest(f"{incident.asked_by} requests control", "handoff", _since(here, incident.asked_at))
        if here.offer is not None:
            return PendingRequest(
                f"Control is offered to {here.offer.to}, not taken yet", waits=_since(here, here.offer.at)
            )
        return _judged(here) or _asked(here) or (PendingRequest(here.unreachable) if here.unreachable else None)
    state, driver = here.lease.state, login(incident.driver)
    if here.offer is not None and here.offered_to_me:
        return PendingRequest(f"{login(here.offer.giver)} offers you control", "control")
    if waiting := here.pending_steps():
        return PendingRequest(f"{waiting[0].number} {waiting[0].title} waits for a second person", "approve")
    if state is DriverState.UNRESPONSIVE:
        return PendingRequest(f"{driver} is unresponsive", "control")
    if state in (DriverState.EXITED, DriverState.NOBODY) or not driver:
        return PendingRequest("Nobody drives", "control")
    if incident.asked_by and incident.asked_by.split()[0] == login(here.actor):
        return PendingRequest(
            f"{driver} has not answered your request for control", waits=_since(here, incident.asked_at)
        )
    return None


def control_notice(event: Event, runbook: Runbook) -> str:
    """What an event changes about who drives, or what a second person said, as a sentence with who did it; else
    empty."""
    if event.kind not in _CONTROL:
        return ""
    text = describe(event, runbook)
    return f"{login(event.actor)} {text[:1].lower()}{text[1:]}" if event.kind in _BY_ACTOR else text


_BY_ACTOR = frozenset(
    {
        EventKind.DRIVER_JOINED,
        EventKind.DRIVER_TOOK_OVER,
        EventKind.DRIVER_LEFT,
        EventKind.HANDOFF_OFFERED,
        EventKind.HANDOFF_WITHDRAWN,
        EventKind.CLOSED,
        EventKind.ABANDONED,
    }
)
_CONTROL = _BY_ACTOR | {
    EventKind.CONTROL_REQUESTED,
    EventKind.APPROVAL_GIVEN,
    EventKind.APPROVAL_DECLINED,
}


def _since(here: IncidentView, at: datetime | None) -> str:
    """How long a request waits, in whole minutes."""
    seconds = (here.clock.now() - at).total_seconds() if at is not None else 0.0
    return f", {int(seconds // 60)} min ago" if seconds >= 60 else ""


def _asked(here: IncidentView) -> PendingRequest | None:
    """The plan that waits for a second person, as the driver sees it."""
    if not (waiting := here.pending_steps()):
        return None
    step = waiting[0]
    asked = here.incident.approvals.get(step.id)  # another thread may take in what was said meanwhile
    since = _since(here, asked.asked_at if asked else None)
    return PendingRequest(f"{step.number} {step.title} waits for a second person's approval", waits=since)


def _judged(here: IncidentView) -> PendingRequest | None:
    """What a second person has said to a plan that has not run yet."""
    for step in here.runbook.steps():
        approval = here.incident.approvals.get(step.id)
        if approval and approval.given_by and (not here.driving or is_approved_for(approval, Identity.current())):
            return PendingRequest(f"{approval.judge} approved {step.number} {step.title}")
        if approval and approval.declined:
            return PendingRequest(f"{approval.judge} declined {step.number} {step.title}: {approval.declined}")
    return None


@dataclass(frozen=True, slots=True)
class ControlOption:
    """How control comes to whoever sits here."""

    message: str
    """What is so."""
    action: str = "Take control"
    needs_reason: bool = False

    def go(self, here: IncidentControls, reason: str) -> None:
        """Take it, have it given, or ask for it. Raises `Refused` when that is not so any more."""
        if self.action == ASK:
            here.request_control()
        elif here.lease.state is DriverState.ALIVE or here.offered_to_me:
            here.accept_control()
        else:
            here.take_control(reason)


ASK = "Ask for it"


def control_option(here: IncidentView) -> ControlOption:
    """It depends on whoever has it: who lives is only asked, who is gone is replaced, with a reason."""
    lease, driver = here.lease, here.incident.driver
    mine = login(driver) == login(here.actor)
    if here.offered_to_me and here.offer is not None:
        return ControlOption(f"{login(here.offer.giver)} offers you control until {here.offer.expires:%H:%M:%S} UTC.")
    if lease.state is DriverState.ALIVE and not mine:
        return ControlOption(
            f"{login(driver)} has control, and that screen lives: it is never taken, only asked for.", ASK
        )
    if lease.state is DriverState.ALIVE:
        return ControlOption("You have control at another terminal.", "Take it here")
    if not driver:
        if here.offer is not None:
            words = f"{login(here.offer.giver)} offers control to {here.offer.to}, who has not taken it yet."
            return ControlOption(words, needs_reason=True)
        return ControlOption("Nobody has control.")
    state = "has ended without giving it back"
    if lease.state is DriverState.UNRESPONSIVE:
        state = f"has been unresponsive for {lease.silent_s:.0f} s"
    return ControlOption(f"{login(driver)} has control, but that screen {state}.", needs_reason=not mine)
