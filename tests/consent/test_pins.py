"""The wrong server is refused before anybody consents: pinned by the site, or by the first plan of the incident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import Event, EventKind
from midwatch.incident.reducer import reduce
from midwatch.incident.server_pins import Pin
from midwatch.incident.step_status import StepStatus
from midwatch.reports.event_text import describe
from midwatch.reports.timeline import timeline
from midwatch.system.errors import Refused
from probes.postgres.embedded import Engine, run
from tests.support.pinned_site import declared, write_site
from tests.support.postgres import Server, server, short_folder, standby
from tests.support.steps import ended
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


def pinned(controller: IncidentController) -> list[Event]:
    return [event for event in controller.events if event.kind == EventKind.PINNED]


def identifier(made: Server) -> str:
    ((found,),) = made.sql("SELECT system_identifier::text FROM pg_control_system()")
    return str(found)


def test_first_plan_pins_the_server_once(controller: IncidentController, first: Server) -> None:
    controller.plan("save")
    controller.plan("save")
    (event,) = pinned(controller)
    assert event.body == {
        "target": "arp", "system_identifier": identifier(first), "role": "primary", "from": None, "reason": ""
    }  # fmt: skip
    assert controller.incident.pins == reduce(controller.events).pins == {"arp": Pin(identifier(first), "primary")}


def test_observer_pins_nothing(controller: IncidentController) -> None:
    watching = IncidentController.observe(controller.folder, actor="bob@test")
    assert not watching.plan("save").refusal
    assert not pinned(watching)


def test_rebuilt_server_is_refused_until_it_is_pinned_anew_with_a_reason(
    here: Path, folder: Path, engine: Engine
) -> None:
    with server(folder / "a", engine) as old:
        write_site(here, old, socket="")
        controller, before, port = declared(here), identifier(old), old.port
        shown = controller.plan("save")
        assert not shown.refusal
    with server(folder / "b", engine, port=str(port)) as rebuilt:
        controller.start("save", shown)
        assert ended(controller, "save") is StepStatus.FAILED
        last = controller.incident.step("save").last
        assert last is not None
        assert f"the server changed: system identifier of arp {before} → {identifier(rebuilt)}" in last.summary
        plan = controller.plan("save")
        assert f"ARP is not the pinned server: system identifier {before} → {identifier(rebuilt)}" in plan.refusal
        with pytest.raises(Refused, match="is not the pinned server"):
            controller.start("save", plan)
        with pytest.raises(Refused, match="A reason is missing"):
            controller.pin_anew(plan, " ")
        controller.pin_anew(plan, "rebuilt after the disk was lost")
        assert pinned(controller)[-1].body["from"] == {"system_identifier": before, "role": "primary"}
        assert "rebuilt after the disk was lost" in describe(pinned(controller)[-1], controller.runbook)
        with pytest.raises(Refused, match="nothing to pin anew"):
            controller.pin_anew(plan, "once more")
        controller.start("save", controller.plan("save"))
        assert ended(controller, "save") is StepStatus.DONE
    controller.leave()
    (row,) = (
        line
        for line in timeline(controller.runbook, controller.events, controller.folder).splitlines()
        if "pinned anew" in line
    )
    assert before in row
    assert "rebuilt after the disk was lost" in row


def test_promoted_standby_is_another_server_than_the_one_confirmed(
    here: Path, folder: Path, engine: Engine, first: Server
) -> None:
    with standby(folder / "s", first) as replica:
        write_site(here, replica)
        controller = declared(here)
        plan = controller.plan("save")
        assert plan.bindings["role of arp"] == "standby"
        run(engine.identity, [engine.program("pg_ctl"), "promote", "-w", "-s", "-D", str(replica.data)])
        wait_for(lambda: replica.sql("SELECT pg_is_in_recovery()") == [(False,)])
        assert "ARP is not the pinned server: standby → primary" in controller.plan("save").refusal
        controller.leave()


def test_pin_of_the_site_is_refused_before_consent(here: Path, first: Server, other: Server) -> None:
    write_site(here, first, system_identifier=identifier(other), role="primary")
    controller = declared(here)
    plan = controller.plan("save")
    assert f"system identifier {identifier(other)} → {identifier(first)}" in plan.refusal
    assert not pinned(controller)
    controller.pin_anew(plan, "the site file is old")
    assert not controller.plan("save").refusal
    controller.leave()


def test_two_ways_to_two_servers_are_no_target(here: Path, first: Server, other: Server) -> None:
    write_site(here, first, socket=str(other.sockets))
    link = other.sockets / f".s.PGSQL.{first.port}"
    link.symlink_to(other.sockets / f".s.PGSQL.{other.port}")
    controller = declared(here)
    try:
        plan = controller.plan("save")
        assert "ARP is not one server" in plan.refusal
        assert not pinned(controller)
    finally:
        link.unlink()
        controller.leave()
