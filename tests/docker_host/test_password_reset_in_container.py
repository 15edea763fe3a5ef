"""A password recovered in a real container: what its environment still says, its secret files, and the ways in."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actions.checks.password import CheckPassword
from actions.diagnose_access import DiagnoseAccess
from actions.reset_password import ResetPassword
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from probes.postgres.connect import connect
from probes.postgres.routes import superuser_route
from tests.docker_host.database_container import FIRST, server, superuser
from tests.support.host_world import Heard

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def served(client: DockerClient, label: str) -> Iterator[Target]:
    with server(client, label, "arp") as target:
        yield target


@pytest.fixture
def context(served: Target, make_context: Callable[..., Context], tmp_path: Path) -> Context:
    made = make_context(targets={served.name: served})
    context = replace(
        made, runbook=replace(made.runbook, locations={**made.runbook.locations, "pgpass": str(tmp_path / "pgpass")})
    )
    superuser(context, served, f"ALTER ROLE arp_app PASSWORD '{FIRST}'")
    return context


def recover(context: Context, target: Target) -> dict[str, str]:
    action = ResetPassword(target)
    outcome = action.apply(context, action.plan(context))
    assert CheckPassword(target).evaluate(context).ok
    return dict(outcome.values)


def test_password_of_the_containers_start_is_tried_first(context: Context, served: Target) -> None:
    context.location("pgpass").write_text(f"*:*:*:arp_app:{FIRST}\n")
    assert recover(context, served)["source"] == "the container's POSTGRES_PASSWORD"


def test_stale_environment_is_refused_and_the_socket_gets_in(
    client: DockerClient, context: Context, served: Target, heard: Heard
) -> None:
    superuser(context, served, "ALTER ROLE arp_app PASSWORD 'changed since'")
    facts = dict(ResetPassword(served).plan(context).facts)
    assert facts["tried"] == "the container's POSTGRES_PASSWORD refused"
    assert facts["superuser"].startswith("arp_app by socket /proc/")
    assert recover(context, served)["method"] == "reset"
    new = heard.secrets["new password of ARP"]
    assert new not in client.api.logs(served.container).decode()
    assert "SCRAM-SHA-256" not in client.api.logs(served.container).decode()


def test_secret_file_of_the_container_is_tried(client: DockerClient, context: Context, served: Target) -> None:
    superuser(context, served, "ALTER ROLE arp_app PASSWORD 'from a secret file'")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("run/secrets/arp_app_password")
        entry.size = len(b"from a secret file\n")
        tar.addfile(entry, io.BytesIO(b"from a secret file\n"))
    client.api.put_archive(served.container, "/", buffer.getvalue())
    assert recover(context, served)["source"] == "the container's /run/secrets/arp_app_password"


def test_inside_the_container_is_the_last_way_and_taken_back_as_well(
    context: Context, served: Target, heard: Heard
) -> None:
    superuser(context, served, "ALTER ROLE arp_app PASSWORD 'changed since'")
    target = replace(served, socket="/nowhere")
    facts = dict(ResetPassword(target).plan(context).facts)
    assert facts["superuser"] == f"arp_app by inside the container {served.container}"
    values = recover(context, target)
    undo = ResetPassword(target).undo(values)
    assert undo is not None
    assert "superuser any more" in dict(undo.plan(context).facts)["afterwards"], "this role is its own way in"
    undo.apply(context, undo.plan(context))
    route = superuser_route(context.runbook, served)
    with connect(replace(route, kind="tcp", host="127.0.0.1"), password="changed since") as connection:
        assert connection.pgconn.used_password


def test_container_that_trusts_its_inside_proves_nothing(
    client: DockerClient, label: str, make_context: Callable[..., Context], tmp_path: Path, heard: Heard
) -> None:
    with server(client, label, "trusting", POSTGRES_INITDB_ARGS="--auth-host=trust") as target:
        made: Any = make_context(targets={target.name: target})
        context = replace(
            made, runbook=replace(made.runbook, locations={**made.runbook.locations, "pgpass": str(tmp_path / "p")})
        )
        superuser(context, target, "SELECT 1")
        (tmp_path / "p").write_text("*:*:*:*:rubbish\n")
        (tmp_path / "p").chmod(0o600)
        outcome = CheckPassword(target).evaluate(context)
        assert not outcome.ok
        assert "without asking for a password: that proves nothing" in outcome.summary
        assert dict(ResetPassword(target).plan(context).facts)["tried"].endswith(".pgpass refused")


@pytest.mark.parametrize("form", ["stderr", "csvlog", "jsonlog"])
def test_server_that_logs_to_files_inside_is_asked_where(
    client: DockerClient, label: str, make_context: Callable[..., Context], tmp_path: Path, heard: Heard, form: str
) -> None:
    settings = ("logging_collector=on", "log_directory=/tmp", f"log_destination={form}")
    with server(client, label, "logging", settings=settings) as target:
        made = make_context(targets={target.name: target})
        context = replace(
            made, runbook=replace(made.runbook, locations={**made.runbook.locations, "pgpass": str(tmp_path / "p")})
        )
        superuser(context, target, "SELECT 1")
        (tmp_path / "p").write_text("*:*:*:*:rubbish\n")
        (tmp_path / "p").chmod(0o600)
        assert not CheckPassword(target).evaluate(context).ok
        context.location("audit").parent.mkdir()
        context.location("audit").touch()
        outcome = DiagnoseAccess().apply(context, DiagnoseAccess().plan(context))
        assert "logs to /proc/" in heard.text
        source = "?" if form == "stderr" else "127.0.0.1"
        assert f"1  arp_app at arp-db-prod from {source}, wrong password" in heard.text
        assert int(outcome.values["refused_logins"]) >= 1  # the superuser may have knocked before its socket was there
