"""The client of the Docker engine: connects, and explains failures."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midwatch.system.errors import Failed
from midwatch.system.suggestion import near_names

_LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    from docker import DockerClient

LIMIT = 6.0
"""Seconds that one answer of the engine may take for a panel."""


_VERSION_S = 10.0
"""Seconds for which the version that an engine understands is not asked for again: one action asks the engine ten
times."""
_versions: dict[str, tuple[float, str]] = {}
"""When each address was asked, and what its engine said."""
STOPPED = ("exited", "dead", "created")
"""States of a container that does not run."""


class NoEngine(Failed):
    """There is no engine here at all: no socket to talk to. `Failed` itself: there is one, and it cannot be used."""


class NoSuchThing(Failed):
    """The engine answers, and holds nothing of that name."""


@contextlib.contextmanager
def engine(timeout: float = LIMIT, address: str = "") -> Iterator[DockerClient]:
    """The engine at `address`, or that `DOCKER_HOST`, or else the usual socket, names; each answer within `timeout`
    seconds.

    Raises `NoEngine` or `Failed` with the reason, also for errors of the engine inside the `with` block.
    """
    import docker
    import requests

    client, environment = None, _environment(address)
    key = environment.get("DOCKER_HOST", "")
    asked_at, version = _versions.get(key, (0.0, ""))
    if time.monotonic() - asked_at > _VERSION_S:
        version = ""
    try:
        client = docker.DockerClient.from_env(
            timeout=int(timeout) or 1, environment=environment, version=version or None
        )
        if not version:
            _versions[key] = time.monotonic(), client.api.api_version
        yield client
    except docker.errors.NotFound as error:
        raise NoSuchThing(
            f"Docker does not know it: {error.explanation or error}", hint="docker ps -a lists what there is"
        ) from error
    except docker.errors.APIError as error:
        raise Failed(
            f"Docker refused: {error.explanation or error}", hint="docker info says how the engine is"
        ) from error
    except docker.errors.DockerException as error:
        raise _unreachable(error, timeout, "Docker cannot be reached") from error
    except requests.exceptions.Timeout as error:
        raise Failed(
            f"Docker did not answer within {timeout:g} s", hint="docker info says how the engine is"
        ) from error
    except requests.exceptions.RequestException as error:
        raise _unreachable(error, timeout, "The connection to Docker broke") from error
    finally:
        if client is not None:
            client.close()


def named_container(client: DockerClient, name: str) -> Mapping[str, Any]:
    """What the engine knows of the container with exactly this name: an id that begins so is another one.

    Raises `NoSuchThing`, with near names as a hint.
    """
    import docker

    try:
        found: Mapping[str, Any] = client.api.inspect_container(name)
    except docker.errors.NotFound:
        found = {}
    if str(found.get("Name", "")).lstrip("/") == name:
        return found
    names = [one.lstrip("/") for container in client.api.containers(all=True) for one in container["Names"]]
    near = [one for one in names if name in one or one in name] or near_names(name, names, limit=3)
    hint = f"Similar: {', '.join(sorted(near)[:3])}" if near else "docker ps -a lists what there is"
    raise NoSuchThing(f"There is no container {name}", hint=hint)


def _environment(address: str) -> dict[str, str]:
    return {**os.environ, "DOCKER_HOST": address} if address else dict(os.environ)


def _unreachable(error: Exception, timeout: float, otherwise: str) -> Failed:
    text = str(error)
    _LOG.info("Docker cannot be reached within %g s: %s", timeout, text)
    if "timed out" in text.lower():
        return Failed(f"Docker did not answer within {timeout:g} s", hint="docker info says how the engine is")
    if "FileNotFoundError" in text or "No such file" in text:
        return NoEngine("There is no Docker engine here", hint="Set DOCKER_HOST if it is elsewhere")
    if "PermissionError" in text or "Permission denied" in text:
        return Failed("No permission to talk to Docker", hint="Run as root or as a member of the group docker")
    if "ConnectionRefused" in text or "Connection refused" in text:
        return Failed("The Docker daemon is down: its socket refuses", hint="systemctl start docker")
    return Failed(f"{otherwise}: {text}", hint="docker info says how the engine is")


def short(identity: str) -> str:
    """The first twelve letters of an id, as the command line shows it."""
    return identity.removeprefix("sha256:")[:12]


def root_here(client: DockerClient) -> Path | None:
    """The folder in which the engine keeps everything, if the engine is on this machine and the folder can be seen."""
    root = Path(client.info().get("DockerRootDir") or "")
    return root if client.api.base_url.startswith("http+docker://") and root.is_absolute() and root.is_dir() else None


def finished_at(client: DockerClient, container_id: str) -> datetime | None:
    """When a container stopped; None for one that never ran."""
    text: str = client.api.inspect_container(container_id)["State"].get("FinishedAt", "")
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text[:19] + "+00:00")
