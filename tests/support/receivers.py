"""Receivers of messages that do what a test says: real HTTP servers on the loopback."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    """What came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Receiver:
    """A server that answers each request as the next of `answers` says, the last one again and again."""

    url: str = ""
    answers: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The texts of the messages that came in, of a generic webhook."""
        return [str(request.body.get("text")) for request in self.requests]


def replies(status: int, body: str = "ok", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with this status, body and headers (`Retry_After`)."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        data = body.encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def dies(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection instead of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def is_silent(released: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    """Take the request and answer nothing until the test ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        released.wait(60)
        handler.close_connection = True

    return answer


@contextmanager
def receiver(
    *answers: Callable[[BaseHTTPRequestHandler], None], tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """A receiver on a free port of the loopback."""
    found = Receiver(answers=list(answers) or [replies(200)])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.requests.append(Request(self.path, dict(self.headers), json.loads(data or b"{}")))
            answer = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            answer(self)

        def log_message(self, format: str, *args: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    host = "localhost" if tls else "127.0.0.1"
    found.url = f"{'https' if tls else 'http'}://{host}:{server.server_address[1]}/hook"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
