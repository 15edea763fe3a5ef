"""A command inside a container, read from the engine's stream, with separate outputs and a limit on every wait.

docker-py's own reader waits for a paused container for ever, and asks the kernel four times for each frame.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from docker import DockerClient

OUT, ERR = 1, 2
"""Docker's names for the two outputs."""
LARGEST_READ = 1 << 20
_HEADER = 8


class Exec:
    """Started, without a terminal. `close` it in any case."""

    def __init__(
        self,
        client: DockerClient,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool = False,
        user: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        created = client.api.exec_create(
            container, list(command), stdin=stdin, tty=False, user=user, environment=dict(environment or {})
        )
        self.id = str(created["Id"])
        self._client = client
        self._stream = cast(Any, client.api.exec_start(self.id, socket=True))
        self._socket: socket.socket = getattr(self._stream, "_sock", self._stream)  # its reader cannot write

    def send(self, data: bytes, within: float) -> None:
        """Give it all of this as input. Raises `TimeoutError` when it does not take that within so many seconds,
        `OSError`."""
        self._socket.settimeout(within)
        self._socket.sendall(data)

    def end_input(self) -> None:
        """Tell it that this was all."""
        self._socket.shutdown(socket.SHUT_WR)

    def frames(self, patience: Callable[[], float]) -> Iterator[tuple[int, bytes]]:
        """What it says until it ends: the output, and a piece of it.

        `patience` tells, before each read, for how many seconds the next byte may be waited for. Raises `TimeoutError`
        when it does not come, and `OSError` when the connection breaks.
        """
        # Through what the head of the answer was read with: it may hold the first bytes already.
        read = self._stream._response.raw._fp.fp.readinto1

        def receive(room: memoryview) -> int:
            left = patience()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            return int(read(room))

        return frames(receive)

    def exit(self) -> int | None:
        """Its exit code, asked of the engine; None while it runs, and when the engine does not know."""
        code = self._client.api.exec_inspect(self.id)["ExitCode"]
        return None if code is None else int(code)

    def close(self) -> None:
        """Let go of it: the engine holds a container's end up for as long as somebody seems to listen and does not
        read.

        The command itself runs on inside, unless it reads its input or has something to say.
        """
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._stream.close()


def frames(receive: Callable[[memoryview], int]) -> Iterator[tuple[int, bytes]]:
    """The streams that Docker sends as one, taken apart.

    A frame is eight bytes (kind, three zeros, length) and its data. What comes is taken in large pieces, and the data
    of neighbouring frames handed on together: a dump has a hundred thousand. Raises `OSError` when the connection ends
    inside a frame.
    """
    buffer, room = bytearray(), memoryview(bytearray(LARGEST_READ))
    while count := receive(room):
        buffer += room[:count]
        at, gathered, kind = 0, list[memoryview](), 0
        view = memoryview(buffer)
        while at + _HEADER <= len(view):
            end = at + _HEADER + int.from_bytes(view[at + 4 : at + _HEADER])
            if end > len(view):
                break
            if view[at] != kind and gathered:
                yield kind, b"".join(gathered)
                gathered = []
            kind = view[at]
            gathered.append(view[at + _HEADER : end])
            at = end
        if gathered:
            yield kind, b"".join(gathered)
        for one in (*gathered, view):
            one.release()
        del buffer[:at]
    if buffer:
        raise OSError("it ended inside a frame")
