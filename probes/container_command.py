"""Runs one short command inside a container and keeps its streams apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.errors import Failed

if TYPE_CHECKING:
    from docker import DockerClient

LARGEST = 1_000_000
"""Bytes of output that are kept; this is for short answers."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said and how it ended."""

    out: str
    err: str
    exit: int


def run_in(client: DockerClient, container: str, *command: str, user: str = "") -> Said:
    """Run it without a terminal and wait for it: each wait is bounded by the client's timeout.

    Raises `Failed` when the container does not run or has no such command; a command that fails is told by its `exit`.
    """
    state = client.api.inspect_container(container)["State"]
    if state.get("Paused") or not state.get("Running"):
        word = "paused" if state.get("Paused") else state.get("Status", "not running")
        raise Failed(f"The container {container} is {word}", hint=f"docker ps -a --filter name={container}")
    execution = client.api.exec_create(container, list(command), user=user, stdin=False, tty=False)["Id"]
    out, err = b"", b""
    for piece_out, piece_err in client.api.exec_start(execution, stream=True, demux=True):
        out += piece_out or b""
        err += piece_err or b""
        if len(out) + len(err) > LARGEST:
            raise Failed(f"{command[0]} in {container} says more than {LARGEST} bytes", hint="Run it by hand")
    code = client.api.exec_inspect(execution)["ExitCode"]
    text, fault = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    if code in (126, 127):
        raise Failed(f"The container {container} has no {command[0]}", hint=(fault or text).strip()[:200])
    return Said(text, fault, code)
