"""Sends data to the standard input of a command inside a container, so that the data is in no argument list."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from probes.containers.command import Said, broken, hear, require_running, silent
from probes.containers.exec import Exec

if TYPE_CHECKING:
    from docker import DockerClient


def feed(client: DockerClient, container: str, *command: str, data: bytes, user: str = "", options: str = "") -> Said:
    """Run it with `data` on its standard input and wait for its end, for as long as the client's timeout and no longer.

    `options` are settings of a session that the command opens with a server (`PGOPTIONS`). Raises `Failed` when the
    container does not run, is paused or does not answer, and when it has no such command; a command that fails is told
    by its `exit`.
    """
    require_running(client, container)
    deadline = time.monotonic() + client.api.timeout
    environment = {"PGOPTIONS": options} if options else {}
    running = Exec(client, container, command, stdin=True, user=user, environment=environment)
    try:
        try:
            running.send(data, client.api.timeout)
            running.end_input()
        except TimeoutError:
            raise silent(client, container, command[0]) from None
        except BrokenPipeError:
            pass  # it ended before it had read everything, and says why
        except OSError as error:
            raise broken(container, error) from error
        return hear(running, client, container, command[0], deadline)
    finally:
        running.close()
