"""Pending requests between operators, and how this operator can take control."""

from __future__ import annotations

from dataclasses import dataclass

from midwatch.control.lease import DriverState
from midwatch.engine.incident_controls import IncidentControls, IncidentView
from midwatch.system.actor import login


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """What somebody wants of whoever sits here."""

    message: str
    answer: str = ""
    """What answers it: `handoff`, `control` or `approve`; empty where it is only to be known."""


def pending_request(here: IncidentView) -> PendingRequest | None:
    """The most urgent of it; None when nobody wants anything."""
    incident, lease, driver = here.incident, here.lease, login(here.incident.driver)
    if not incident.open:
        return None
    if here.driving:
        if incident.asked_by:
            return PendingRequest(f"{incident.asked_by} requests control", "handoff")
        return _judged(here) or (PendingRequest(here.unreachable) if here.unreachable else None)
    if here.offer is not None and here.offered_to_me:
        return PendingRequest(f"{login(here.offer.giver)} offers you control", "control")
    if waiting := here.pending_steps():
        return PendingRequest(f"{waiting[0].number} {waiting[0].title} waits for a second person", "approve")
    if lease.state is DriverState.UNRESPONSIVE:
        return PendingRequest(f"{driver} is unresponsive", "control")
    if lease.state in (DriverState.EXITED, DriverState.NOBODY) or not driver:
        return PendingRequest("Nobody drives", "control")
    return None


def _judged(here: IncidentView) -> PendingRequest | None:
    """What a second person has said to a plan that has not run yet."""
    for step in here.runbook.steps():
        approval = here.incident.approvals.get(step.id)
        if approval and approval.given_by:
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
