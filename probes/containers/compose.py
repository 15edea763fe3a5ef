"""Runs a command in a service of a compose project: by compose if installed, otherwise in the service's container."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.system.errors import Failed
from probes.containers.client import engine
from probes.containers.command import Said, run_in

if TYPE_CHECKING:
    from docker import DockerClient

FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""What a project's file is called, in compose's own order."""
_PROGRAM_LIMIT = 20.0
_SERVICE, _FOLDER = "com.docker.compose.service", "com.docker.compose.project.working_dir"


def compose_file(given: Path) -> Path:
    """The project's file: as given, or the one in that folder. Raises `Failed` when there is none."""
    if given.is_file():
        return given
    for name in FILES:
        if (given / name).is_file():
            return given / name
    raise Failed(f"There is no compose file in {given}", hint=f"It is called {FILES[0]} or {FILES[2]}")


def compose_program() -> list[str]:
    """`docker compose`, or the older `docker-compose`; empty where neither is installed."""
    if shutil.which("docker"):
        try:
            asked = subprocess.run(
                ["docker", "compose", "version"], check=False, capture_output=True, timeout=_PROGRAM_LIMIT
            )
            if asked.returncode == 0:
                return ["docker", "compose"]
        except subprocess.TimeoutExpired:
            return []
    return ["docker-compose"] if shutil.which("docker-compose") else []


def exec_line(program: Sequence[str], file: Path, service: str, command: str) -> str:
    """The command line that runs `command` in the service, without a terminal."""
    return shlex.join([*program, "--file", str(file), "exec", "-T", service, *shlex.split(command)])


def run_in_service(file: Path, service: str, command: str, limit: float) -> Said:
    """The same without compose: in the one running container that compose made for the service. Raises `Failed`."""
    with engine(limit) as client:
        return run_in(client, _container(client, file, service), *shlex.split(command))


def _container(client: DockerClient, file: Path, service: str) -> str:
    found = [
        one["Id"]
        for one in client.api.containers(filters={"label": [f"{_SERVICE}={service}", f"{_FOLDER}={file.parent}"]})
        if one["State"] == "running"
    ]
    if not found:
        raise Failed(f"No container of the service {service} in {file} runs", hint=f"docker-compose up -d {service}")
    return str(found[0])
