"""A scratch server in a container of a named image, for versions or extensions that are not installed here."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.system.errors import Failed, MidwatchError, Refused
from midwatch.system.trusted_files import remove_tree
from midwatch.system.units import size
from probes.containers.client import engine
from probes.postgres.connect import Route, connect
from probes.postgres.temp_server import PORT, SETTINGS, START_LIMIT, TempServer, is_owned, make_folder

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

LABEL = "midwatch.scratch"
"""Of every such container; its value is the name of its folder, which tells the process that made it."""
SOCKETS = "/run/postgresql"
_LIMIT = 60.0
_WHICH = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1), current_setting('server_version_num')"


@contextlib.contextmanager
def temp_container(image: str, place: Path, needed: int) -> Iterator[TempServer]:
    """A server out of `image`, without a network, its socket in a folder below `place`. Gone when the block ends.

    The image takes what the official one takes. It has to be on the engine already: nothing is pulled. `needed` bytes
    have to be free on the engine's disk. Raises `MidwatchError`.
    """
    with engine(_LIMIT) as client:
        sweep_containers(client)
        _require_room(client, needed)
        folder = make_folder(place)
        sockets = folder / "s"
        sockets.mkdir()
        sockets.chmod(0o777)  # the server's user is the image's own; the folder around it is ours alone
        container: Container | None = None
        try:
            container = _start(client, image, folder.name, sockets)
            route = Route("socket", str(sockets), PORT, "postgres", "postgres", "the scratch server")
            major = _wait(route, container)
            yield TempServer(route, f"PostgreSQL {major} of the image {image}", major)
        finally:
            if container is not None:
                container.remove(force=True, v=True)
            remove_tree(folder)


def sweep_containers(client: DockerClient) -> list[str]:
    """Remove the scratch containers whose makers are gone. The names of their folders."""
    gone = []
    for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        name = container.labels[LABEL]
        if not is_owned(name):
            container.remove(force=True, v=True)
            gone.append(name)
    return gone


def _start(client: DockerClient, image: str, name: str, sockets: Path) -> Container:
    if not client.images.list(filters={"reference": image}) and not client.images.list(name=image):
        raise Refused(f"The engine has no image {image}", hint=f"docker pull {image}, or name another")
    options = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
    return client.containers.run(
        image,
        options,
        name=name,
        detach=True,
        network_mode="none",
        environment={"POSTGRES_USER": "postgres", "POSTGRES_HOST_AUTH_METHOD": "trust"},
        labels={LABEL: name},
        volumes={str(sockets): {"bind": SOCKETS, "mode": "rw"}},
    )


def _wait(route: Route, container: Container) -> int:
    """Wait for the server itself: the one that an image begins with, to fill the data directory, is not its first
    process."""
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            with connect(route) as connection:
                row = connection.execute(_WHICH).fetchone()
            if row is not None and row[0] == "1":
                return int(row[1]) // 10000
        except MidwatchError as error:
            container.reload()
            if container.status == "exited" or time.monotonic() > deadline:
                lines = container.logs(tail=5).decode("utf-8", "replace").strip().splitlines()
                told = lines[-1] if lines else error.sentence
                raise Failed(f"The scratch container does not start: {told}", hint="Try the image manually") from error
        time.sleep(0.1)


def _require_room(client: DockerClient, needed: int) -> None:
    root = Path(client.info().get("DockerRootDir") or "/var/lib/docker")
    if not root.is_dir():
        return  # an engine elsewhere, whose disk cannot be seen
    free = shutil.disk_usage(root).free
    if free < needed:
        raise Refused(f"A restore needs about {size(needed)} of room for a while, and {root} has {size(free)}")
