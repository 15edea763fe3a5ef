"""The wrong server is refused before anybody consents: pinned by the site, or by the first plan of the incident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.conductor import Conductor
from midwatch.errors import Refused
from midwatch.export.timeline import timeline
from midwatch.incident.events import Event, Kind
from midwatch.incident.fold import fold
from midwatch.incident.state import StepStatus
from midwatch.pins import Pin
from midwatch.telling import told
from probes.postgres.embedded import Engine, run
from tests.backup.waiting import until
from tests.consent.conftest import declared, write_site
from tests.core.conftest import ended
from tests.support.postgres import Server, server, short_folder, standby

pytestmark = pytest.mark.postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


def pinned(conductor: Conductor) -> list[Event]:
    return [event for event in conductor.events if event.kind == Kind.PINNED]


def identifier(made: Server) -> str:
    ((found,),) = made.sql("SELECT system_identifier::text FROM pg_control_system()")
    return str(found)


def test_first_plan_pins_the_server_once(conductor: Conductor, first: Server) -> None:
    conductor.plan("save")
    conductor.plan("save")
    (event,) = pinned(conductor)
    assert event.body == {
        "target": "arp", "system_identifier": identifier(first), "role": "primary", "from": None, "reason": ""
    }  # fmt: skip
    assert conductor.incident.pins == fold(conductor.events).pins == {"arp": Pin(identifier(first), "primary")}


def test_observer_pins_nothing(conductor: Conductor) -> None:
    watching = Conductor.observe(conductor.folder, actor="bob@test")
    assert not watching.plan("save").refusal
    assert not pinned(watching)


def test_rebuilt_server_is_refused_until_it_is_pinned_anew_with_a_reason(here: Path, folder: Path, engine: Engine) -> None:
    with server(folder / "a", engine) as old:
        write_site(here, old, socket="")
        conductor, before, port = declared(here), identifier(old), old.port
        shown = conductor.plan("save")
        assert not shown.refusal
    with server(folder / "b", engine, port=str(port)) as rebuilt:
        conductor.start("save", shown)
        assert ended(conductor, "save") is StepStatus.FAILED
        last = conductor.incident.step("save").last
        assert last is not None
        assert f"the server changed: system identifier of arp {before} → {identifier(rebuilt)}" in last.summary
        plan = conductor.plan("save")
        assert f"ARP is not the pinned server: system identifier {before} → {identifier(rebuilt)}" in plan.refusal
        with pytest.raises(Refused, match="is not the pinned server"):
            conductor.start("save", plan)
        with pytest.raises(Refused, match="A reason is missing"):
            conductor.pin_anew(plan, " ")
        conductor.pin_anew(plan, "rebuilt after the disk was lost")
        assert pinned(conductor)[-1].body["from"] == {"system_identifier": before, "role": "primary"}
        assert "rebuilt after the disk was lost" in told(pinned(conductor)[-1], conductor.runbook)
        with pytest.raises(Refused, match="nothing to pin anew"):
            conductor.pin_anew(plan, "once more")
        conductor.start("save", conductor.plan("save"))
        assert ended(conductor, "save") is StepStatus.DONE
    conductor.leave()
    (row,) = (
        line for line in timeline(conductor.runbook, conductor.events, conductor.folder).splitlines() if "pinned anew" in line
    )
    assert before in row
    assert "rebuilt after the disk was lost" in row


def test_promoted_standby_is_another_server_than_the_one_confirmed(
    here: Path, folder: Path, engine: Engine, first: Server
) -> None:
    with standby(folder / "s", first) as replica:
        write_site(here, replica)
        conductor = declared(here)
        plan = conductor.plan("save")
        assert plan.bindings["role of arp"] == "standby"
        run(engine.identity, [engine.program("pg_ctl"), "promote", "-w", "-s", "-D", str(replica.data)])
        until(lambda: replica.sql("SELECT pg_is_in_recovery()") == [(False,)], 30)
        assert "ARP is not the pinned server: standby → primary" in conductor.plan("save").refusal
        conductor.leave()


def test_pin_of_the_site_is_refused_before_consent(here: Path, first: Server, other: Server) -> None:
    write_site(here, first, system_identifier=identifier(other), role="primary")
    conductor = declared(here)
    plan = conductor.plan("save")
    assert f"system identifier {identifier(other)} → {identifier(first)}" in plan.refusal
    assert not pinned(conductor)
    conductor.pin_anew(plan, "the site file is old")
    assert not conductor.plan("save").refusal
    conductor.leave()


def test_two_ways_to_two_servers_are_no_target(here: Path, first: Server, other: Server) -> None:
    write_site(here, first, socket=str(other.sockets))
    link = other.sockets / f".s.PGSQL.{first.port}"
    link.symlink_to(other.sockets / f".s.PGSQL.{other.port}")
    conductor = declared(here)
    try:
        plan = conductor.plan("save")
        assert "ARP is not one server" in plan.refusal
        assert not pinned(conductor)
    finally:
        link.unlink()
        conductor.leave()
