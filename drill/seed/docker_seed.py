"""Seeds the Docker engine with the unused objects of several months, all with the drill's label."""

from __future__ import annotations

import io
import os
import tarfile

from drill.servers import image
from drill.state import DrillState
from probes.containers.client import engine

LIMIT = 60.0
"""Seconds for one answer of the engine."""
SUPERSEDED = (14_000_000, 11_000_000)
"""Bytes of the images that lost their name to a newer build: nothing uses them, and they may go."""
KEPT = 6_000_000
"""Bytes of an image that no registry has."""


def seed_docker(record: DrillState) -> None:
    """Leave images that nothing uses, one of which is only here, and a container that has just ended. Raises
    `Failed`."""
    key, _, value = record.label.partition("=")
    own = value[:6]
    with engine(LIMIT, record.engine) as client:
        label = f"LABEL {record.label}"
        for count in SUPERSEDED:
            client.api.import_image_from_data(_layer(count), changes=[label])
        client.api.import_image_from_data(_layer(KEPT), repository="arp-batch", tag=own, changes=[label])
        client.containers.run(
            image.name(),
            entrypoint=["true"],
            command=[],
            name=f"arp-batch-{own}",
            labels={key: value},
            network_mode="none",
            detach=True,
        ).wait(timeout=LIMIT)


def _layer(count: int) -> bytes:
    """A file system of one file, like no other."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("srv/arp-batch.bin")
        entry.size = count
        tar.addfile(entry, io.BytesIO(os.urandom(16) + bytes(count - 16)))
    return buffer.getvalue()
