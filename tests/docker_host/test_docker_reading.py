"""The Docker panel and the isolation of disk and access, on a real engine."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actions import diagnose_access
from actions.checks.docker import CheckDocker
from actions.diagnose_access import DiagnoseAccess
from actions.diagnose_disk import DiagnoseDisk
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Failed
from probes.containers.client import engine, root_here
from probes.containers.command import run_in
from probes.containers.command_input import feed
from probes.containers.space import ContainerLog, log_of, measure_log
from probes.docker import DockerProbe
from probes.postgres.routes import find_server
from probes.storage.open_deleted_files import OpenDeletedFile, open_deleted_files
from tests.support.host_world import Heard, docker_target
from tests.support.users import MALLORY, needs_root, run_as
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


def test_panel_follows_the_state_of_a_target(
    make_context: Callable[..., Context], make_container: Callable[..., Any], name_of: Callable[[str], str]
) -> None:
    context = make_context(targets=docker_target(name_of("arp")))
    runbook = context.runbook

    def row() -> tuple[str, Level]:
        found = DockerProbe().read(runbook, SystemClock()).rows[1]
        checked = CheckDocker(warning="").evaluate(context)  # what an engine keeps unused is its own affair here
        assert (checked.state, checked.ok) == (found.level, found.level is Level.OK)
        return found.text.split(":")[0], found.level

    assert row() == (f"no container {name_of('arp')}", Level.CRITICAL)
    container = make_container(name_of("arp"))
    assert row() == ("running", Level.OK)
    assert CheckDocker(warning="@0:").evaluate(context).state is Level.WARN
    container.pause()
    assert row() == ("paused", Level.CRITICAL)
    container.unpause()
    container.kill()
    container.wait(timeout=30)
    assert row() == ("exited", Level.CRITICAL)
    space = DockerProbe().read(runbook, SystemClock()).rows[0]
    assert space.unit == "B"
    assert "unused of" in space.text
    held = dict(space.facts)
    assert list(held) == ["images", "containers", "volumes", "build cache"]
    assert " stopped, " in held["containers"]
    assert ": " in held["images"]


def test_similar_container_name_is_suggested_and_never_used(
    make_context: Callable[..., Context], make_container: Callable[..., Any], name_of: Callable[[str], str]
) -> None:
    make_container(name_of("arp") + "-old")
    row = DockerProbe().read(make_context(targets=docker_target(name_of("arp"))).runbook, SystemClock()).rows[1]
    assert row.level is Level.CRITICAL
    assert row.detail == f"similar: {name_of('arp')}-old"


def test_engine_that_refuses_or_hangs_is_the_readings_error(
    monkeypatch: pytest.MonkeyPatch, make_context: Callable[..., Context], tmp_path: Path
) -> None:
    runbook = make_context(targets=docker_target("arp")).runbook
    path = tmp_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        reading = DockerProbe().read(runbook, SystemClock())
        assert "refuses" in reading.error
        assert reading.rows == ()
        server.listen()  # takes the connection and never answers
        with pytest.raises(Failed, match="did not answer within 1 s"), engine(1) as client:
            client.ping()


def test_command_in_a_stopped_container_fails_with_a_hint(
    client: DockerClient, make_container: Callable[..., Any], name_of: Callable[[str], str]
) -> None:
    container = make_container(name_of("arp"))
    said = run_in(client, container.name, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (said.out, said.err, said.exit) == ("out\n", "err\n", 3)
    with pytest.raises(Failed, match="has no nothing"):
        run_in(client, container.name, "nothing")
    container.pause()
    target = docker_target(container.name)["arp-db-prod"]
    for look in (lambda: run_in(client, container.name, "df"), lambda: find_server(target)):
        with pytest.raises(Failed, match="is paused") as caught:
            look()
        assert caught.value.hint == f"docker unpause {container.name}"
    container.unpause()
    container.stop(timeout=0)
    with pytest.raises(Failed, match="is exited") as caught:
        find_server(target)
    assert caught.value.hint == f"docker start {container.name}"


@pytest.mark.parametrize("data", [None, b"SELECT 1;" * 1_000_000], ids=["told nothing", "told more than it reads"])
def test_container_that_is_paused_under_a_command_holds_nobody_up(
    client: DockerClient, make_container: Callable[..., Any], name_of: Callable[[str], str], data: bytes | None
) -> None:
    container = make_container(name_of("arp"))
    argv = (container.name, "sh", "-c", "echo > /begun; sleep 600")

    def pause() -> None:
        wait_for(lambda: run_in(client, container.name, "sh", "-c", "cat /begun").exit == 0)
        container.pause()

    somebody = threading.Thread(target=pause)
    somebody.start()
    try:
        with (
            pytest.raises(Failed, match=r"is paused: sh did not end within 1 s\. docker unpause"),
            engine(1) as impatient,
        ):
            run_in(impatient, *argv) if data is None else feed(impatient, *argv, data=data)
    finally:
        somebody.join(60)
        container.unpause()


def test_command_that_ends_before_it_has_read_everything(
    client: DockerClient, make_container: Callable[..., Any], name_of: Callable[[str], str]
) -> None:
    """What it said at once is not lost, nor how it ended."""
    container = make_container(name_of("arp"))
    said = feed(client, container.name, "sh", "-c", "echo out; echo err >&2; exit 3", data=b"x" * 3000)
    assert (said.out, said.err, said.exit) == ("out\n", "err\n", 3)
    with pytest.raises(Failed, match="has no nothing"):
        feed(client, container.name, "nothing", data=b"x")


def test_isolating_the_disk_names_the_log_that_docker_does_not_count(
    client: DockerClient,
    make_context: Callable[..., Context],
    heard: Heard,
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
    tmp_path: Path,
) -> None:
    loud = make_container(
        name_of("arp"),
        command="i=0; while [ $i -lt 4000 ]; do echo $i:0123456789012345678901234567890123456789; i=$((i+1)); "
        "done; sleep 600",
    )
    root = root_here(client)
    wait_for(lambda: log_of(client, loud.id, root).size > 200_000)
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "file").write_bytes(b"x" * 2_000_000)
    context = make_context(targets=docker_target(name_of("arp")), disk={"paths": ["."]})
    action = DiagnoseDisk(target=context.runbook.targets["arp-db-prod"], paths=(tmp_path,))
    outcome = action.apply(context, action.plan(context))
    assert outcome.values["largest"] == str(tmp_path / "big")
    assert f"log of {name_of('arp')}, which docker system df leaves out" in heard.text
    assert "df -h inside" in heard.text
    assert "df -i inside" in heard.text
    assert "could be reclaimed" in heard.text
    assert "How large the database arp is, only the server knows" in heard.text
    assert "overlay" in heard.text


@needs_root
def test_logs_of_other_drivers_are_measured_or_said_to_be_unknown(
    client: DockerClient,
    make_context: Callable[..., Context],
    heard: Heard,
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
) -> None:
    talk = "i=0; while [ $i -lt 4000 ]; do echo $i:0123456789012345678901234567890123456789; i=$((i+1)); done"
    local = make_container(name_of("local"), command=talk, log="local")
    silent = make_container(name_of("silent"), command=talk, log="none")
    sparse = make_container(name_of("sparse"), command="echo one")
    to = {"syslog-address": "udp://127.0.0.1:9"}
    remote = make_container(name_of("remote"), command=talk, log="syslog", log_options=to)
    for container in (local, silent, sparse, remote):
        container.wait(timeout=60)
    os.truncate(client.api.inspect_container(sparse.id)["LogPath"], 300_000_000)  # a hole
    root = root_here(client)
    assert log_of(client, local.id, root).size > 100_000
    assert log_of(client, silent.id, root) == ContainerLog()
    assert 0 < log_of(client, sparse.id, root).size < 100_000
    assert log_of(client, remote.id, root).unknown == "the driver syslog keeps it outside of Docker"
    assert log_of(client, remote.id, root).size > 100_000, "the copy that the engine has for docker logs"
    assert "cannot be seen from here" in log_of(client, local.id, None).unknown
    assert root is not None
    hers = run_as(MALLORY, lambda: measure_log(root / "containers" / local.id / "local-logs/container.log"))
    assert hers.unknown.endswith("cannot be read: Permission denied")
    context = make_context(targets=docker_target(name_of("arp")), disk={"paths": ["."]})
    DiagnoseDisk().apply(context, DiagnoseDisk().plan(context))
    assert f"log of {local.name}, which docker system df leaves out" in heard.text
    assert f"not measured  log of {remote.name}: the driver syslog keeps it outside of Docker" in heard.text


def test_deleted_file_in_a_container_names_it_and_counts_for_the_file_system_of_its_layer(
    client: DockerClient,
    make_context: Callable[..., Context],
    heard: Heard,
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
) -> None:
    root = root_here(client)
    assert root is not None
    command = (
        "exec 3>/left-behind; while [ $i -lt 40 ]; do cat /bin/* >&3; i=$((i+1)); done; rm /left-behind; sleep 600"
    )
    holder = make_container(name_of("holder"), command=f"i=0; {command}")

    def held() -> list[OpenDeletedFile]:
        return [item for item in open_deleted_files(root)[0] if item.container == holder.id]

    wait_for(held)
    (item, *_) = held()
    assert (item.path, item.device) == ("/left-behind", root.stat().st_dev)
    assert item.process in ("sh", "sleep")
    assert item.size > 10_000_000
    context = make_context(disk={"paths": ["."]})
    DiagnoseDisk().apply(context, DiagnoseDisk().plan(context))
    assert f"in the container {holder.name}" in heard.text


def test_layers_that_belong_to_nothing_are_named(
    client: DockerClient, make_context: Callable[..., Context], heard: Heard, tmp_path: Path
) -> None:
    root = root_here(client)
    assert root is not None
    left = Path(tempfile.mkdtemp(prefix="midwatch-test-", dir=root))
    try:
        with (left / "layer").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 1_000_000_000)
        DiagnoseDisk(paths=(left,)).apply(make_context(), DiagnoseDisk().plan(make_context()))
    finally:
        shutil.rmtree(left)
    assert f"more lie below {root} and belong to nothing that Docker lists" in heard.text


def test_isolating_access_reads_the_servers_log(
    make_context: Callable[..., Context],
    heard: Heard,
    make_container: Callable[..., Any],
    name_of: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = '2026-11-23 02:00:06.120 UTC [9] FATAL:  password authentication failed for user "arp_app"'
    make_container(name_of("arp"), command=f"echo '{line}'; echo '{line}' >&2; exit 0").wait(timeout=30)
    (tmp_path / "security").mkdir()
    (tmp_path / "security" / "access-audit.log").write_text(
        "2026-11-22 10:00:00 LOGIN ok user=arp_app target=arp-db-prod\n"
    )
    context = make_context(targets=docker_target(name_of("arp")))
    outcome = DiagnoseAccess().apply(context, DiagnoseAccess().plan(context))
    assert "2  arp_app at arp-db-prod from ?, password authentication failed, 2026-11-23 02:00:06" in heard.text
    assert (outcome.values["failed_logins"], outcome.values["refused_logins"]) == ("0", "2")
    assert "was not read" not in heard.text
    monkeypatch.setattr(diagnose_access, "LINES", 1)
    outcome = DiagnoseAccess().apply(context, DiagnoseAccess().plan(context))
    assert int(outcome.values["refused_logins"]) < 2
    assert "the beginning of the container's output was not read" in heard.text


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_docker_socket_without_rights_says_so(client: DockerClient) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # a process of its own: there is no way back to root
        said = "nothing was raised"
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            with engine(2) as unprivileged:
                unprivileged.ping()
        except BaseException as error:
            said = str(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert pipe.read() == "No permission to talk to Docker. Run as root or as a member of the group docker."
    os.waitpid(child, 0)
