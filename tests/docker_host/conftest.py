"""A real Docker engine, with a tiny image made from this machine's own binaries: no registry, no network.

Everything made here carries a label of its own, and cleaning is limited to it, so that nothing else on the engine is
touched.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.docker_world import client, inside
from tests.support.host_world import heard, make_context, make_runbook

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container


__all__ = ["client", "heard", "inside", "make_context", "make_runbook"]

PROGRAMS = ("sh", "sleep", "df", "cat", "echo", "rm")


def root_file_system() -> bytes:
    """A tar with a shell, a few programs, and the libraries that they need."""
    files: set[str] = set()
    for program in PROGRAMS:
        path = shutil.which(program)
        assert path is not None, program
        files.add(path)
        said = subprocess.run(["ldd", path], check=False, capture_output=True, text=True).stdout
        files |= set(re.findall(r"(/\S+) \(0x", said))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as tar:
        for path in sorted(files):
            name = f"bin/{Path(path).name}" if Path(path).name in PROGRAMS else path.lstrip("/")
            tar.add(path, arcname=name, recursive=False)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def label(client: DockerClient) -> Iterator[str]:
    """A label of this test run; whatever carries it at the end is removed."""
    import docker

    key = f"midwatch.test={uuid.uuid4().hex}"
    yield key
    for container in client.containers.list(all=True, filters={"label": key}):
        container.remove(force=True, v=True)
    left = client.images.list(filters={"label": key})
    while left:  # one that another was made from goes after it, and the same second tells no order
        before = len(left)
        for image in left:
            with contextlib.suppress(docker.errors.APIError):
                client.images.remove(image.id, force=True)
        left = client.images.list(filters={"label": key})
        assert len(left) < before
    for volume in client.volumes.list(filters={"label": key}):
        volume.remove(force=True)


ImageMaker = Callable[..., str]


@pytest.fixture(scope="session")
def base_image(client: DockerClient, label: str) -> str:
    """The tiny image, by id."""
    name = f"midwatch-test-{label[-8:]}"
    client.api.import_image_from_data(root_file_system(), repository=name, tag="base", changes=[f"LABEL {label}"])
    return f"{name}:base"


@pytest.fixture
def make_image(client: DockerClient, label: str, base_image: str) -> ImageMaker:
    """Another image on the tiny one, with `size` bytes of its own."""

    def make(tag: str, size: int = 500_000) -> str:
        name = f"{base_image.partition(':')[0]}:{tag}"
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for filename, data in (
                ("Dockerfile", f"FROM {base_image}\nCOPY blob /{tag}\n".encode()),
                ("blob", os.urandom(size)),
            ):
                entry = tarfile.TarInfo(filename)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        buffer.seek(0)
        client.images.build(fileobj=buffer, custom_context=True, tag=name, labels=dict([label.split("=")]), rm=True)
        return name

    return make


@pytest.fixture
def make_container(client: DockerClient, label: str, base_image: str) -> Iterator[Callable[..., Container]]:
    """Start a container, without a network; removed after the test."""
    made: list[Container] = []

    def make(
        name: str,
        image: str = "",
        command: str = "sleep 600",
        *,
        started: bool = True,
        log: str = "",
        log_options: dict[str, str] | None = None,
        **labels: str,
    ) -> Container:
        from docker.types import LogConfig

        all_labels = dict([label.split("=")]) | labels
        args = {"name": name, "labels": all_labels, "network_mode": "none", "init": False}
        if log:
            args["log_config"] = LogConfig(type=log, config=log_options or {})
        container = client.containers.create(image or base_image, ["sh", "-c", command], **args)
        made.append(container)
        if started:
            container.start()
        return container

    yield make
    import docker

    for container in made:
        try:
            container.remove(force=True, v=True)
        except docker.errors.NotFound:
            continue


@pytest.fixture
def name_of(label: str) -> Callable[[str], str]:
    """A container name that no other test run uses."""
    return lambda name: f"{name}-{label[-8:]}"
