"""A restore into a container of a named image, on a real engine; nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actions.dump.dump_stream import Dumped, dump
from actions.validate_backup import ValidateBackup
from drill.servers import image
from midwatch.api.action import Context
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Refused
from probes.backup.manifest import Manifest
from probes.postgres.connect import connect
from probes.postgres.temp_container import LABEL, sweep_containers, temp_container
from probes.postgres.temp_server import sweep, temp_server
from probes.postgres.tools import find_tools
from tests.support.host_world import BIN

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [pytest.mark.docker, pytest.mark.postgres]


@pytest.fixture(scope="module")
def postgres(client: DockerClient) -> str:
    return image.ensure()


@pytest.fixture
def place() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="mws-", dir="/tmp"))
    yield found
    assert list(found.iterdir()) == []
    found.rmdir()


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    made = make_context()
    return replace(made, runbook=replace(made.runbook, locations={**made.runbook.locations, "pg_bin": str(BIN)}))


def describe(found: Dumped, path: Path, context: Context, major: int) -> None:
    """The manifest beside a dump."""
    now = to_rfc3339(context.clock.now())
    told = {"bytes": found.bytes, "sha256": found.sha256, "unpacked": found.unpacked}
    tool = str(find_tools(context.runbook))
    kept = Manifest("arp-db-prod", "postgres", now, now, **told, server=str(major), tool=tool, route="")
    replace(kept, rows=found.rows, digests=found.digests).write(path)


def left(client: DockerClient, pid: int | None = None) -> list[str]:
    """What this process (or another one) made and did not remove: others may be at the same work."""
    mine = f"midwatch-scratch-{pid or os.getpid()}-"
    found = client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
    return [container.name for container in found if container.name.startswith(mine)]


def test_backup_of_its_version_is_restored_into_the_image(
    client: DockerClient, postgres: str, place: Path, context: Context, tmp_path: Path
) -> None:
    path = tmp_path / "arp.dump.gz"
    with temp_container(postgres, place, 0) as source:
        with connect(source.route) as connection:
            connection.execute("CREATE ROLE somebody")
            connection.execute("CREATE TABLE t AS SELECT g, 'row ' || g AS what FROM generate_series(1, 1000) g")
            connection.execute("ALTER TABLE t OWNER TO somebody")
        found = dump(source.route, find_tools(context.runbook), path, lambda done, total: None, digests=True)
    describe(found, path, context, source.major)
    action = ValidateBackup(path=str(path), restore=True, image=postgres, scratch=place)
    plan = action.plan(context)
    assert plan.refusal == ""
    outcome = action.apply(context, plan)
    assert outcome.ok, outcome.summary
    assert outcome.values["depth"] == "5"
    assert (
        f"of the image {postgres}: 1000 rows in 1 table, as in the dump's snapshot, and so is the content"
        in outcome.summary
    )
    assert left(client) == []


def test_extension_that_the_server_lacks_is_no_fault_of_the_backup(
    client: DockerClient, postgres: str, place: Path, context: Context, tmp_path: Path
) -> None:
    path = tmp_path / "arp.dump.gz"
    place.chmod(0o755)
    with temp_server(context.runbook, place, 0) as source:
        with connect(source.route) as connection:
            connection.execute("CREATE EXTENSION vector")
            connection.execute("CREATE TABLE points AS SELECT '[1,2]'::vector AS v")
        found = dump(source.route, find_tools(context.runbook), path, lambda done, total: None)
    describe(found, path, context, source.major)
    action = ValidateBackup(path=str(path), restore=True, image=postgres, scratch=place)
    with pytest.raises(Refused, match="lacks the extensions vector"):
        action.apply(context, action.plan(context))
    assert left(client) == []
    manifest = Manifest.read(path)
    assert manifest is not None
    assert manifest.problem == ""


def test_image_that_is_not_there_is_refused_and_never_pulled(
    client: DockerClient, postgres: str, place: Path, context: Context
) -> None:
    with pytest.raises(Refused, match="no image"), temp_container("nobody/has-this:1", place, 0):
        raise AssertionError
    with pytest.raises(Refused, match="of room"), temp_container(postgres, place, 10**18):
        raise AssertionError


HOLD = """
import sys
from pathlib import Path
from probes.postgres.temp_server import temp_server, sweep
from probes.postgres.temp_container import temp_container
with temp_container(sys.argv[1], Path(sys.argv[2]), 0):
    print(flush=True)
    sys.stdin.read()
"""


def test_container_left_by_a_killed_validation_is_swept(client: DockerClient, postgres: str, place: Path) -> None:
    argv = [sys.executable, "-c", HOLD, postgres, str(place)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "\n"
        names = left(client, owner.pid)
        assert len(names) == 1
        assert not set(sweep_containers(client)).intersection(names), "its owner lives"
        owner.kill()
        owner.wait()
    assert set(names) <= set(sweep_containers(client))
    assert left(client, owner.pid) == []
    assert sweep(place) == names
