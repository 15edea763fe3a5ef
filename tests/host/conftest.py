"""File systems that are really full, and the shared runbook and console."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.servers.clusters import Server, configure, free_ports, make_cluster
from probes.postgres.embedded import engine_for
from tests.support.host_world import BIN, PASSWORD, heard, make_context, make_runbook

__all__ = ["heard", "make_context", "make_runbook"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB of its own; needs root."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m,nr_inodes=400", "midwatch-test", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # whoever still looks into it may finish


@pytest.fixture
def ext4_disk(tmp_path: Path) -> Iterator[Path]:
    """An ext4 file system of 48 MB with 10 % reserved for root; needs root and loop devices."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    image, folder = tmp_path / "image", tmp_path / "ext4"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(48_000_000)
    made = subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "10", str(image)], check=False, capture_output=True)
    if made.returncode or subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=False).returncode:
        pytest.skip("this machine has no loop devices or no mkfs.ext4")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # whoever still looks into it may finish


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server with the database and role `arp`."""
    den = Path(tempfile.mkdtemp(prefix="midwatch-test-"))
    den.chmod(0o755)  # the servers' user has to get in
    engine = engine_for(den)
    home = den / "arp"
    home.mkdir(mode=0o755)
    if engine.identity.switch:
        os.chown(home, engine.identity.uid, engine.identity.gid)
    found = Server("arp-db-prod", "arp", "arp_app", home / "data", home, free_ports(1)[0], home / "log")
    make_cluster(engine, found.data)
    configure(found, socket_trusted=True)
    with (found.data / "postgresql.conf").open("a") as settings:
        settings.write("logging_collector = on\n")
    found.start(engine)
    script = f"CREATE ROLE arp_app LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE arp OWNER arp_app;"
    found.sql(engine, script, database="postgres")
    yield found
    found.stop(engine)
    shutil.rmtree(den)


@pytest.fixture(scope="session")
def dump(server: Server) -> bytes:
    """A real custom-format dump of about 1 MB, compressed as the nightly job does it."""
    script = (
        "CREATE TABLE filling AS SELECT n, md5(n::text) || md5((n + 1)::text) AS t FROM generate_series(1, 20000) n;"
        "ALTER TABLE filling OWNER TO arp_app"  # the server is shared, and what arp_app may not read is a finding
    )
    argv = [BIN / "psql", "-Xqh", server.socket, "-p", str(server.port), "-U", "postgres", "-d", "arp", "-c", script]
    subprocess.run(argv, check=True, capture_output=True)
    argv = [BIN / "pg_dump", "-Fc", "-Z0", "-h", server.socket, "-p", str(server.port), "-U", "postgres", "arp"]
    return gzip.compress(subprocess.run(argv, check=True, capture_output=True).stdout, 1)
