"""Runs one short command inside a container and separates its standard output from its standard error."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from midwatch.system.errors import Failed
from probes.containers.exec import ERR, Exec

if TYPE_CHECKING:
    from docker import DockerClient

LARGEST = 1_000_000
"""Bytes of output that are kept; this is for short answers."""


_HELP = {
    "paused": "docker unpause {}",
    "restarting": "docker logs {} says why it does not stay up",
    "created": "docker start {}",
    "exited": "docker start {}",
}
"""What helps a container in each state in which nothing can be run."""


class NoSuchCommand(Failed):
    """The container has no such program, or nobody may run it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said and how it ended."""

    out: str
    err: str
    exit: int


def run_in(client: DockerClient, container: str, *command: str, user: str = "") -> Said:
    """Run it without a terminal and wait for its end, for as long as the client's timeout and no longer.

    Raises `Failed` when the container does not run, is paused or does not answer, and when it has no such command; a
    command that fails is told by its `exit`.
    """
    require_running(client, container)
    running = Exec(client, container, command, user=user)
    try:
        return hear(running, client, container, command[0], time.monotonic() + client.api.timeout)
    finally:
        running.close()


def require_running(client: DockerClient, container: str) -> None:
    """Raises `Failed` when nothing can be run in it now."""
    require_running_state(client.api.inspect_container(container)["State"], container)


def require_running_state(state: Mapping[str, Any], container: str) -> None:
    """Raises `Failed`, with the command that helps, for the state of a container in which nothing can be run."""
    word = "paused" if state.get("Paused") else "restarting" if state.get("Restarting") else state.get("Status")
    if word in _HELP or not state.get("Running"):
        hint = _HELP.get(word or "", "docker ps -a --filter name={}").format(container)
        raise Failed(f"The container {container} is {word or 'not running'}", hint=hint)


def hear(running: Exec, client: DockerClient, container: str, name: str, deadline: float) -> Said:
    """What a short command says until it ends, by `deadline` (monotonic). Raises `Failed` when it does not end well."""
    out, err = bytearray(), bytearray()
    try:
        for kind, piece in running.frames(lambda: deadline - time.monotonic()):
            into = err if kind == ERR else out
            into += piece
            if len(out) + len(err) > LARGEST:
                raise Failed(f"{name} in {container} says more than {LARGEST} bytes", hint="Run it manually")
    except TimeoutError:
        raise silent(client, container, name) from None
    except OSError as error:
        raise broken(container, error) from error
    code = running.exit()
    text, fault = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    if code is None:
        raise Failed(f"The connection to {container} broke before {name} ended", hint="Is the engine up?")
    if code in (126, 127):
        raise NoSuchCommand(f"The container {container} has no {name}", hint=(fault or text).strip()[:200])
    return Said(text, fault, code)


def silent(client: DockerClient, container: str, name: str) -> Failed:
    """Why a command did not end in time: most often its container was paused meanwhile."""
    limit = f"{client.api.timeout:g} s"
    if client.api.inspect_container(container)["State"].get("Paused"):
        return Failed(
            f"The container {container} is paused: {name} did not end within {limit}",
            hint=f"docker unpause {container}",
        )
    return Failed(f"{name} in {container} did not end within {limit}", hint="Is the container under load?")


def broken(container: str, error: OSError) -> Failed:
    """The connection went away under a command."""
    return Failed(f"The connection to {container} broke: {error.strerror or error}", hint="Is the engine up?")
