"""The drill in containers: what is in them, what it never touches on a real engine, and that it goes without a
trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from actions.clean_docker import CleanDocker
from actions.credentials.password_candidates import candidates, works
from drill.production import Production, build, find_open
from drill.servers import image
from drill.servers.containers import BOOT, RECORD
from drill.servers.runtime_selection import choose
from drill.state import LABEL_KEY, DrillState, records
from drill.teardown import sweep, tear_down
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.engine.planning import SilentConsole
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Failed, Refused
from midwatch.system.units import Seconds
from probes.docker import DockerProbe
from probes.postgres.connect import connect
from probes.postgres.routes import login_route, superuser_route
from tests.drill.other_processes import HOUSE, SITE_PACKAGES, interpreter, outside, traces, within_reach
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [pytest.mark.docker, pytest.mark.postgres]


@pytest.fixture(scope="module")
def production(client: DockerClient, drills: Path) -> Iterator[Production]:
    """The reference production in containers; the tests of this module leave it as it is."""
    said: list[str] = []
    built = build("reference", docker=None, linger=0, say=said.append)
    assert "The servers run in containers; without: --no-docker" in said
    yield built
    built.tear_down()


@pytest.fixture
def runbook(production: Production, monkeypatch: pytest.MonkeyPatch) -> Runbook:
    for name, value in production.environment.items():
        monkeypatch.setenv(name, value)
    return load(production.runbook, site=production.site)


@pytest.fixture
def arp(runbook: Runbook) -> Target:
    return runbook.targets["arp-db-prod"]


def labelled(client: DockerClient, label: str = LABEL_KEY) -> list[str]:
    """What carries the label: names of containers and images, and volumes."""
    mine = {"label": label}
    containers = [container.name for container in client.containers.list(all=True, filters=mine, ignore_removed=True)]
    images = [image.id for image in client.images.list(filters=mine)]
    return [*containers, *images, *(volume.name for volume in client.volumes.list(filters=mine))]


def test_password_of_arp_alone_is_lost_and_that_of_the_first_start_is_stale(
    client: DockerClient, runbook: Runbook, arp: Target
) -> None:
    for name in ("otc-db-prod", "gps-db-prod"):
        route = login_route(runbook.targets[name])
        with connect(route, pgpass=runbook.location_of("pgpass")) as connection:
            assert connection.pgconn.used_password
    route = login_route(arp)
    tried = list(candidates(runbook, arp, route))
    assert {one.source for one in tried} == {".pgpass", "the container's POSTGRES_PASSWORD"}
    (first,) = [one.password for one in tried if "POSTGRES" in one.source]
    assert not works(route, first)
    assert not works(replace(route, user="postgres"), first), "nor does it let the superuser in"
    inspected = client.api.inspect_container(arp.container)
    assert f"POSTGRES_PASSWORD={first}" in inspected["Config"]["Env"]
    assert first.encode() not in client.api.logs(arp.container)


def test_socket_in_the_container_trusts_the_superuser(runbook: Runbook, arp: Target) -> None:
    route = superuser_route(runbook, arp)
    assert route.kind == ("socket" if os.geteuid() == 0 else "exec")
    assert route.user == "postgres"


def test_panel_tells_of_the_drill_and_of_nothing_else(
    client: DockerClient, production: Production, runbook: Runbook
) -> None:
    client.containers.run(
        image.name(), entrypoint=["true"], name=f"somebody-elses-{os.getpid()}", network_mode="none", detach=True
    )
    try:
        (panel,) = [panel for panel in runbook.panels if panel.probe == "docker"]
        reading = DockerProbe(label=str(panel.with_["label"])).read(runbook, SystemClock())
        assert [row.label for row in reading.rows] == ["docker", *runbook.targets]
        assert reading.rows[0].number == pytest.approx(31e6, rel=0.1)
        assert all(row.text.startswith("running: Up") for row in reading.rows[1:])
        assert Level.CRITICAL not in {row.level for row in reading.rows}
        context = Context(runbook, SilentConsole(), SystemClock(), "ada@drill")
        bold = CleanDocker(stopped_for=Seconds(0), local_images=True).plan(context)
        goes = {effect.identity for effect in bold.effects if effect.verb.name == "REMOVE"}
        assert len(goes) == 4, "three images and the container that has ended"
        assert goes <= {c.id for c in client.containers.list(all=True, filters={"label": production.record.label})} | {
            i.id for i in client.images.list(filters={"label": production.record.label})
        }
        assert production.record.label in dict(bold.facts)["limited to"]
    finally:
        client.api.remove_container(f"somebody-elses-{os.getpid()}")


def test_second_drill_never_takes_the_names(production: Production) -> None:
    said: list[str] = []
    assert not choose(None, said.append)
    assert len(said) == 1
    assert "The servers run without Docker: there is a container " in said[0]
    assert "-db-prod already, of another drill" in said[0]
    with pytest.raises(Refused, match="--no-docker"):
        build(docker=True)
    assert [record.folder for record in records()] == [str(production.folder)]


def test_drill_is_found_again_only_while_its_containers_run(
    client: DockerClient, production: Production, runbook: Runbook
) -> None:
    assert find_open() is not None
    client.api.pause("gps-db-prod")
    try:
        assert find_open() is None
    finally:
        client.api.unpause("gps-db-prod")
    assert production.alive()


OWNER = """
import sys
from drill.production import build
production = build(docker={"True": True, "None": None}[sys.argv[1]], linger=0, say=lambda text: print(text, flush=True))
print(production.folder, flush=True)
sys.stdin.read()
"""


def owner(drills: Path, docker: bool | None, python: str = sys.executable, **more: object) -> subprocess.Popen[str]:
    given: dict[str, object] = {"env": outside(drills), **more}
    argv = [python, "-c", OWNER, str(docker)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/", **given)  # type: ignore[call-overload,no-any-return]


def records_in(drills: Path) -> list[DrillState]:
    found = (DrillState.load(file) for file in drills.glob("*.json"))
    return [record for record in found if record is not None and record.label and record.reaper]


def mine(drills: Path) -> DrillState:
    """The record of the only drill in this folder, once it has one."""
    wait_for(lambda: records_in(drills) != [])
    (record,) = records_in(drills)
    return record


class TestEnds:
    """On an engine of which no drill holds the names; so it runs after the tests above."""

    @pytest.fixture(autouse=True)
    def _alone(self, client: DockerClient, drills: Path, production: Production) -> None:
        production.tear_down()
        assert labelled(client, production.record.label) == []

    def test_killed_with_its_reaper_the_next_sweep_removes_it(self, client: DockerClient, drills: Path) -> None:
        process = owner(drills, True)
        assert process.stdout is not None
        assert any(line.startswith(str(drills)) for line in process.stdout)
        record = mine(drills)
        assert len(labelled(client, record.label)) == 7, "three servers, one that ended, three images"
        assert record.reaper is not None
        os.kill(record.reaper.pid, signal.SIGKILL)
        process.kill()
        process.communicate(timeout=20)
        assert sweep() == [record.folder]
        assert labelled(client, record.label) == []
        assert traces(Path(record.folder)) == []
        assert not drills.exists()

    def test_killed_while_a_container_is_being_made_the_reaper_removes_it(
        self, client: DockerClient, drills: Path
    ) -> None:
        process = owner(drills, True)
        record = mine(drills)
        wait_for(lambda: labelled(client, record.label) != [])
        process.kill()
        process.communicate(timeout=20)
        wait_for(lambda: not record.file.exists())
        assert labelled(client, record.label) == []
        wait_for(lambda: traces(Path(record.folder)) == [])

    def test_with_the_engine_away_the_record_stays_until_it_is_back(
        self, client: DockerClient, drills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        process = owner(drills, True)
        record = mine(drills)
        assert record.reaper is not None
        os.kill(record.reaper.pid, signal.SIGKILL)
        wait_for(lambda: labelled(client, record.label) != [])
        process.kill()
        process.communicate(timeout=20)
        current = mine(drills)
        current.engine = f"unix://{tmp_path}/gone.sock"
        current.save()
        with pytest.raises(Failed, match=r"names the Docker engine .*, and yours is another"):
            tear_down(current)
        assert Path(current.folder).exists()
        monkeypatch.setenv("DOCKER_HOST", current.engine)
        with pytest.raises(Failed, match=r"what carries the label .* no Docker engine here"):
            tear_down(current)
        assert not Path(current.folder).exists()
        current = mine(drills)
        monkeypatch.delenv("DOCKER_HOST")
        current.engine = record.engine
        current.save()
        assert sweep() == [record.folder]
        assert labelled(client, record.label) == []

    def test_remains_of_an_earlier_boot_make_way_and_a_real_container_does_not(
        self, client: DockerClient, tmp_path: Path
    ) -> None:
        def container(**labels: str) -> None:
            client.containers.create(image.name(), name="arp-db-prod", network_mode="none", labels=labels)

        container(**{LABEL_KEY: "earlier", RECORD: str(tmp_path / "gone.json"), BOOT: "another"})
        assert choose(None, lambda text: None)
        assert labelled(client, f"{LABEL_KEY}=earlier") == []
        container()
        try:
            with pytest.raises(Refused, match="there is a container arp-db-prod already, that is no drill's"):
                choose(True, lambda text: None)
            assert client.containers.get("arp-db-prod")
        finally:
            client.api.remove_container("arp-db-prod")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    def test_without_rights_on_the_engine_it_runs_without_docker_and_says_so(
        self, client: DockerClient, drills: Path
    ) -> None:
        theirs = drills.parent / "theirs"
        theirs.mkdir()
        os.chown(theirs, 65534, 65534)
        with within_reach(HOUSE) as house, within_reach(SITE_PACKAGES) as packages:
            environment = outside(theirs / "d", HOME=str(theirs), PYTHONPATH=f"{house}{os.pathsep}{packages}")
            who = {"user": 65534, "group": 65534, "extra_groups": []}
            process = owner(theirs, None, interpreter(), env=environment, **who)
            assert process.stdout is not None
            assert "The servers run without Docker: No permission to talk to Docker\n" in process.stdout
            assert "Three servers are made; filling them\n" in process.stdout  # it has a reaper by now
            process.kill()
            process.communicate(timeout=20)
            wait_for(lambda: not (theirs / "d").exists())
        theirs.rmdir()


@pytest.mark.parametrize("scenario", ["no-socket", "damaged-table"])
@pytest.mark.usefixtures("client")
def test_scenario_is_wrong_in_containers_as_well(drills: Path, monkeypatch: pytest.MonkeyPatch, scenario: str) -> None:
    built = build(scenario, docker=True, linger=0)
    try:
        for name, value in built.environment.items():
            monkeypatch.setenv(name, value)
        runbook = load(built.runbook, site=built.site)
        arp = runbook.targets["arp-db-prod"]
        if scenario == "no-socket":
            with pytest.raises(Refused, match="no way into ARP as a superuser"):
                superuser_route(runbook, arp)
        else:
            with (
                connect(superuser_route(runbook, arp)) as connection,
                pytest.raises(psycopg.Error, match="invalid page in block 20"),
            ):
                connection.execute("SELECT sum(debit) FROM archive.ledger_entries")
    finally:
        built.tear_down()
