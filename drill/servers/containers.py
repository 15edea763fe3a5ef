"""The servers of the drill as containers: started from the image of `drill.servers.image`, on loopback ports of the
host's network.

Every container carries the drill's label, which stands in the drill's record before the first one is made. Whoever
takes the drill down removes what carries that label, and nothing else.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drill.servers import image
from drill.servers.clusters import ACCESS, PAGE, QUIET, common_settings
from drill.state import LABEL_KEY, DrillState
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.process import boot_id
from probes.containers.client import engine
from probes.containers.command import run_in
from probes.containers.command_input import feed
from probes.postgres.connect import Route, connect
from probes.postgres.embedded import Engine, run

if TYPE_CHECKING:
    from docker import DockerClient

RECORD, BOOT = "midwatch.drill.record", "midwatch.drill.boot"
"""Keys of the labels that say where the drill's record is, and in which boot of the machine it began."""
TARGET = "midwatch.drill.target"
"""Key of the label of a container that is a target."""
SERVERS = 3
START_LIMIT = 90.0
"""Seconds in which all servers have to answer: each makes its own data directory first."""
LIMIT = 60.0
"""Seconds for one answer of the engine."""
_LOOK = 0.1
_HEALTH_EVERY = 5 * 1_000_000_000
"""Nanoseconds between two health checks."""
_CLUSTER = "--wal-segsize=1 --data-checksums"


@dataclass(frozen=True, slots=True)
class ContainerServer:
    """One server in a container: until the drill is ready, the superuser comes in with the password of the first
    start."""

    name: str
    """As the plan calls it, and as the container is called: `arp-db-prod`."""
    database: str
    role: str
    port: int
    address: str
    """Of the engine."""
    passfile: Path
    """Has the superuser's password of the first start, as long as that works."""

    def way_in(self, label: str) -> Route:
        """How the drill itself comes in as the superuser."""
        return Route("tcp", "127.0.0.1", self.port, "postgres", self.database, label, self.name, str(self.passfile))

    def as_target(self, label: str) -> dict[str, Any]:
        """What stands in the site file: address and port are the container's own business."""
        return {"kind": "docker", "container": self.name, "label": label, "database": self.database, "user": self.role}

    def start(self, programs: Engine) -> None:
        """Wait until it answers. Raises `Failed` with its last words when it ends, or takes too long."""
        route = replace(self.way_in(self.database.upper()), database="postgres")
        deadline = time.monotonic() + START_LIMIT
        with engine(LIMIT, self.address) as client:
            while True:
                try:
                    connect(route).close()
                except MidwatchError as error:
                    if client.api.inspect_container(self.name)["State"]["Running"] and time.monotonic() < deadline:
                        time.sleep(_LOOK)
                        continue
                    said = client.api.logs(self.name, tail=1).decode("utf-8", "replace").strip()
                    raise Failed(
                        f"The container {self.name} does not come up: {said or error.sentence}",
                        hint="midwatch drill --no-docker",
                    ) from error
                return

    def sql(self, programs: Engine, script: str, *, database: str = "", timeout: float = 120.0) -> str:
        """Run SQL as the superuser, unseen in the server's log. Returns what `psql -At` prints."""
        argv = [programs.program("psql"), "-XAtqw", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port)]
        argv += ["-U", "postgres", "-d", database or self.database, "-f", "-"]
        environment = {"PGOPTIONS": QUIET, "PGPASSFILE": str(self.passfile)}
        return run(programs.identity, argv, text_in=script, environment=environment, timeout=timeout).stdout

    def shut_socket(self, programs: Engine) -> None:
        """From here on the socket asks for a password as well."""
        access = ACCESS.format(who="and needs a password, which nobody has", superuser="scram-sha-256")
        with engine(LIMIT, self.address) as client:
            feed(client, self.name, "sh", "-c", 'cat >"$PGDATA/pg_hba.conf"', data=access.encode())
        self.sql(programs, "SELECT pg_reload_conf() \\g /dev/null\n")

    def damage(self, programs: Engine, relation: str, block: int) -> None:
        """Overwrite a page of a table on the disk below the server, as a bad sector would."""
        where = self.sql(programs, f"SELECT pg_relation_filepath('{relation}')").strip()
        self.sql(programs, "CHECKPOINT;")  # or the restart would write over it what is only in memory
        bad = "head -c 512 /dev/zero | tr '\\0' '\\377'"
        write = f'{bad} | dd of="$PGDATA/{where}" bs=1 seek={block * PAGE + 100} conv=notrunc status=none'
        with engine(LIMIT, self.address) as client:
            said = run_in(client, self.name, "sh", "-c", write)
            if said.exit:
                raise Failed(f"The table in {self.name} cannot be damaged: {said.err.strip()}")
            client.api.restart(self.name, timeout=20)  # what the server still had in memory was whole
        self.start(programs)

    def close(self, programs: Engine) -> None:
        """The password of the first start works no more, as after any rotation: from here on only the socket is
        left."""
        self.sql(programs, "ALTER ROLE postgres PASSWORD NULL;\n")
        self.passfile.unlink()


def make_all(servers: Sequence[ContainerServer], record: DrillState) -> None:
    """Make their containers, which then come up by themselves. Raises `Failed`; what was made carries the record's
    label."""
    with engine(LIMIT, record.engine) as client:
        for server in servers:
            password = secrets.token_urlsafe(18)
            server.passfile.touch(mode=0o600)
            server.passfile.write_text(f"127.0.0.1:{server.port}:*:postgres:{password}\n")
            _make(client, server, record, password)


def _make(client: DockerClient, server: ContainerServer, record: DrillState, password: str) -> None:
    from docker.types import LogConfig

    settings = {**common_settings(server.name), "listen_addresses": "127.0.0.1"}
    key, _, value = record.label.partition("=")
    client.containers.run(
        image.name(),
        [word for name, setting in settings.items() for word in ("-c", f"{name}={setting}")],
        name=server.name,
        labels={key: value, TARGET: server.database, RECORD: str(record.file), BOOT: boot_id()},
        environment={"POSTGRES_PASSWORD": password, "PGPORT": str(server.port), "POSTGRES_INITDB_ARGS": _CLUSTER},
        network_mode="host",
        stop_signal="SIGINT",  # as the official image: a stop does not wait for clients
        healthcheck={"test": ["CMD", "pg_isready", "-q", "-U", "postgres"], "interval": _HEALTH_EVERY},
        log_config=LogConfig(type=LogConfig.types.JSON),
        detach=True,
    )


def is_remainder(labels: Mapping[str, str]) -> bool:
    """Whether a container's labels say that its drill ended with an earlier boot of the machine, and its record as
    well."""
    if LABEL_KEY not in labels or RECORD not in labels:
        return False
    try:
        return labels.get(BOOT) != boot_id() and not Path(labels[RECORD]).exists()
    except OSError:
        return False  # another user's: it may well be there


def running(record: DrillState) -> bool:
    """Whether all servers of this drill run. An engine that does not answer runs nothing."""
    try:
        with engine(address=record.engine) as client:
            found = client.api.containers(filters={"label": [record.label, TARGET], "status": "running"})
    except MidwatchError:
        return False
    return len(found) == SERVERS
