"""Decides whether a drill runs in containers: as requested, or automatically where possible."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drill.servers import image
from drill.servers.container_cleanup import remove_labelled
from drill.servers.containers import is_remainder
from drill.state import LABEL_KEY, SERVER_NAMES, SOCKET
from midwatch.system.errors import MidwatchError, Refused
from probes.containers.client import engine
from probes.storage.disk_usage import usage

if TYPE_CHECKING:
    from docker import DockerClient

NEEDED = 500 << 20
"""Bytes that have to be free where the engine keeps its containers."""


def choose(wanted: bool | None, say: Callable[[str], None]) -> bool:
    """Whether the servers run in containers; the image is at hand then. Says which was chosen, and how to have the
    other.

    `wanted` is what was asked for, None for whatever can be had. Raises `Refused` when containers are asked for and
    cannot be.
    """
    if wanted is False:
        return False
    why = _obstacle()
    if not why:
        try:
            image.ensure(say)
        except MidwatchError as error:
            why = error.sentence
    if why and wanted:
        raise Refused(f"The drill cannot run in containers: {why}", hint="Without them: midwatch drill --no-docker")
    if wanted is None:
        say(f"The servers run without Docker: {why}" if why else "The servers run in containers; without: --no-docker")
    return not why


def address() -> str:
    """Where this process finds the engine."""
    return os.environ.get("DOCKER_HOST") or SOCKET


def _obstacle() -> str:
    """Why the engine cannot run this drill; empty when it can."""
    if not address().startswith("unix://"):
        return f"the engine is on another machine ({address()})"
    try:
        with engine() as client:
            if why := _unfit(client.info()) or _taken(client):
                return why
        return "" if image.can_be_had() else "their image is not at hand, and only root can make it, with debootstrap"
    except MidwatchError as error:
        return error.sentence


def _unfit(info: dict[str, Any]) -> str:
    if (
        any("rootless" in option for option in info.get("SecurityOptions") or ())
        or "Desktop" in info["OperatingSystem"]
    ):
        return "the engine has a network of its own, and its ports cannot be reached from here"
    root = Path(info["DockerRootDir"])
    try:
        free = usage(root).free
    except MidwatchError:
        return ""  # not ours to look at: the engine will say it
    return f"{root} has {free >> 20} MiB free, and they need {NEEDED >> 20}" if free < NEEDED else ""


def _taken(client: DockerClient) -> str:
    """Which container stands where one of ours has to; a real one is never touched."""
    wanted = {f"/{name}-db-prod" for name in SERVER_NAMES}
    for container in client.api.containers(all=True):
        labels = container["Labels"]
        if is_remainder(labels):
            remove_labelled(address(), f"{LABEL_KEY}={labels[LABEL_KEY]}", finished=True)
            continue
        for name in wanted.intersection(container["Names"]):
            whose = "of another drill" if LABEL_KEY in labels else "that is no drill's"
            return f"there is a container {name.removeprefix('/')} already, {whose}"
    return ""
