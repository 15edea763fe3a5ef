"""Two people on the screen: control offered, taken and asked for; a step that takes two; who watches."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from midwatch.api.plan import Plan
from midwatch.control import control_socket
from midwatch.control.driver_lock import DriverLock
from midwatch.control.lease import DriverState, Lease, LeaseWatcher
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.pending_requests import pending_request
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.reports.handoff_summary import as_lines, handoff_summary
from midwatch.runbook.loader import load
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Refused
from midwatch.system.identity import Identity
from screens.incident.layout import Layout
from tests.support.screen_pilot import grid, opened, press, until
from tests.support.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.slow

ME = Identity.current().name
SHE = "ada" if ME != "ada" else "mia"
"""Who drives: never whoever runs the tests."""
SIZES = {"60x15": (60, 15), "80x24": (80, 24), "200x60": (200, 60)}
RUNBOOK = """\
midwatch: 1
id: pair
title: A small incident
severity: SEV-2
phases:
  - title: Work
    section: "1"
    steps:
      - {id: work, title: Do the work, run: echo ran >> ran, risk: change, requires_approval: true}
      - {id: rest, title: Rest}
"""


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    file = here / "runbook.yaml"
    file.write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(file), actor=f"{SHE}@test")
    yield controller
    controller.leave()


def observer(controller: IncidentController, actor: str = f"{ME}@test") -> IncidentController:
    found = IncidentController.observe(controller.folder, actor=actor)
    found.register_observer()
    return found


def two_people(session: IncidentController) -> Plan:
    """The emergency backup, as a step that takes two and is next."""
    phases = tuple(
        replace(
            phase,
            steps=tuple(replace(s, requires_approval=True) if s.id == "emergency-backup" else s for s in phase.steps),
        )
        for phase in session.runbook.phases
    )
    session.session.runbook = replace(session.runbook, phases=phases)
    return session.plan("emergency-backup")


def observe(session: IncidentController) -> IncidentController:
    """Bob at a screen of his own; Eve watches as well."""
    bob, eve = (
        IncidentController.observe(session.folder, actor=f"{name}@bastion", clock=session.clock)
        for name in ("bob", "eve")
    )
    bob.session.runbook = session.runbook
    for one in (bob, eve):
        one.register_observer()

    def both_watch() -> bool:
        for one in (session, bob, eve):
            one.poll()
        return len(bob.observers) == 2

    wait_for(both_watch)
    return bob


def lease(state: DriverState, silent_s: float = 0.0) -> Callable[[IncidentController], IncidentController]:
    """As `observe`, where the driver is no more what it was."""

    def observing(session: IncidentController) -> IncidentController:
        bob = observe(session)
        setattr(LeaseWatcher, "inspect", lambda watcher: Lease(state, None, silent_s))  # noqa: B010 - put back by `_lease`
        return bob

    return observing


@pytest.fixture(autouse=True)
def _lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaseWatcher, "inspect", LeaseWatcher.inspect)


def offer_to_bob(session: IncidentController) -> IncidentController:
    summary = as_lines(handoff_summary(session.runbook, session.incident, session.clock, session.next_update_due))
    expires = to_rfc3339(session.clock.now() + timedelta(minutes=10))
    session.session.append(EventKind.HANDOFF_OFFERED, {"to": "bob", "expires": expires, "summary": summary})
    return session


def offered(session: IncidentController) -> IncidentController:
    return observe(offer_to_bob(session))


def ask(session: IncidentController, plan: Plan) -> int:
    """Ada has asked for a second person; the number of the event."""
    with patch.object(Identity, "current", lambda: Identity("ada", 1 << 20, 1 << 20, 1)):
        session.request_approval("emergency-backup", plan)
    return session.events[-1].seq


def asks(session: IncidentController) -> IncidentController:
    ask(session, two_people(session))
    return observe(session)


def second_asked(session: IncidentController) -> IncidentController:
    two_people(session)
    return session


VIEWS: dict[str, tuple[Callable[[IncidentController], IncidentController], tuple[str, ...]]] = {
    "handoff": (lambda session: session, ("h",)),
    "handoff-standing": (offer_to_bob, ("h",)),
    "control-offered": (offered, ("w",)),
    "control-requested": (observe, ("w",)),
    "control-unresponsive": (lease(DriverState.UNRESPONSIVE, 47.0), ("w",)),
    "control-ended": (lease(DriverState.EXITED), ("w",)),
    "second-asked": (second_asked, ("enter",)),
    "second-approves": (asks, ("a",)),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", VIEWS)
async def test_dialog_between_two_people_is_the_golden(
    session: IncidentController, golden, name: str, size: str
) -> None:
    prepare, keys = VIEWS[name]
    async with opened(prepare(session), SIZES[size]) as pilot:
        await press(pilot, *keys)
        golden(pilot, f"{name}-{size}")


@pytest.mark.parametrize("size", ["60x15", "80x24"])
@pytest.mark.parametrize(
    ("name", "prepare"), [("offered", offered), ("silent", VIEWS["control-unresponsive"][0]), ("asks", asks)]
)
async def test_observing_screen_is_the_golden(
    session: IncidentController,
    golden,
    name: str,
    prepare: Callable[[IncidentController], IncidentController],
    size: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names_of = Layout.others
    monkeypatch.setattr(Layout, "others", lambda layout: ["root"] * len(names_of(layout)))  # whoever runs the tests
    async with opened(prepare(session), SIZES[size]) as pilot:
        golden(pilot, f"observing-{name}-{size}")


async def test_header_counts_the_observers(controller: IncidentController) -> None:
    bob = observer(controller)
    async with opened(controller, (120, 36), sources=[]) as pilot:
        assert f"DRIVING as {SHE} " in grid(pilot)
        await until(pilot, lambda: bob.poll() is not None and f"DRIVING as {SHE} with {ME}" in grid(pilot))


async def test_an_observer_reads_the_plan_of_the_driver_and_every_change_of_control(
    controller: IncidentController,
) -> None:
    bob = observer(controller)
    async with opened(bob, (100, 30), sources=[]) as pilot:
        assert "What it will do" not in grid(pilot)
        plan = controller.plan("work")  # the driver looks at the step
        await until(pilot, lambda: "What it will do, read" in grid(pilot) and "echo ran >> ran" in grid(pilot))
        assert bob.driver_plan("work") is not None
        assert bob.driver_plan("rest") is None
        assert f"OBSERVING {SHE}" in grid(pilot)
        with patch.object(Identity, "current", lambda: Identity(SHE, 1 << 20, 1 << 20, 1)):
            controller.request_approval("work", plan)
        await until(pilot, lambda: "! 1.1 Do the work waits for a second person: press a" in grid(pilot))
        controller.session.append(EventKind.CONTROL_REQUESTED, {"by": ME})
        await until(pilot, lambda: f"{ME} requests control" in grid(pilot))
        controller.leave()
        await until(pilot, lambda: f"{SHE} gave control back" in grid(pilot))
        assert "OBSERVING, nobody drives" in grid(pilot)


async def test_a_request_that_waits_says_so_on_both_screens(controller: IncidentController) -> None:
    controller.session.append(EventKind.CONTROL_REQUESTED, {"by": ME})
    requested = pending_request(controller)
    waits = pending_request(observer(controller))
    assert requested is not None
    assert requested.message == f"{ME} requests control"
    assert requested.waits == ""
    assert waits is not None
    assert waits.message == f"{SHE} has not answered your request for control"
    controller.offer_control("root")
    offers = pending_request(controller)
    assert offers is not None
    assert offers.message == "Control is offered to root, not taken yet"


async def test_control_is_offered_and_the_offer_withdrawn(controller: IncidentController) -> None:
    async with opened(controller, sources=[]) as pilot:
        await press(pilot, "h", "enter")
        assert "To whom: an answer is needed" in grid(pilot)
        await press(pilot, *"roto", "enter")
        assert "There is no login roto" in grid(pilot)
        await press(pilot, *["backspace"] * 4, *"root", "enter")
        assert controller.offer is not None
        await press(pilot, "h")
        assert "Offered to root until" in grid(pilot)
        await press(pilot, "tab", "enter")
        assert controller.offer is None


async def test_observer_takes_control_that_is_offered(controller: IncidentController) -> None:
    controller.offer_control(ME)
    bob = observer(controller)
    async with opened(bob, sources=[]) as pilot:
        assert f"! {SHE} offers you control: press w" in grid(pilot)
        await press(pilot, "w")
        assert "Take control" in grid(pilot)
        await press(pilot, "tab", "enter")
        await until(pilot, lambda: bob.driving and "DRIVING" in grid(pilot))
        assert not controller.driving
        await press(pilot, "down", "n", *"it is mine", "ctrl+s")
        await until(pilot, lambda: bob.incident.notes)
    bob.leave()


async def test_control_that_was_left_behind_takes_a_reason(controller: IncidentController) -> None:
    bob = observer(controller, "bob@test")
    lost = controller.session.handle
    assert lost is not None
    lost.lock.release()  # as if her process had ended without a word
    assert lost.control_socket
    lost.control_socket.close()
    async with opened(bob, sources=[]) as pilot:
        await until(pilot, lambda: "! Nobody drives: press w" in grid(pilot))
        await press(pilot, "w", *"her line is gone", "enter")
        await until(pilot, lambda: bob.driving)
    assert (bob.events[-1].kind, bob.events[-1].body["reason"]) == (EventKind.DRIVER_TOOK_OVER, "her line is gone")
    bob.leave()


def took_control(controller: IncidentController, actor: str) -> DriverLock:
    """Control, taken between two heartbeats of a driver that lives."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        seen = LeaseWatcher(controller.folder).inspect().snapshot
        assert seen is not None
        try:
            return DriverLock.take_over(controller.folder, actor, seen)
        except Refused:  # a heartbeat came between the look and the takeover
            assert time.monotonic() < deadline, "a heartbeat came between each time"


async def test_driver_whose_control_was_taken_is_told_and_observes(controller: IncidentController) -> None:
    async with opened(controller, (120, 36), sources=[]) as pilot:
        bob = took_control(controller, "bob@test")
        await until(pilot, lambda: "bob@test took control of" in grid(pilot))
        await until(pilot, lambda: "OBSERVING" in grid(pilot))
        bob.release()


async def test_step_that_takes_two_is_asked_for_approved_and_run(controller: IncidentController, here: Path) -> None:
    async with opened(controller, sources=[]) as pilot:
        await until(pilot, lambda: "Enter ask a second person for 1.1" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "It takes two people." in grid(pilot))
        await press(pilot, "y")
        await until(pilot, lambda: "Enter 1.1 waits for a second person" in grid(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "i It waits for a second person: midwatch approve" in grid(pilot))
        approval = controller.incident.approvals["work"]
        by = Identity("bob", 1 << 20, None, 1)
        body = {"step": "work", "asked": approval.seq, "digest": approval.digest, "by": by.to_json()}
        controller.session.append(EventKind.APPROVAL_GIVEN, body)
        await until(pilot, lambda: "Enter run 1.1" in grid(pilot) and controller.incident.approvals["work"].given_by)
        await press(pilot, "enter", "y")
        await until(pilot, lambda: controller.incident.step("work").status is StepStatus.DONE)
    assert (here / "ran").read_text() == "ran\n"


async def test_second_person_reads_the_plan_and_the_same_person_is_refused(controller: IncidentController) -> None:
    controller.request_approval("work", controller.plan("work"))
    bob = observer(controller, "bob@test")
    async with opened(bob, sources=[]) as pilot:
        assert "! 1.1 Do the work waits for a second person: press a" in grid(pilot)
        await press(pilot, "a", "y")
        await until(pilot, lambda: "asked for it, and cannot approve it as well" in " ".join(grid(pilot).split()))
        assert controller.incident.approvals["work"].waits


class Peer(Identity):
    """Whoever is at the other end of the control socket is Bob, as the kernel knows him."""

    @classmethod
    def from_peer(cls, connection: socket.socket) -> Identity:  # type: ignore[override]
        return Identity("bob", 1 << 21, 1 << 21, 2)


def wrote(driver: IncidentController, kind: EventKind) -> bool:
    """Whether the driver's last event is of this kind; the driver polls, as a screen does."""
    driver.poll()
    return driver.events[-1].kind == kind


async def test_answer_of_the_second_person_is_in_the_drivers_journal(
    session: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer of the second person is in the driver's journal."""
    bob = asks(session)
    monkeypatch.setattr(control_socket, "Identity", Peer)
    async with opened(bob) as pilot:
        await press(pilot, "a", "y")
        await until(pilot, lambda: wrote(session, EventKind.APPROVAL_GIVEN))
        ask(session, session.plan("emergency-backup"))
        await until(pilot, lambda: session.poll() is not None and "waits for a second person: press a" in grid(pilot))
        await press(pilot, "a", "ctrl+d", *"not tonight", "enter")
        await until(pilot, lambda: wrote(session, EventKind.APPROVAL_DECLINED))
    assert session.events[-1].body["reason"] == "not tonight"


async def test_driver_reads_what_the_second_person_said(session: IncidentController) -> None:
    plan = two_people(session)
    body = {"step": "emergency-backup", "asked": ask(session, plan), "digest": plan.digest}
    by = Identity("bob", 1 << 21, 1 << 21, 2).to_json()
    session.session.append(EventKind.APPROVAL_DECLINED, body | {"by": by, "reason": "not tonight"})
    async with opened(session) as pilot:
        assert "i bob declined 3.8 Emergency backup of ARP: not tonight" in grid(pilot)
        assert "Enter ask a second person for 3.8" in grid(pilot)


async def test_asking_a_driver_that_lives(session: IncidentController) -> None:
    async with opened(observe(session)) as pilot:
        await press(pilot, "w", "tab", "enter")
        await until(pilot, lambda: session.poll() is not None and session.incident.asked_by)
    assert session.incident.asked_by == ME
