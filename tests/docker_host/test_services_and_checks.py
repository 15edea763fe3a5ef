"""Services by their containers' health, over TCP and by SQL; checks that run inside a compose service."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actions.checks.migration_checks import MigrationChecks
from actions.checks.services import CheckServices
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.runbook.targets import Dependent, Target
from midwatch.system.units import Seconds
from probes.containers.client import NoSuchThing
from probes.containers.compose import compose_program
from probes.postgres.routes import find_server
from tests.docker_host.database_container import FIRST, server, superuser
from tests.support.host_world import Heard
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker
CHECK = {
    "test": ["CMD-SHELL", "test ! -e /tmp/sick || { echo the cache is cold; exit 1; }"],
    "interval": 200_000_000,
    "timeout": 5_000_000_000,
    "retries": 1,
}
COMPOSE = """\
version: "2.4"
services:
  bastion:
    image: {image}
    command: ["sh", "-c", "sleep 600"]
    network_mode: none
    labels: ["{label}"]
"""


@pytest.fixture(scope="module")
def served(client: DockerClient, label: str) -> Iterator[Target]:
    with server(client, label, "healthy", healthcheck=CHECK) as target:
        yield target


@pytest.fixture
def context(served: Target, make_context: Callable[..., Context], tmp_path: Path) -> Context:
    made = make_context(targets={served.name: served})
    (tmp_path / "pgpass").write_text(f"*:*:*:arp_app:{FIRST}\n")
    (tmp_path / "pgpass").chmod(0o600)
    context = replace(
        made, runbook=replace(made.runbook, locations={**made.runbook.locations, "pgpass": str(tmp_path / "pgpass")})
    )
    superuser(context, served, "SELECT 1")
    return context


def summary_with(context: Context, words: str, *, ok: bool) -> str:
    """What the check says, once the engine's own check has run again."""
    again, outcome = threading.Event(), CheckServices().evaluate(context)
    for _ in range(100):
        if words in outcome.summary:
            break
        again.wait(0.1)
        outcome = CheckServices().evaluate(context)
    assert words in outcome.summary
    assert outcome.ok is ok
    return outcome.summary


def test_service_counts_by_its_health_check_by_tcp_and_by_sql(
    client: DockerClient, context: Context, served: Target
) -> None:
    container = client.containers.get(served.container)
    assert summary_with(context, "container healthy", ok=True).startswith("ARP ok, PostgreSQL ")
    container.exec_run(["touch", "/tmp/sick"])
    assert "its check said: the cache is cold" in summary_with(context, "ARP: container unhealthy", ok=False)
    container.exec_run(["rm", "/tmp/sick"])
    summary_with(context, "container healthy", ok=True)
    container.rename(f"{served.container}-old")
    with pytest.raises(NoSuchThing, match=f"There is no container {served.container}. Similar: {served.container}-old"):
        find_server(served)
    with pytest.raises(NoSuchThing):  # what begins an id is no name
        find_server(replace(served, container=str(container.id)[:12]))
    container.rename(served.container)
    container.pause()
    summary_with(context, "ARP: container paused", ok=False)
    container.unpause()
    summary_with(context, "container healthy", ok=True)


def test_container_that_ended_by_itself_and_was_started_again_is_a_warning(
    client: DockerClient, context: Context, served: Target
) -> None:
    container = client.containers.get(served.container)
    container.update(restart_policy={"Name": "always"})
    assert CheckServices().evaluate(context).state is Level.OK
    container.reload()
    os.kill(container.attrs["State"]["Pid"], signal.SIGKILL)
    said = "ARP ended by itself and was started again 1 time, the last "
    wait_for(lambda: CheckServices().evaluate(context).summary.startswith(said))
    outcome = CheckServices().evaluate(context)
    assert outcome.state is Level.WARN
    assert {figure.label: figure.value for figure in outcome.figures}["ARP restarts"] == 1
    wait_for(lambda: CheckServices(restarted_within=Seconds(0)).evaluate(context).state is Level.OK)


def test_target_without_an_engine_is_reached_by_the_address_of_the_runbook(
    context: Context, served: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target = replace(served, host="127.0.0.1", dependents=(Dependent("API", tcp=f"127.0.0.1:{served.port}"),))
    reachable = replace(context, runbook=replace(context.runbook, targets={target.name: target}))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    outcome = CheckServices().evaluate(reachable)
    assert outcome.ok
    assert "its container cannot be asked" in outcome.summary
    broken = replace(target, dependents=(Dependent("API", tcp="127.0.0.1:1"),))
    outcome = CheckServices(targets=(broken,)).evaluate(reachable)
    assert outcome.summary.startswith("ARP: API does not get in (127.0.0.1:1 takes no connection")
    assert "no Docker engine here" in CheckServices().evaluate(context).summary, "without an address there is no way"


def inside(context: Context, heard: Heard, command: str, project: Path) -> str:
    heard.lines.clear()
    MigrationChecks(container="bastion", compose=project, command=command).evaluate(context)
    return next(line for line in heard.lines if " in bastion" in line)


@pytest.mark.parametrize("installed", [True, False])
def test_checks_run_inside_a_compose_service(
    context: Context,
    heard: Heard,
    label: str,
    base_image: str,
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: bool,
) -> None:
    project = tmp_path / f"project-{label[-8:]}"
    project.mkdir()
    assert "There is no compose file" in inside(context, heard, "sh", project)
    (project / "docker-compose.yml").write_text(COMPOSE.format(image=base_image, label=label))
    program = compose_program()
    if installed and program:
        subprocess.run([*program, "up", "-d"], cwd=project, check=True, capture_output=True)
    else:  # what compose would have made
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "No container of the service bastion" in inside(context, heard, "sh", project)
        folder = {"com.docker.compose.project.working_dir": str(project), "com.docker.compose.service": "bastion"}
        make_container(name_of("bastion"), **folder)
    assert (
        inside(context, heard, "sh -c 'echo all is well'", project)
        == "[OK] sh -c 'echo all is well' in bastion: all is well"
    )
    assert inside(context, heard, "sh -c 'echo 3 pending; exit 4'", project).startswith("[FAIL]")
    assert "3 pending" in inside(context, heard, "sh -c 'echo 3 pending; exit 4'", project / "docker-compose.yml")
