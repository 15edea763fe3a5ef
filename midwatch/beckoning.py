"""What people at one incident want of each other, and how the wheel comes to who sits here: the same on screen and in lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from midwatch.actor import login
from midwatch.incident.lease import Lease, Pulse
from midwatch.incident.state import Incident, Offer
from midwatch.runbook.model import Runbook, Step


class Present(Protocol):
    """One who drives or follows along. `Conductor` is one."""

    runbook: Runbook
    actor: str
    incident: Incident

    @property
    def driving(self) -> bool: ...
    @property
    def lease(self) -> Lease: ...
    @property
    def unreachable(self) -> str: ...
    @property
    def offer(self) -> Offer | None: ...
    @property
    def offered_to_me(self) -> bool: ...
    def waiting(self) -> list[Step]: ...
    def ask_for_wheel(self) -> None: ...
    def be_given_wheel(self) -> None: ...
    def take_wheel(self, reason: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody wants of whoever sits here."""

    words: str
    answer: str = ""
    """What answers it: `handoff`, `wheel` or `approve`; empty where it is only to be known."""


def call(here: Present) -> Call | None:
    """The most urgent of it; None when nobody wants anything."""
    incident, lease, driver = here.incident, here.lease, login(here.incident.driver)
    if not incident.open:
        return None
    if here.driving:
        if incident.asked_by:
            return Call(f"{incident.asked_by} asks for the wheel", "handoff")
        return _judged(here) or (Call(here.unreachable) if here.unreachable else None)
    if here.offer is not None and here.offered_to_me:
        return Call(f"{login(here.offer.giver)} offers you the wheel", "wheel")
    if waiting := here.waiting():
        return Call(f"{waiting[0].number} {waiting[0].title} waits for a second person", "approve")
    if lease.pulse is Pulse.SILENT:
        return Call(f"{driver} gives no sign of life", "wheel")
    if lease.pulse in (Pulse.ENDED, Pulse.NOBODY) or not driver:
        return Call("Nobody drives", "wheel")
    return None


def _judged(here: Present) -> Call | None:
    """What a second person has said to a plan that has not run yet."""
    for step in here.runbook.steps():
        approval = here.incident.approvals.get(step.id)
        if approval and approval.given_by:
            return Call(f"{approval.judge} approved {step.number} {step.title}")
        if approval and approval.declined:
            return Call(f"{approval.judge} declined {step.number} {step.title}: {approval.declined}")
    return None


@dataclass(frozen=True, slots=True)
class Way:
    """How the wheel comes to whoever sits here."""

    words: str
    """What is so."""
    deed: str = "Take the wheel"
    needs_reason: bool = False

    def go(self, here: Present, reason: str) -> None:
        """Take it, have it given, or ask for it. Raises `Refused` when that is not so any more."""
        if self.deed == ASK:
            here.ask_for_wheel()
        elif here.lease.pulse is Pulse.LIVES or here.offered_to_me:
            here.be_given_wheel()
        else:
            here.take_wheel(reason)


ASK = "Ask for it"


def way_to_wheel(here: Present) -> Way:
    """It depends on whoever has it: who lives is only asked, who is gone is replaced, with a reason."""
    lease, driver = here.lease, here.incident.driver
    mine = login(driver) == login(here.actor)
    if here.offered_to_me and here.offer is not None:
        return Way(f"{login(here.offer.giver)} offers you the wheel until {here.offer.expires:%H:%M:%S} UTC.")
    if lease.pulse is Pulse.LIVES and not mine:
        return Way(f"{login(driver)} has the wheel, and that screen lives: it is never taken, only asked for.", ASK)
    if lease.pulse is Pulse.LIVES:
        return Way("You have the wheel at another terminal.", "Take it here")
    if not driver:
        if here.offer is not None:
            words = f"{login(here.offer.giver)} offers the wheel to {here.offer.to}, who has not taken it yet."
            return Way(words, needs_reason=True)
        return Way("Nobody has the wheel.")
    state = "has ended without giving it back"
    if lease.pulse is Pulse.SILENT:
        state = f"has given no sign of life for {lease.silent:.0f} s"
    return Way(f"{login(driver)} has the wheel, but that screen {state}.", needs_reason=not mine)
