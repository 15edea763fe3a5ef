"""The driver's door: a Unix socket in the incident's folder, at which others knock from their own terminals and logins.

It needs no room on the disk, and the kernel says who knocks. One line of JSON each way; who attends stays connected, and so
is known to watch for as long as their screen lives. Who may enter the folder may knock; what is granted, the answer decides.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from midwatch.errors import Failed, MidwatchError, Refused
from midwatch.incident.folder import IncidentFolder
from midwatch.incident.lease import driver_of
from midwatch.person import Person

Answer = Callable[[Person, Mapping[str, Any]], Mapping[str, Any]]
LONGEST = 8 * 1024 * 1024
"""Bytes of one line: a plan may have thousands of effects."""
_LONGEST_KNOCK = 64 * 1024
_GUESTS = 64
_PATIENCE = 30.0


@dataclass(slots=True)
class _Guest:
    connection: socket.socket
    person: Person
    heard: bytearray = field(default_factory=bytearray)
    attends: bool = False


class Door:
    """The driver's side. `problem` says why there is no door; everything else of an incident works without one."""

    def __init__(self, folder: IncidentFolder, answer: Answer) -> None:
        """Open it and answer from a thread; `answer` raises `MidwatchError` with what the guest is told instead."""
        self.problem = ""
        self.watchers: tuple[str, ...] = ()
        """The names of those who attend, one for each screen."""
        self._folder, self._answer = folder, answer
        self._guests: dict[int, _Guest] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._ours, self._wake = socket.socketpair()
        self._inode = 0
        try:
            folder.door.unlink(missing_ok=True)
            with _short_name(folder) as name:
                self._listener.bind(name)
            folder.door.chmod(0o666)
            self._inode = folder.door.stat().st_ino
            self._listener.listen(16)
        except OSError as error:
            self.problem = f"Nobody can knock at {folder.door}: {error.strerror}"
            self._listener.close()
            return
        threading.Thread(target=self._serve, name="door", daemon=True).start()

    def close(self) -> None:
        """Nobody is let in any more; an answer that is being given still goes out. Safe from any thread, and twice."""
        with contextlib.suppress(OSError):
            if self._inode and self._folder.door.stat().st_ino == self._inode:
                self._folder.door.unlink()
        with contextlib.suppress(OSError):
            self._wake.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._ours, selectors.EVENT_READ)
            open_ = True
            while open_:
                for key, _ in selector.select():
                    if key.fileobj is self._ours:
                        open_ = False
                    elif key.fileobj is self._listener:
                        self._let_in(selector)
                    elif not self._hear(self._guests[key.fd]):
                        self._show_out(key.fd, selector)
            for number in list(self._guests):
                self._show_out(number, selector)
        self._listener.close()
        self._ours.close()

    def _let_in(self, selector: selectors.BaseSelector) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        try:
            if len(self._guests) >= _GUESTS:
                raise OSError("too many")
            guest = _Guest(connection, Person.behind(connection))
            connection.settimeout(1.0)
        except OSError:
            connection.close()
            return
        self._guests[connection.fileno()] = guest
        selector.register(connection, selectors.EVENT_READ)

    def _show_out(self, number: int, selector: selectors.BaseSelector) -> None:
        guest = self._guests.pop(number)
        selector.unregister(guest.connection)
        guest.connection.close()
        if guest.attends:
            self._tell_who_watches()

    def _hear(self, guest: _Guest) -> bool:
        """Take what came and answer whole lines; False when the guest has gone or says too much."""
        try:
            data = guest.connection.recv(65536)
        except OSError:
            return False
        guest.heard += data
        while (end := guest.heard.find(b"\n")) >= 0:
            line = bytes(guest.heard[:end])
            del guest.heard[: end + 1]
            if not self._say(guest, self._reply(guest, line)):
                return False
        return bool(data) and len(guest.heard) <= _LONGEST_KNOCK

    def _reply(self, guest: _Guest, line: bytes) -> Mapping[str, Any]:
        try:
            message = json.loads(line)
            if not isinstance(message, dict):
                raise ValueError("no object")
            if message.get("op") == "attend":
                guest.attends = True
                self._tell_who_watches()
                return {"ok": True}
            return {"ok": True, **self._answer(guest.person, message)}
        except MidwatchError as error:
            return {"ok": False, "sentence": error.sentence, "hint": error.hint}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return {"ok": False, "sentence": f"This is not understood: {type(error).__name__}", "hint": ""}

    def _tell_who_watches(self) -> None:
        self.watchers = tuple(sorted(guest.person.name for guest in self._guests.values() if guest.attends))
        for guest in list(self._guests.values()):
            if guest.attends:
                self._say(guest, {"watchers": self.watchers})

    @staticmethod
    def _say(guest: _Guest, reply: Mapping[str, Any]) -> bool:
        try:
            guest.connection.sendall(json.dumps(dict(reply)).encode() + b"\n")
        except OSError:  # it does not read what it is told: the next look finds it gone
            with contextlib.suppress(OSError):
                guest.connection.shutdown(socket.SHUT_RDWR)
            return False
        return True


def knock(folder: IncidentFolder, message: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the driver for something, and wait for the answer.

    Raises `Refused` with the driver's own sentence, and `Failed` when it cannot be reached: nobody drives, it drives from
    another machine, it hangs.
    """
    with _connected(folder) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.sendall(json.dumps(dict(message)).encode() + b"\n")
            reply = _line(connection)
        except (OSError, ValueError) as error:
            raise Failed(f"The driver of {folder.id} does not answer: {error}", hint="Its screen may hang") from error
    if reply.pop("ok", False):
        return reply
    raise Refused(str(reply.get("sentence", "The driver refused")), hint=str(reply.get("hint", "")))


class Attendance:
    """An observer's side: connected for as long as they watch."""

    def __init__(self, folder: IncidentFolder) -> None:
        """Raises `Failed` when the driver cannot be reached."""
        self.watchers: tuple[str, ...] = ()
        self._heard = bytearray()
        self._connection = _connect(folder)
        try:
            self._connection.sendall(b'{"op": "attend"}\n')
            self._connection.setblocking(False)
        except OSError as error:
            self._connection.close()
            raise Failed(f"The driver of {folder.id} does not answer: {error}") from error

    def poll(self) -> bool:
        """Take in who else watches; False when the driver's door was closed."""
        try:
            while data := self._connection.recv(65536):
                self._heard += data
            return False
        except BlockingIOError:
            pass
        except OSError:
            return False
        *lines, rest = self._heard.split(b"\n")
        self._heard = bytearray(rest)
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                self.watchers = tuple(str(name) for name in json.loads(line).get("watchers", self.watchers))
        return len(rest) <= _LONGEST_KNOCK

    def leave(self) -> None:
        """Watch no longer."""
        self._connection.close()


def _connect(folder: IncidentFolder) -> socket.socket:
    """A connection to the very process that the lock file names. Raises `Failed`."""
    driver = driver_of(folder)
    if driver is None:
        raise Failed(f"Nobody drives {folder.id}", hint="Take the wheel: midwatch")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(2.0)
    try:
        with _short_name(folder) as name:
            connection.connect(name)
        if Person.behind(connection).pid != driver.pid:
            raise OSError("somebody else is at its door")
    except OSError as error:
        connection.close()
        where = (
            "" if driver.host == socket.gethostname() else f"; it drives from {driver.host}, and only that machine can vouch"
        )
        raise Failed(
            f"{driver.actor}, who drives {folder.id}, cannot be asked from here: {error.strerror or error}{where}",
            hint="Ask by another way",
        ) from error
    return connection


@contextlib.contextmanager
def _connected(folder: IncidentFolder) -> Iterator[socket.socket]:
    connection = _connect(folder)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def _short_name(folder: IncidentFolder) -> Iterator[str]:
    """A name of the door that is short enough for a socket's address, however deep the folder lies. Raises `OSError`."""
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{folder.door.name}"
    finally:
        os.close(descriptor)


def _line(connection: socket.socket) -> dict[str, Any]:
    received = bytearray()
    while not received.endswith(b"\n"):
        data = connection.recv(65536)
        if not data or len(received) > LONGEST:
            raise ValueError("it hung up")
        received += data
    reply = json.loads(received)
    if not isinstance(reply, dict):
        raise ValueError("it said something else")
    return reply
