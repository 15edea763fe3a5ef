"""The engine is killed in the middle of a dump: nothing is lost, and the database is reached without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actions.dump.orphaned_dumps import orphaned_dumps
from actions.emergency_backup import EmergencyBackup
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.api.plan import Verb
from midwatch.runbook.targets import Target
from probes.containers.client import engine
from probes.postgres.connect import Route
from probes.postgres.role import run_quietly
from tests.docker_host.database_container import FIRST, server, superuser
from tests.docker_host.own_engine import OwnEngine
from tests.support.host_world import BIN
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [pytest.mark.docker, pytest.mark.postgres]
ROWS = (
    "CREATE TABLE ledger AS SELECT g, md5(g::text) AS text, md5((g + 1)::text) AS more FROM "
    "generate_series(1, 250000) g"
)

DUMPS_AND_KILLS = """
import os, signal, sys
from pathlib import Path
from actions.dump.dump_stream import dump
from midwatch.system.errors import Failed
from probes.postgres.connect import Route

port, container, path, pid = sys.argv[1:]
def kill(done, total=None):
    if done > 1_000_000:
        os.kill(int(pid), signal.SIGKILL)

try:
    dump(Route("exec", "", int(port), "arp_app", "arp", "ARP", container), None, Path(path), kill)
except Failed as error:
    print(error)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd") is None, reason="an engine of its own needs root and dockerd"
)
def test_engine_that_is_killed_in_mid_dump(
    tmp_path: Path, make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "emergency"
    place.mkdir()
    (place / "earlier.gz").write_bytes(b"kept")
    with OwnEngine() as private:
        monkeypatch.setenv("DOCKER_HOST", private.address)
        with engine(60) as client, server(client, "midwatch.test=own-engine", "arp") as served:
            arp = replace(served, socket="/nowhere")
            context = with_password(make_context(targets={arp.name: arp}), tmp_path)
            superuser(context, arp, ROWS)
            inside = Route("exec", "", arp.port, arp.user, "arp", "ARP", arp.container)

            def dump_and_kill() -> str:
                words = (arp.port, arp.container, place / "a.gz", private.pid)
                argv = [sys.executable, "-c", DUMPS_AND_KILLS, *map(str, words)]
                done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
                private.wait()
                assert [path.name for path in place.glob("[!.]*")] == ["earlier.gz"], done
                return done.stdout

            said = dump_and_kill()
            assert said.startswith("Docker went away in the middle of the dump: "), said
            assert "Nothing was published. Run it again once Docker answers, or with host and port" in said
            assert [path.name for path in place.iterdir()] == ["earlier.gz"]

            refusal = EmergencyBackup(arp).plan(context).refusal
            assert refusal.startswith(
                "The Docker daemon is down: its socket refuses. systemctl start docker; or set host and port"
            )

            by_tcp = replace(arp, host="127.0.0.1")
            plan = EmergencyBackup(by_tcp).plan(context)
            assert dict(plan.facts)["route"] == f"arp_app by TCP 127.0.0.1:{arp.port}"
            (lost,) = [effect for effect in plan.effects if "lost its reader" in effect.object]
            assert EmergencyBackup(by_tcp).apply(context, plan).ok, "a server outlives its engine"
            for path in place.glob("arp-prod-*"):
                path.unlink()

            private.start()
            wait_for(lambda: run_quietly(inside, "SELECT 1") == "1")
            assert orphaned_dumps(inside) == [], f"{lost.object} was ended"
            dump_and_kill()
            private.start()  # nobody reached it meanwhile
            (tmp_path / "pgpass").unlink()  # so that only commands inside lead there
            wait_for(lambda: run_quietly(inside, "SELECT 1") == "1")
            plan = EmergencyBackup(arp).plan(context)
            assert dict(plan.facts)["route"].endswith(f"inside the container {arp.container}")
            (lost,) = [effect for effect in plan.effects if "lost its reader" in effect.object]
            assert lost.verb is Verb.REMOVE
            assert inside_as(client, arp, lost.identity)
            outcome = EmergencyBackup(arp).apply(context, plan)
            assert (outcome.ok, orphaned_dumps(inside)) == (True, [])
            wait_for(lambda: not inside_as(client, arp, lost.identity))
            whole = ValidateBackup(path=outcome.values["path"])
            assert whole.apply(context, whole.plan(context)).values["depth"] == "3"


def inside_as(client: DockerClient, target: Target, application: str) -> bytes:
    """The processes in the container that call themselves so to the server; none of them is one of the server's own."""
    look = ["sh", "-c", 'grep -lzxF "PGAPPNAME=$1" /proc/[0-9]*/environ 2>/dev/null', "sh", application]
    return bytes(client.containers.get(target.container).exec_run(look).output)


def with_password(context: Context, folder: Path) -> Context:
    (folder / "pgpass").write_text(f"*:*:*:arp_app:{FIRST}\n")
    (folder / "pgpass").chmod(0o600)
    places = {**context.runbook.locations, "pgpass": str(folder / "pgpass"), "pg_bin": str(BIN)}
    return replace(context, runbook=replace(context.runbook, locations=places))
