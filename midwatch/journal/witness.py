"""Sends the heads of a journal to a witness, journald or syslog, whose records the driver cannot change.

Whoever may write a journal can build its chain anew. The system's log is written by another program and, on most
machines, sent to another one. So each head that was sent there shows a chain that was built anew later
(`midwatch.journal.witness_comparison`). Sending never waits: a datagram that is not taken at once is dropped, and the
next head says as much.
"""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

from midwatch.incident.events import ENDS, EventKind

TAG = "midwatch"
"""The name under which the log has the heads: `journalctl -t midwatch`."""
JOURNALD = Path("/run/systemd/journal/socket")
SYSLOG = Path("/dev/log")
ADDRESS = "MIDWATCH_WITNESS"
"""Environment variable: `journald:SOCKET` or `syslog:SOCKET` instead of the usual ones, or `off`."""
_EVERY_EVENTS = 25
_AT_ONCE = frozenset(
    {
        EventKind.DECLARED,
        EventKind.DRIVER_JOINED,
        EventKind.DRIVER_TOOK_OVER,
        EventKind.DRIVER_LEFT,
        EventKind.UPDATE,
        EventKind.APPROVAL_GIVEN,
        *ENDS,
    }
)
_NOTICE = 5
_USER_NOTICE = 13  # facility user, severity notice, as RFC 3164 counts


class Witness:
    """Sends the heads of one incident's journal."""

    def __init__(self, folder: Path, *, wanted: bool = True) -> None:
        self._folder = folder.absolute()
        self._structured, self._address = _address() if wanted else (False, None)
        self._last = 0

    def sees(self, kind: str, seq: int, head: str) -> None:
        """Send the head behind event `seq`, when this is one of those that are sent. Never raises and never waits."""
        if self._address is None or (kind not in _AT_ONCE and seq - self._last < _EVERY_EVENTS):
            return
        self._last = seq
        message = statement(self._folder, seq, head)
        if self._structured:
            fields = {
                "MESSAGE": message,
                "PRIORITY": str(_NOTICE),
                "SYSLOG_IDENTIFIER": TAG,
                "MIDWATCH_INCIDENT": json.dumps(self._folder.name)[1:-1],
                "MIDWATCH_EVENT": str(seq),
                "MIDWATCH_HEAD": head,
            }
            data = "".join(f"{name}={value}\n" for name, value in fields.items())
        else:
            data = f"<{_USER_NOTICE}>{time.strftime('%b %e %H:%M:%S')} {TAG}[{os.getpid()}]: {message}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(data.encode("ascii"), str(self._address))
        except OSError:  # nobody listens, or the log is busy: the incident goes on
            return


def statement(folder: Path, seq: int, head: str) -> str:
    """The line that the log keeps, in ASCII whatever the folder is called. The folder tells incidents of one name
    apart."""
    return f"journal {json.dumps(str(folder))} event {seq} head {head}"


def _address() -> tuple[bool, Path | None]:
    """Whether the witness takes fields as journald does, and its socket; None for no witness."""
    kind, _, path = os.environ.get(ADDRESS, "").partition(":")
    if kind:
        return kind == "journald", Path(path) if path and kind in ("journald", "syslog") else None
    if JOURNALD.exists():
        return True, JOURNALD
    return False, SYSLOG if SYSLOG.exists() else None
