"""What the Docker engine stores: images, containers, volumes and build cache with their sizes, and logs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import TargetKind
from probes.containers.client import short

if TYPE_CHECKING:
    from docker import DockerClient

_BUSY = 20.0
"""Seconds for which an engine that counts for somebody else is asked again."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One image, container, volume or record of the build cache."""

    id: str
    name: str
    size: int
    """Bytes that removing it would free; shared layers are not in it."""
    unused: bool
    note: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    """As the engine gave it."""


@dataclass(frozen=True, slots=True)
class Space:
    """What the engine holds, by kind: `docker system df`, but with names, and with the containers' logs."""

    images: tuple[Thing, ...]
    containers: tuple[Thing, ...]
    volumes: tuple[Thing, ...]
    cache: tuple[Thing, ...]
    layers: int
    """Bytes of all image layers, each counted once."""

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.layers + sum(thing.size for thing in (*self.containers, *self.volumes, *self.cache))

    @property
    def unused(self) -> int:
        """Bytes that could go: images without a container and build cache. Containers and volumes never count."""
        return sum(thing.size for thing in (*self.images, *self.cache) if thing.unused)


def _counted(client: DockerClient) -> dict[str, Any]:
    """The engine counts for one at a time: while it does for somebody else, as for a panel, it is asked again."""
    import docker

    deadline = time.monotonic() + _BUSY
    while True:
        try:
            found: dict[str, Any] = client.api.df()
        except docker.errors.APIError as error:
            if "already running" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return found


def space(client: DockerClient) -> Space:
    """What the engine holds now. The engine computes sizes, which takes it a second or more on a full disk."""
    found = _counted(client)
    used = {container["ImageID"] for container in found.get("Containers") or ()}
    return Space(
        tuple(_image(image, image["Id"] in used) for image in found.get("Images") or ()),
        tuple(_container(container) for container in found.get("Containers") or ()),
        tuple(_volume(volume) for volume in found.get("Volumes") or ()),
        tuple(_cached(record) for record in found.get("BuildCache") or ()),
        int(found.get("LayersSize") or 0),
    )


def _image(image: Mapping[str, Any], used: bool) -> Thing:
    tags = [tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]
    pulled = any(digest != "<none>@<none>" for digest in image.get("RepoDigests") or ())
    own = int(image["Size"]) - max(0, int(image.get("SharedSize") or 0))
    name = ", ".join(tags) or f"untagged {short(image['Id'])}"
    note = "" if pulled or not tags else "only here: no registry has it"
    return Thing(image["Id"], name, max(0, own), not used, note, image.get("Labels") or {}, image)


def _container(container: Mapping[str, Any]) -> Thing:
    name = (container.get("Names") or [short(container["Id"])])[0].lstrip("/")
    size = int(container.get("SizeRw") or 0)
    return Thing(
        container["Id"], name, size, False, container.get("Status", ""), container.get("Labels") or {}, container
    )


def _volume(volume: Mapping[str, Any]) -> Thing:
    usage = volume.get("UsageData") or {}
    size = max(0, int(usage.get("Size") or 0))
    return Thing(
        volume["Name"], volume["Name"], size, usage.get("RefCount") == 0, "", volume.get("Labels") or {}, volume
    )


def _cached(record: Mapping[str, Any]) -> Thing:
    unused = not record.get("InUse") and not record.get("Shared")
    return Thing(
        record["ID"], record.get("Description") or record["ID"], int(record.get("Size") or 0), unused, attrs=record
    )


@dataclass(frozen=True, slots=True)
class ContainerLog:
    """The log of a container, which `docker system df` leaves out."""

    size: int = 0
    """Bytes on disk with its rotated parts; holes in it take none."""
    unknown: str = ""
    """Why the size cannot be measured; empty when it was."""


def log_of(client: DockerClient, container_id: str, root: Path | None) -> ContainerLog:
    """Measure the log; `root` is the engine's folder as `root_here` gives it. A container that is gone has none."""
    import docker

    try:
        about = client.api.inspect_container(container_id)
    except docker.errors.NotFound:
        return ContainerLog()
    driver = str(about["HostConfig"]["LogConfig"]["Type"] or "json-file")
    if driver == "none":
        return ContainerLog()
    outside = "" if driver in ("json-file", "local") else f"the driver {driver} keeps it outside of Docker"
    if root is None:
        return ContainerLog(unknown=outside or "the engine's folder cannot be seen from here")
    folder = root / "containers" / container_id
    if outside:  # the engine has a copy of the newest lines, for docker logs
        return replace(measure_log(folder / "container-cached.log"), unknown=outside)
    if driver == "json-file":
        return measure_log(Path(about.get("LogPath") or folder / f"{container_id}-json.log"))
    return measure_log(folder / "local-logs/container.log")


def measure_log(log: Path) -> ContainerLog:
    """Measure a log file on this machine with its rotated parts."""
    try:
        parts = [log.parent / name for name in os.listdir(log.parent) if name.startswith(log.name)]  # noqa: PTH208
        return ContainerLog(sum(part.stat().st_blocks * 512 for part in parts))
    except FileNotFoundError:  # one that never ran has none yet
        return ContainerLog()
    except OSError as error:
        return ContainerLog(unknown=f"{log} cannot be read: {error.strerror}")


def docker_targets(runbook: Runbook) -> dict[str, str]:
    """Container name → target name, of the targets that run in Docker."""
    return {target.container: target.name for target in runbook.targets.values() if target.kind is TargetKind.DOCKER}


def label_of(runbook: Runbook) -> str:
    """The label (`key` or `key=value`) to which the runbook's docker panel limits what counts; empty for everything."""
    panel = next((panel for panel in runbook.panels if panel.probe == "docker"), None)
    return str(panel.with_.get("label", "")) if panel is not None else ""


def labelled(thing: Thing, label: str) -> bool:
    """Whether a thing carries the label; everything does when the label is empty. Build cache carries none."""
    key, _, value = label.partition("=")
    return not label or (key in thing.labels and (not value or thing.labels[key] == value))
