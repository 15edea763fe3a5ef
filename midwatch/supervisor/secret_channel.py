"""The channel by which a running step sends new secrets to its supervisor: a socket with acknowledgement, no file."""

from __future__ import annotations

import contextlib
import json
import os
import socket

from midwatch.system.errors import Failed

VARIABLE = "MIDWATCH_SECRET_FD"
"""Number of the inherited socket, in the step's environment."""
IN_FORCE, NOT_MASKED = b"\x06", b"\x15"
_LONGEST_LINE = 256 * 1024
_PATIENCE = 10.0


class SecretChannel:
    """The supervisor's side: `{"name": …, "value": …}` a line in, one byte out once it is masked."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._pending = b""

    def fileno(self) -> int:
        """Return the descriptor of the supervisor's end, for `select`."""
        return self._ours.fileno()

    @property
    def step_end(self) -> int:
        """The descriptor that the step inherits."""
        return self._theirs.fileno()

    def close_step_end(self) -> None:
        """Once the step has it."""
        self._theirs.close()

    def receive(self) -> list[tuple[str, str]] | None:
        """The secrets told since the last call, each to be answered; None when nobody can tell any more."""
        try:
            data = self._ours.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        *lines, self._pending = (self._pending + data).split(b"\n")
        if len(self._pending) > _LONGEST_LINE:
            self._pending = b""
            self.answer(masked=False)
        return [told for line in lines if (told := self._parse(line)) is not None]

    def answer(self, *, masked: bool) -> None:
        """Say whether the masking is in force."""
        with contextlib.suppress(OSError):  # the step has gone, or never reads its answers
            self._ours.send(IN_FORCE if masked else NOT_MASKED)

    def close(self) -> None:
        """Close the supervisor's end."""
        self._ours.close()

    def _parse(self, line: bytes) -> tuple[str, str] | None:
        try:
            data = json.loads(line)
            return str(data["name"]), str(data["value"])
        except (ValueError, KeyError, TypeError, RecursionError):
            self.answer(masked=False)
            return None


def tell_secret(descriptor: int, name: str, value: str) -> None:
    """The step's side: returns once `value` is masked. Raises `Failed` when it is not, or nobody answers in 10 s."""
    try:
        channel = socket.socket(fileno=os.dup(descriptor))
    except OSError as error:
        raise Failed(f"The secret {name} cannot be masked: {VARIABLE} is no socket", hint="Do not print it") from error
    with channel:
        channel.settimeout(_PATIENCE)
        try:
            channel.sendall(json.dumps({"name": name, "value": value}).encode() + b"\n")
            answer = channel.recv(1)
        except OSError as error:
            raise Failed(
                f"The secret {name} cannot be masked: the supervisor does not answer", hint="Do not print it"
            ) from error
    if answer != IN_FORCE:
        raise Failed(
            f"The secret {name} cannot be masked: it has fewer than six characters", hint="Choose a longer one"
        )
