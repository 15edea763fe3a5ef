"""Client of the control socket: requests to the driver, and connections of observers.

The driver's side is `midwatch.control.control_socket`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from typing import Any

from midwatch.control.control_socket import LINE_LIMIT_BYTES, REQUEST_LIMIT_BYTES
from midwatch.control.lease import Driver, driver_of
from midwatch.incident.paths import IncidentFolder
from midwatch.system.errors import Failed, Refused
from midwatch.system.identity import Identity
from midwatch.system.sanitize import safe_text
from midwatch.system.strict_json import read_object
from midwatch.system.unix_socket import connect_in_folder

_LOG = logging.getLogger(__name__)

SAME_VERSION = "Use the same version of Midwatch on both screens"
"""What to do when driver and observer do not understand each other."""
_ANSWER_LIMIT_S = 30.0
_CONNECT_LIMIT_S = 2.0
_NAMES_AT_MOST = 256


def send_request(folder: IncidentFolder, message: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the driver for something, and wait for the answer.

    Raises `Refused` with the driver's own sentence, and `Failed` when it cannot be reached: nobody drives, it drives
    from another machine, it hangs, or this user has asked too much.
    """
    deadline = time.monotonic() + _ANSWER_LIMIT_S
    with _connected(folder) as connection:
        try:
            connection.settimeout(_ANSWER_LIMIT_S)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have said why before it hung up
                connection.sendall(json.dumps(dict(message)).encode() + b"\n")
            reply = read_object(_line(connection, deadline))
        except (OSError, ValueError) as error:
            _LOG.warning("%s: the control socket gave no answer to %r: %s", folder.id, message.get("op"), error)
            raise Failed(f"The driver of {folder.id} does not answer: {error}", hint="Its screen may hang") from error
    sentence, hint = safe_text(str(reply.get("sentence", "The driver refused"))), safe_text(str(reply.get("hint", "")))
    if reply.pop("ok", False) is True:
        return reply
    if reply.get("busy") is True:
        raise Failed(f"The driver of {folder.id} does not answer now: {sentence}", hint=hint or "Try again")
    raise Refused(sentence, hint=hint)


class ObserverConnection:
    """The connection of an observer to the driver, open for as long as the observer watches."""

    def __init__(self, folder: IncidentFolder) -> None:
        """Raises `Failed` when the driver cannot be reached."""
        self.watchers: tuple[str, ...] = ()
        self._received = bytearray()
        self._connection = _connect(folder)
        try:
            self._connection.sendall(b'{"op": "attend"}\n')
            self._connection.setblocking(False)
        except OSError as error:
            self._connection.close()
            raise Failed(f"The driver of {folder.id} does not answer: {error}") from error

    def poll(self) -> bool:
        """Read the list of the other observers; False when the driver closed its socket."""
        try:
            while len(self._received) <= REQUEST_LIMIT_BYTES and (data := self._connection.recv(65536)):
                self._received += data
            if len(self._received) <= REQUEST_LIMIT_BYTES:
                return False
        except BlockingIOError:
            pass
        except OSError:
            return False
        *lines, rest = self._received.split(b"\n")
        self._received = bytearray(rest)
        for line in lines:
            with contextlib.suppress(ValueError):
                names = read_object(bytes(line)).get("watchers", self.watchers)
                if isinstance(names, list | tuple):
                    self.watchers = tuple(safe_text(str(name)) for name in names[:_NAMES_AT_MOST])
        return len(rest) <= REQUEST_LIMIT_BYTES

    def leave(self) -> None:
        """Watch no longer."""
        self._connection.close()


def _connect(folder: IncidentFolder) -> socket.socket:
    """A connection to the very process that the lock file names. Raises `Failed`."""
    driver = driver_of(folder)
    if driver is None:
        raise Failed(f"Nobody drives {folder.id}", hint="Take control: midwatch")
    connection: socket.socket | None = None
    try:
        connection = connect_in_folder(folder.path, folder.control_socket.name, limit_s=_CONNECT_LIMIT_S)
        _require_driver(folder, driver, Identity.from_peer(connection))
    except OSError as error:
        _LOG.info("%s: the control socket of pid %d cannot be used: %s", folder.id, driver.pid, error)
        if connection is not None:
            connection.close()
        where = (
            ""
            if driver.host == socket.gethostname()
            else f"; it drives from {driver.host}, and only that machine can vouch"
        )
        raise Failed(
            f"{driver.actor}, who drives {folder.id}, cannot be asked from here: {error.strerror or error}{where}",
            hint="Ask by another way",
        ) from error
    return connection


def _require_driver(folder: IncidentFolder, driver: Driver, peer: Identity) -> None:
    """Raise `OSError` unless the peer is the process that the lock file names, and of a user who may drive here.

    That is the owner of the folder or root. Where a group may write in the folder, each of its members may drive it.
    """
    if peer.pid != driver.pid:
        raise OSError("another user owns the control socket")
    status = folder.path.stat()
    if not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and peer.uid not in (0, status.st_uid):
        raise OSError("the owner of the control socket may not drive here")


@contextlib.contextmanager
def _connected(folder: IncidentFolder) -> Iterator[socket.socket]:
    connection = _connect(folder)
    try:
        yield connection
    finally:
        connection.close()


def _line(connection: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        data = connection.recv(65536)
        if not data or len(received) > LINE_LIMIT_BYTES:
            raise ValueError("it hung up")
        received += data
    return bytes(received)
