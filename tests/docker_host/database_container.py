"""PostgreSQL in a real container, as the runbook's targets have it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from drill.servers import image
from drill.servers.clusters import free_ports
from midwatch.api.action import Context
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import MidwatchError
from probes.postgres.role import run_quietly
from probes.postgres.routes import superuser_route

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

FIRST = "of the first start"
"""The password that the container was started with."""


@contextmanager
def server(
    client: DockerClient,
    label: str,
    name: str,
    *,
    healthcheck: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
    **environment: str,
) -> Iterator[Target]:
    """PostgreSQL in a container on the host's network, until it answers."""
    (port,) = free_ports(1)
    given = {
        "POSTGRES_USER": "arp_app",
        "POSTGRES_DB": "arp",
        "POSTGRES_PASSWORD": FIRST,
        "PGPORT": str(port),
    } | environment
    key, _, value = label.partition("=")
    container: Container = client.containers.run(
        image.ensure(),
        [word for setting in settings for word in ("-c", setting)],
        name=f"{name}-{value[-8:]}",
        environment=given,
        network_mode="host",
        labels={key: value},
        healthcheck=dict(healthcheck) if healthcheck else None,
        detach=True,
    )
    target = Target("arp-db-prod", TargetKind.DOCKER, "arp", "ARP", container=container.name, port=port, user="arp_app")
    try:
        yield target
    finally:
        container.remove(force=True, v=True)


def superuser(context: Context, target: Target, statement: str) -> None:
    """Run it as soon as the server lets us in."""
    again = threading.Event()
    for _ in range(300):
        try:
            run_quietly(superuser_route(context.runbook, target), statement)
        except MidwatchError as error:
            last = error
            again.wait(0.1)
        else:
            return
    raise last
