"""Server of the control socket: a Unix socket in the incident's folder that takes requests from other logins.

The socket needs no room on the disk, and the kernel says who asks. A request and its answer are one line of JSON each.
An observer stays connected, and is known to watch for as long as the screen lives. Who may enter the folder may ask;
the answering function decides what is granted.

Anybody in the folder may connect, so nothing that a client does may keep others out or end the thread: a user, with
all subordinate user ids, has a number of connections and a rate of requests, a connection that says nothing is closed,
and nothing is ever waited for while sending.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from midwatch.incident.paths import IncidentFolder
from midwatch.system.errors import MidwatchError
from midwatch.system.identity import Identity
from midwatch.system.rate_limit import RateLimit
from midwatch.system.strict_json import read_object
from midwatch.system.subordinate_users import owner_of
from midwatch.system.unix_socket import listen_in_folder, unlink_in_folder

Answer = Callable[[Identity, Mapping[str, Any]], Mapping[str, Any]]
LINE_LIMIT_BYTES = 8 * 1024 * 1024
"""Bytes of an answer: a plan may have thousands of effects."""
REQUEST_LIMIT_BYTES = 64 * 1024
IDLE_S = 10.0
"""Seconds in which a client has to say a whole line, and to take what it is sent."""
CLIENTS_PER_USER = 16
_CLIENTS = 256
_ACCEPTED_AT_ONCE = 64
"""Connections that are accepted before those that are open are served."""
_UNSENT_PER_USER_BYTES = 32 * 1024 * 1024
_REQUESTS_PER_S, _REQUESTS_AT_ONCE = 10.0, 40
_PAUSE_S = 0.2
_LAST_WORDS_S = 1.0


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    person: Identity
    deadline: float
    """Monotonic time by which it has to have done what it is waited for."""
    received: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    user: int = field(init=False)
    """Whose connection it counts as: the owner of a subordinate user id."""
    observes: bool = False
    leaves: bool = False
    """Whether it is let go once everything was sent."""

    def __post_init__(self) -> None:
        self.user = owner_of(self.person.uid)

    @property
    def is_free(self) -> bool:
        """Root and the driver's own user could end the driver; no rate holds them up."""
        return self.user in (0, os.geteuid())

    @property
    def gone(self) -> bool:
        return self.connection.fileno() < 0

    @property
    def is_waited_for(self) -> bool:
        return bool(self.unsent or self.received or not self.observes)


class ControlServer:
    """The driver's side. `problem` says why nobody can ask; everything else of an incident works without the socket."""

    def __init__(self, folder: IncidentFolder, answer: Answer, *, idle_s: float = IDLE_S) -> None:
        """Listen and answer from a thread; `answer` raises `MidwatchError` with what the client is told instead."""
        self.problem = ""
        self.observers: tuple[str, ...] = ()
        """The names of those who observe, one for each screen."""
        self._folder, self._answer, self._idle_s = folder, answer, idle_s
        self._clients: dict[int, _Client] = {}
        self._rate = RateLimit(per_s=_REQUESTS_PER_S, at_once=_REQUESTS_AT_ONCE)
        self._selector = selectors.DefaultSelector()
        self._paused_until = 0.0
        self._ours, self._wake = socket.socketpair()
        try:
            self._listener, self._inode = listen_in_folder(folder.path, folder.control_socket.name, mode=0o666)
        except OSError as error:
            self._inode = 0
            self.problem = f"Nobody can reach this driver by {folder.control_socket}: {error.strerror or error}"
            for opened in (self._selector, self._ours, self._wake):
                opened.close()
            return
        threading.Thread(target=self._serve, name="control socket", daemon=True).start()

    def close(self) -> None:
        """Nobody is let in any more; an answer that is being given still goes out. Safe from any thread, and twice."""
        if self._inode:
            with contextlib.suppress(OSError):
                unlink_in_folder(self._folder.path, self._folder.control_socket.name, self._inode)
        with contextlib.suppress(OSError):
            self._wake.close()

    # The thread

    def _serve(self) -> None:
        try:
            self._selector.register(self._listener, selectors.EVENT_READ)
            self._selector.register(self._ours, selectors.EVENT_READ)
            while self._serve_once():
                pass
            self._send_last_words()
        except Exception as error:  # the thread has to end: the screen says so, and the driver opens another socket
            self.problem = f"Nobody can reach this driver any more: {type(error).__name__}: {error}"
        finally:
            for client in list(self._clients.values()):
                self._drop(client)
            self._selector.close()
            self._listener.close()
            self._ours.close()

    def _serve_once(self) -> bool:
        """Handle what came, and drop whom nothing came from in time. False when the driver closed the socket."""
        for key, _ in self._selector.select(self._wait_s()):
            if key.fileobj is self._ours:
                return False
            if key.fileobj is self._listener:
                self._accept_all()
            elif client := self._clients.get(key.fd):
                self._guarded(client)
        now = time.monotonic()
        for client in list(self._clients.values()):
            if client.is_waited_for and client.deadline <= now:
                self._drop(client)
        if self._paused_until and self._paused_until <= now:
            self._paused_until = 0.0
            self._selector.register(self._listener, selectors.EVENT_READ)
        return True

    def _wait_s(self) -> float | None:
        deadlines = [client.deadline for client in self._clients.values() if client.is_waited_for]
        deadlines += [self._paused_until] if self._paused_until else []
        return max(min(deadlines) - time.monotonic(), 0.0) if deadlines else None

    def _guarded(self, client: _Client) -> None:
        """Whatever goes wrong with one client ends with that client."""
        try:
            if client.unsent:
                self._send(client)
            else:
                self._receive(client)
            self._go_on(client)
        except Exception:
            self._drop(client)

    def _accept_all(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # too many open files: not now, and without asking again and again
                self._make_room()
                self._selector.unregister(self._listener)
                self._paused_until = time.monotonic() + _PAUSE_S
                return
            try:
                connection.setblocking(False)
                client = _Client(connection, Identity.from_peer(connection), time.monotonic() + self._idle_s)
                if busy := self._too_many(client):
                    connection.send(_line({"ok": False, "busy": True, "sentence": busy}))
                    raise ConnectionRefusedError
                self._selector.register(connection, selectors.EVENT_READ)
            except (OSError, ValueError):
                connection.close()
                continue
            self._clients[connection.fileno()] = client
            if len(self._clients) > _CLIENTS:
                self._make_room()

    def _too_many(self, client: _Client) -> str:
        """Why this user may not connect once more; empty when that is fine."""
        if sum(other.user == client.user for other in self._clients.values()) >= CLIENTS_PER_USER:
            return f"This user has {CLIENTS_PER_USER} connections to the driver already"
        return "" if client.is_free or self._rate.admits(client.user) else "This user asks too often"

    def _make_room(self) -> None:
        """Drop the longest idle connection of the user who has most of them; root's and the driver's come last."""
        clients = self._clients.values()
        per_user = Counter(client.user for client in clients)
        if clients:
            self._drop(min(clients, key=lambda c: (c.is_free, -per_user[c.user], c.observes, c.deadline)))

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.connection.fileno(), None) is None:
            return
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(client.connection)
        client.connection.close()
        if client.observes:
            self._name_observers()

    # What clients say

    def _receive(self, client: _Client) -> None:
        try:
            data = client.connection.recv(REQUEST_LIMIT_BYTES)
        except BlockingIOError:  # what was reported belonged to a client that is gone, whose number this one has
            return
        client.received += data
        if not data:
            self._drop(client)

    def _go_on(self, client: _Client) -> None:
        """Answer whole lines for as long as the answers go out; what is left waits until the client has read."""
        while not (client.gone or client.unsent or client.leaves) and (end := client.received.find(b"\n")) >= 0:
            line = bytes(client.received[:end])
            del client.received[: end + 1]
            client.deadline = time.monotonic() + self._idle_s
            observed = client.observes
            self._queue(client, self._reply(client, line))
            if client.observes and not observed:
                self._name_observers()
        if not client.unsent and (client.leaves or len(client.received) > REQUEST_LIMIT_BYTES):
            self._drop(client)

    def _reply(self, client: _Client, line: bytes) -> Mapping[str, Any]:
        if not client.is_free and not self._rate.admits(client.user):
            client.leaves = True
            return {"ok": False, "busy": True, "sentence": "This user asks too often", "hint": "Wait some seconds"}
        try:
            message = read_object(line)
            if message.get("op") == "attend":
                client.observes = True
                return {"ok": True}
            return {"ok": True, **self._answer(client.person, message)}
        except MidwatchError as error:
            return {"ok": False, "sentence": error.sentence, "hint": error.hint}
        except ValueError as error:
            return {"ok": False, "sentence": f"This is not understood: {error}", "hint": ""}
        except Exception as error:  # a fault of ours: the client is told, and the thread lives
            hint = "Try again; if it stays so, talk to the driver by another way"
            return {"ok": False, "sentence": f"Internal error of the driver: {type(error).__name__}", "hint": hint}

    # What clients are sent

    def _name_observers(self) -> None:
        observers = tuple(sorted(client.person.full_name for client in self._clients.values() if client.observes))
        if observers != self.observers:
            self.observers = observers
            for client in list(self._clients.values()):
                if client.observes:
                    self._queue(client, {"watchers": observers})

    def _queue(self, client: _Client, reply: Mapping[str, Any]) -> None:
        """Send what the client takes now; the rest goes out when it reads on. Who does not read is dropped."""
        line = _line(reply)
        if len(line) > LINE_LIMIT_BYTES:
            line = _line({"ok": False, "sentence": f"The answer is longer than {LINE_LIMIT_BYTES:,} bytes", "hint": ""})
        owed = sum(len(other.unsent) for other in self._clients.values() if other.user == client.user)
        if owed + len(line) > _UNSENT_PER_USER_BYTES:
            self._drop(client)
            return
        if not client.unsent:
            client.deadline = time.monotonic() + self._idle_s
        client.unsent += line
        self._send(client)

    def _send(self, client: _Client) -> None:
        try:
            sent = client.connection.send(client.unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(client)
            return
        del client.unsent[:sent]
        if sent:
            client.deadline = time.monotonic() + self._idle_s
        if not client.gone:
            self._selector.modify(client.connection, selectors.EVENT_WRITE if client.unsent else selectors.EVENT_READ)

    def _send_last_words(self) -> None:
        until = time.monotonic() + _LAST_WORDS_S
        while any(client.unsent for client in self._clients.values()) and time.monotonic() < until:
            for client in [client for client in self._clients.values() if client.unsent]:
                self._send(client)
            time.sleep(0.01)


def _line(reply: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(reply)).encode() + b"\n"
