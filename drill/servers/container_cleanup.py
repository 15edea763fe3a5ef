"""Removes the Docker objects of one drill: those with its label, each by id."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from midwatch.system.errors import MidwatchError
from probes.containers.client import engine

if TYPE_CHECKING:
    from docker import DockerClient

LIMIT = 60.0
"""Seconds for one answer of the engine, and for all of it together."""
AGAIN = 0.5
"""Seconds between two looks."""


def remove_labelled(address: str, label: str, *, finished: bool) -> str:
    """Remove its containers and images. Returns what is left and why; empty when nothing is.

    Unless the drill was `finished`, its owner may have been killed while it asked for a container, and the engine may
    still be making it: then two looks in a row have to find nothing.
    """
    deadline, quiet = time.monotonic() + LIMIT, 0
    try:
        with engine(LIMIT, address) as client:
            while quiet < (1 if finished else 2):
                quiet = quiet + 1 if not _remove(client, label) else 0
                if time.monotonic() > deadline:
                    return f"what carries the label {label} in Docker"
                if not finished or not quiet:
                    time.sleep(AGAIN)
    except MidwatchError as error:
        return f"what carries the label {label} in Docker ({error.sentence})"
    return ""


def _remove(client: DockerClient, label: str) -> bool:
    """Remove what there is now. Whether there was anything."""
    import docker

    mine = {"label": label}
    containers = [container["Id"] for container in client.api.containers(all=True, filters=mine)]
    for identity in containers:
        try:
            client.api.remove_container(identity, v=True, force=True)
        except docker.errors.NotFound:
            continue
        except docker.errors.APIError as error:
            if "already in progress" not in str(error):
                raise
    images = [image["Id"] for image in client.api.images(filters=mine)]
    for identity in images:
        try:
            client.api.remove_image(identity, force=True)
        except docker.errors.NotFound:
            continue
    return bool(containers or images)
