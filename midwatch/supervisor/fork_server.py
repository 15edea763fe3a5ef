"""The fork server of a driver: a process that has loaded the supervisor's code and forks a supervisor for each step.

A step then waits for no interpreter and no import. The fork server holds no secret, and ends with its driver.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import midwatch
from midwatch.incident.paths import AttemptFolder
from midwatch.supervisor.attempt_processes import PROGRAM
from midwatch.supervisor.logind import hand_over
from midwatch.supervisor.status import START_GRACE

_ROOT = Path(midwatch.__file__).parent.parent
_ROOM = "-" * 4096
"""The last word of the fork server's command line: a forked supervisor puts the attempt's folder there."""
_ENDING_S = 5.0
_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


class ForkServer:
    """Started when needed, and anew where it has ended or its driver's environment or limits have changed since."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._surroundings: tuple[Any, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = socket.socket()

    def start(self) -> None:
        """Start it, unless it runs; it loads its code meanwhile. Raises `OSError`."""
        now = (os.getpid(), dict(os.environ), [resource.getrlimit(limit) for limit in _LIMITS])
        with self._lock:
            if self._process is not None and self._surroundings == now:
                return
            self.stop()
            requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                requests.settimeout(START_GRACE)
                self._requests, self._surroundings = requests, now
                self._process = subprocess.Popen(
                    [*hand_over(), sys.executable, "-Xutf8", *PROGRAM, _ROOM],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    cwd=_ROOT,
                    env=os.environ,  # libpq in this process may have been kept from some variables
                    start_new_session=True,
                )

    def fork(self, folder: AttemptFolder) -> socket.socket:
        """Ask for the supervisor of this attempt; the socket on which it takes its order and answers. Raises
        `OSError`."""
        ours, theirs = socket.socketpair()
        request = [os.fsencode(folder.path.absolute())], [theirs.fileno()]
        with theirs, contextlib.ExitStack() as on_error:
            on_error.enter_context(ours)
            with self._lock:
                self.start()
                try:
                    socket.send_fds(self._requests, *request)
                except (BrokenPipeError, ConnectionResetError):  # it has ended since
                    self.stop()
                    self.start()
                    socket.send_fds(self._requests, *request)
            on_error.pop_all()
        return ours

    def stop(self) -> str:
        """End it, not what it has forked; the last line that it wrote, which says why it ended before."""
        with self._lock:
            process, self._process = self._process, None
            self._requests.close()
            if process is None or self._surroundings[0] != os.getpid():  # the parent's, which forked this process
                return ""
            try:
                _, errors = process.communicate(timeout=_ENDING_S)
            except subprocess.TimeoutExpired:
                return ""
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


FORK_SERVER = ForkServer()
"""The one of this process."""
