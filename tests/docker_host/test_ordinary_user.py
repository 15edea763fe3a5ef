"""As somebody who has no rights on the engine: what to do is said, TCP leads to the database, and a restore needs no
root."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actions.emergency_backup import EmergencyBackup
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.system.process import ProcessIdentity
from probes.postgres.embedded import engine_for
from tests.docker_host.database_container import FIRST, server, superuser
from tests.drill.other_processes import interpreter

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [
    pytest.mark.docker,
    pytest.mark.postgres,
    pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root"),
]
NOBODY = 65534


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that is the other user's; short, as sockets want it."""
    folder = Path(tempfile.mkdtemp(prefix="mwu-", dir="/tmp"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def as_somebody_else(do: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What it returns in a process of another user, in whose groups Docker is not. There is no way back to root."""
    import boto3.session  # noqa: F401  what is imported only when it is needed may lie where only root can go
    import docker  # noqa: F401
    import isal.igzip  # noqa: F401
    import psycopg  # noqa: F401

    assert ProcessIdentity.of(os.getpid()) is not None
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            said = do()
        except BaseException:
            said = {"raised": traceback.format_exc()}
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        found: dict[str, str] = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert "raised" not in found, found["raised"]
    return found


def test_backup_without_rights_on_docker_goes_over_tcp_and_is_restored_for_inspection(
    client: DockerClient,
    label: str,
    make_context: Callable[..., Context],
    theirs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", interpreter())  # ours may lie where only root can go
    with server(client, label, "arp") as arp:
        made = make_context(targets={arp.name: arp})
        superuser(made, arp, "CREATE TABLE stock AS SELECT g, md5(g::text) AS t FROM generate_series(1, 1000) g")
        places = {
            "emergency": str(theirs / "emergency"),
            "logs": str(theirs / "logs"),
            "pgpass": str(theirs / "pgpass"),
            "pg_bin": str(engine_for(theirs).bin),
        }
        context = replace(made, runbook=replace(made.runbook, locations={**made.runbook.locations, **places}))

        def work() -> dict[str, str]:
            without = EmergencyBackup(arp).plan(context).refusal
            by_tcp = replace(arp, host="127.0.0.1")
            unknown = EmergencyBackup(by_tcp).plan(context).refusal
            (theirs / "pgpass").touch(mode=0o600)
            (theirs / "pgpass").write_text(f"*:*:*:arp_app:{FIRST}\n")
            action = EmergencyBackup(by_tcp, digests=True)
            plan = action.plan(context)
            saved = action.apply(context, plan)
            deep = ValidateBackup(path=saved.values["path"], restore=True, scratch=theirs)
            found = deep.apply(context, deep.plan(context))
            route = dict(plan.facts)["route"]
            return {"without": without, "unknown": unknown, "route": route, "found": found.summary, **found.values}

        told = as_somebody_else(work)
        assert told["without"] == (
            "No permission to talk to Docker. Run as root or as a member of the group docker; "
            "or set host and port of the target: then its server is reached without Docker."
        )
        assert "There is no way into ARP as a superuser: TCP 127.0.0.1" in told["unknown"]
        assert told["route"] == f"arp_app by TCP 127.0.0.1:{arp.port}"
        assert told["depth"] == "5", told["found"]
        assert "1000 rows in 1 table, as in the dump's snapshot, and so is the content" in told["found"]
        assert Path(told["path"]).stat().st_uid == NOBODY
        assert sorted(path.name for path in theirs.iterdir() if path.name.startswith("midwatch-scratch")) == []
