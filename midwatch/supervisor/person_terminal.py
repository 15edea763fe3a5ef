"""The supervisor's side of a step's terminal that a person sits at: one client at a time, at a socket.

The step goes on without a client. A client that comes later is shown what stands there: the last output, or, where a
program has the whole screen, what that program draws when the size of its terminal changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import socket
import struct
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from midwatch.supervisor.terminal_modes import TerminalModes
from midwatch.system.unix_socket import listen_in_folder, unlink_in_folder

SOCKET = "terminal.sock"
SIZE, TYPED = b"s", b"t"
"""Kinds of a client's message: two lengths of two bytes (rows, columns); bytes that were typed."""
HEAD = struct.Struct("!cH")
DIMENSIONS = struct.Struct("!HH")
_KEPT_BYTES = 64 * 1024
"""The end of the output that a client is shown first."""
_MOST_PENDING_BYTES = 256 * 1024
"""What a client has not taken yet, from which on the step waits, as at any slow terminal."""
LET_GO_S = 30.0
"""Seconds after which a client that takes nothing is let go."""
FIRST_CLIENT_S = 5.0
"""Seconds for which the step waits for its first client, so that it begins in a terminal of the right size."""
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class PersonTerminal:
    """Passes the step's output to the client, and what the client types to the step."""

    def __init__(self, folder: Path, terminal: int) -> None:
        """Listen in the attempt's folder. `terminal` is the supervisor's end of the pseudo-terminal. Raises
        `OSError`."""
        self._folder, self._terminal = folder, terminal
        self._listener, self._inode = listen_in_folder(folder, SOCKET, mode=0o600)
        self._client: socket.socket | None = None
        self._received = bytearray()
        self._typed, self._pending = bytearray(), bytearray()
        self._kept, self._modes = bytearray(), TerminalModes()
        self._taken_at = 0.0
        self._watched: dict[int, int] = {}
        self._closed: set[int] = set()
        """Watched descriptors that were closed; the next client may have the number of one of them."""
        self._is_open = True

    def await_client(self) -> None:
        """Wait a moment for the first client and the size of its terminal."""
        deadline = time.monotonic() + FIRST_CLIENT_S
        with selectors.DefaultSelector() as selector:
            self.watch(selector)
            while not self._modes.has_size and (left := deadline - time.monotonic()) > 0:
                self.serve(selector.select(left))
                self.watch(selector)
        self._watched = {}

    def watch(self, selector: selectors.BaseSelector) -> None:
        """Wait for what can be done now; the step's terminal is among it while it is open."""
        wanted = {self._listener.fileno(): _READ}
        if self._is_open:
            is_full = self._client is not None and len(self._pending) >= _MOST_PENDING_BYTES
            wanted[self._terminal] = (0 if is_full else _READ) | (_WRITE if self._typed else 0)
        if self._client is not None:
            takes = len(self._typed) < _MOST_PENDING_BYTES
            wanted[self._client.fileno()] = (_READ if takes else 0) | (_WRITE if self._pending else 0)
        wanted = {descriptor: events for descriptor, events in wanted.items() if events}
        for descriptor in self._watched.keys() & (self._closed | (self._watched.keys() - wanted.keys())):
            selector.unregister(descriptor)
            del self._watched[descriptor]
        self._closed.clear()
        for descriptor, events in wanted.items():
            if descriptor not in self._watched:
                selector.register(descriptor, events)
            elif self._watched[descriptor] != events:
                selector.modify(descriptor, events)
        self._watched = wanted

    def serve(self, ready: Sequence[tuple[selectors.SelectorKey, int]]) -> None:
        """Do what can be done; reading the step's terminal is the supervisor's own."""
        now = time.monotonic()
        for key, events in ready:
            client = self._client
            if key.fd == self._listener.fileno():
                self._accept()
            elif key.fd == self._terminal and events & _WRITE:
                self._type()
            elif client is not None and key.fd == client.fileno():
                if events & _WRITE:
                    self._send(now)
                if events & _READ:
                    self._receive()
        if self._client is not None and self._pending and now - self._taken_at >= LET_GO_S:
            self._leave()

    @property
    def is_waited_for(self) -> bool:
        """Whether there is a client that has not taken everything."""
        return self._client is not None and bool(self._pending)

    def show(self, data: bytes) -> None:
        """Show this output to the client, and keep its end for the next one."""
        self._modes.follow(data)
        self._kept += data
        del self._kept[:-_KEPT_BYTES]
        if self._client is not None:
            if not self._pending:
                self._taken_at = time.monotonic()
            self._pending += data
            self._send(time.monotonic())

    def hang_up(self) -> None:
        """The step's terminal is closed: nothing more can be typed."""
        self._is_open = False
        self._typed.clear()

    def close(self) -> None:
        """The step has ended: send what is left, and let the client go."""
        deadline = time.monotonic() + 1.0
        while self._client is not None and self._pending and time.monotonic() < deadline:
            self._client.setblocking(True)
            self._client.settimeout(0.2)
            self._send(time.monotonic())
        self._leave()
        self._listener.close()
        with contextlib.suppress(OSError):
            unlink_in_folder(self._folder, SOCKET, self._inode)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        if struct.unpack("3i", credentials)[1] not in (os.geteuid(), 0):
            client.close()
            return
        self._leave()
        client.setblocking(False)
        self._client = client
        self._pending += self._modes.restored() + (b"" if self._modes.is_full_screen else bytes(self._kept))
        self._taken_at = time.monotonic()

    def _receive(self) -> None:
        assert self._client is not None
        try:
            data = self._client.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._leave()
            return
        self._received += data
        while len(self._received) >= HEAD.size:
            kind, length = HEAD.unpack_from(self._received)
            if len(self._received) < HEAD.size + length:
                return
            content = bytes(self._received[HEAD.size : HEAD.size + length])
            del self._received[: HEAD.size + length]
            if kind == SIZE and length == DIMENSIONS.size:
                self._resize(*DIMENSIONS.unpack(content))
            elif kind == TYPED:
                self._typed += content
                self._type()

    def _resize(self, rows: int, columns: int) -> None:
        """Give the step's terminal this size. A program that has the whole screen draws again for a new client."""
        if self._modes.draws_for_new_client:
            self._set_size(rows, max(columns - 1, 1))
        self._modes.note_size()
        self._set_size(rows, columns)

    def _set_size(self, rows: int, columns: int) -> None:
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _type(self) -> None:
        with contextlib.suppress(OSError):  # it takes nothing now; or nothing any more
            while self._typed:
                del self._typed[: os.write(self._terminal, self._typed)]

    def _send(self, now: float) -> None:
        assert self._client is not None
        try:
            while self._pending:
                del self._pending[: self._client.send(self._pending)]
                self._taken_at = now
        except (BlockingIOError, TimeoutError):
            return
        except OSError:
            self._leave()

    def _leave(self) -> None:
        if self._client is not None:
            self._closed.add(self._client.fileno())
            self._client.close()
        self._client = None
        self._modes.client_left()
        self._received.clear()
        self._pending.clear()
