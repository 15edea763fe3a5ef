"""What libpq itself takes from a password file: it logs in to a listener that asks for the password in clear."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg


class Asking:
    """Speaks the protocol's first words: whatever the login, it asks for a clear password, and then refuses."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._got: bytes | None = None
        self._done = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def sent(self, passfile: Path, user: str, database: str) -> bytes | None:
        """The password that libpq sends for this login; None when it finds none."""
        self._got = None
        self._done.clear()
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(
                host="127.0.0.1",
                port=self.port,
                user=user,
                dbname=database,
                passfile=str(passfile),
                sslmode="disable",
                gssencmode="disable",
            )
        assert self._done.wait(20)
        return self._got

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection, contextlib.suppress(OSError, struct.error):
                    self._got = self._ask(connection) or self._got
                self._done.set()

    def _ask(self, connection: socket.socket) -> bytes | None:
        (length,) = struct.unpack("!I", connection.recv(4, socket.MSG_WAITALL))
        connection.recv(length - 4, socket.MSG_WAITALL)
        connection.sendall(b"R" + struct.pack("!II", 8, 3))
        kind = connection.recv(1)
        if kind != b"p":
            return None
        (length,) = struct.unpack("!I", connection.recv(4, socket.MSG_WAITALL))
        said = connection.recv(length - 4, socket.MSG_WAITALL)
        refusal = b"SFATAL\0C28P01\0Mno\0\0"
        connection.sendall(b"E" + struct.pack("!I", 4 + len(refusal)) + refusal)
        return said.removesuffix(b"\0")


@contextlib.contextmanager
def asking() -> Iterator[Asking]:
    made = Asking()
    try:
        yield made
    finally:
        made.close()
