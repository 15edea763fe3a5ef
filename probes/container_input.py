"""Feeds a command inside a container through its standard input, so that what it is told stands in no argument list."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

from midwatch.errors import Failed
from probes.container_command import LARGEST, Said

if TYPE_CHECKING:
    from docker import DockerClient

_ERRORS = 2


def feed(client: DockerClient, container: str, *command: str, data: bytes, user: str = "") -> Said:
    """Run it with `data` on its standard input and wait for its end; each wait is bounded by the client's timeout.

    Raises `Failed` when the container has no such command; a command that fails is told by its `exit`.
    """
    from docker.utils.socket import frames_iter

    execution = client.api.exec_create(container, list(command), user=user, stdin=True, tty=False)["Id"]
    stream = client.api.exec_start(execution, socket=True)
    raw: socket.socket = getattr(stream, "_sock", cast(Any, stream))  # docker-py wraps it in a reader that cannot write
    raw.settimeout(client.api.timeout)
    out, err = b"", b""
    try:
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        for kind, piece in cast(Any, frames_iter)(raw, tty=False):
            if kind == _ERRORS:
                err += piece
            else:
                out += piece
            if len(out) + len(err) > LARGEST:
                raise Failed(f"{command[0]} in {container} says more than {LARGEST} bytes", hint="Run it by hand")
    except TimeoutError as error:
        raise Failed(f"{command[0]} in {container} does not answer", hint="Is the container paused?") from error
    except OSError as error:
        raise Failed(f"The connection to {container} broke: {error.strerror or error}", hint="Is the engine up?") from error
    finally:
        stream.close()
    code = client.api.exec_inspect(execution)["ExitCode"]
    if code is None:
        raise Failed(f"The connection to {container} broke before {command[0]} ended", hint="Is the engine up?")
    if code in (126, 127):
        raise Failed(f"The container {container} has no {command[0]}", hint=err.decode("utf-8", "replace").strip()[:200])
    return Said(out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), code)
