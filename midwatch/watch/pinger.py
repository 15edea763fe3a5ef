"""Tells a service outside that the watcher lives, by the protocol of healthchecks.io: start, success, fail."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from urllib.parse import urlsplit, urlunsplit

import midwatch
from midwatch.outbox.receivers import is_rehearsal
from midwatch.redaction import mask
from midwatch.runbook.channels import SecretSource
from midwatch.runbook.model import Runbook
from midwatch.runbook.secret_sources import known_secrets, source_value
from midwatch.system.clock import Clock

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 10.0
_BODY_LIMIT = 1_000
_CLOSE_S = 12.0


class Pinger:
    """Sends one ping after another in a thread, so that a service that does not answer holds up no look."""

    def __init__(self, runbook: Runbook, clock: Clock) -> None:
        """In a rehearsal, and without an address, nothing is sent."""
        self._runbook, self._clock = runbook, clock
        self._next_at = clock.monotonic()
        self._failed = ""
        self._pings: queue.Queue[tuple[str, str] | None] = queue.Queue(maxsize=8)
        self._thread: threading.Thread | None = None
        if runbook.watch.ping and not is_rehearsal(runbook):
            self._thread = threading.Thread(target=self._run, name="ping", daemon=True)
            self._thread.start()

    def started(self) -> None:
        """The watcher begins."""
        self._put("/start", "")

    def looked(self, failed: str) -> None:
        """A look was made; `failed`: why it did not succeed. A failure is told at once, a success now and then."""
        now = self._clock.monotonic()
        if now >= self._next_at or failed != self._failed:
            self._next_at, self._failed = now + self._runbook.watch.ping_every, failed
            self._put("/fail" if failed else "", failed)

    def close(self) -> None:
        """Wait for what is to be sent, for some seconds."""
        if self._thread is not None:
            with contextlib.suppress(queue.Full):  # the service does not answer: what waits is left out
                self._pings.put(None, timeout=_CLOSE_S)
                self._thread.join(_CLOSE_S)

    def _put(self, kind: str, text: str) -> None:
        if self._thread is not None:
            try:
                self._pings.put_nowait((kind, text))
            except queue.Full:  # the service does not answer: the next ping says the same
                _LOG.warning("A ping was left out: the earlier ones are not sent yet")

    def _run(self) -> None:
        while (ping := self._pings.get()) is not None:
            self._send(*ping)

    def _send(self, kind: str, text: str) -> None:
        import requests

        try:
            parts = urlsplit(self._address())
            url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + kind))
            body = mask(text[:_BODY_LIMIT], known_secrets(self._runbook)).encode("utf-8", "replace")
            headers = {"User-Agent": f"midwatch/{midwatch.__version__}", "Content-Type": "text/plain; charset=utf-8"}
            requests.post(url, data=body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False).raise_for_status()
        except (requests.RequestException, OSError, ValueError) as error:
            _LOG.warning("The ping failed: %s", type(error).__name__)  # its words may hold the address, a secret

    def _address(self) -> str:
        ping = self._runbook.watch.ping
        return source_value(ping, self._runbook, os.environ) if isinstance(ping, SecretSource) else ping
