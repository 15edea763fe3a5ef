"""The fork server and the supervisors: `python -m midwatch.supervisor ROOM`, with a driver's requests on stdin.

A request is an attempt's folder and a socket. Over the socket the supervisor gets its order and the secrets as a line
of JSON, and answers `ready` and who it is, or `failed` and why. In its command line the folder takes the place of ROOM.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from midwatch.api.plan import Plan
from midwatch.incident.paths import AttemptFolder
from midwatch.redaction import Redactor
from midwatch.supervisor.argument_room import ArgumentRoom
from midwatch.supervisor.consented_command import require_consented
from midwatch.supervisor.handed_secrets import HandedSecrets
from midwatch.supervisor.hardening import adopt_orphans, close_to_inspection, spare_from_memory_shortage
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.runner import Supervision
from midwatch.system.errors import SHORTAGES, MidwatchError
from midwatch.system.umask import keep_others_out

_LONGEST_HANDOVER = 64 * 1024 * 1024
_LONGEST_NAME_BYTES = 4096
_PARTS = ("secrets", "plan", "handed")


def main(arguments: list[str]) -> int:
    """Fork a supervisor for each request until the driver has gone. Returns in the supervisors as well."""
    if len(arguments) != 1:
        print("usage: python -m midwatch.supervisor ROOM (started by Midwatch itself)", file=sys.stderr)  # noqa: T201
        return 2
    keep_others_out()
    for number in (signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")  # a working directory would keep a file system from being unmounted
    room = ArgumentRoom(arguments[0])
    requests = socket.socket(fileno=os.dup(0))
    Redactor({}).once(b"password: -")  # compiles its patterns
    gc.freeze()
    while True:
        name, descriptors, _, _ = socket.recv_fds(requests, _LONGEST_NAME_BYTES, 1)
        if not name:
            return 0
        with socket.socket(fileno=descriptors[0]) as starter:
            if _is_forked(starter):
                room.put(name)
                return _supervise(AttemptFolder(Path(os.fsdecode(name))), starter)


def _is_forked(starter: socket.socket) -> bool:
    """Fork a process that is nobody's child and leads no session; True there."""
    server = os.getpid()
    try:
        if child := os.fork():
            os.waitpid(child, 0)
            return False
        os.setsid()
        if os.fork() == 0:
            return True
    except OSError as error:
        _tell(starter, f"failed {_sentence(error)}")
    if os.getpid() != server:
        os._exit(0)
    return False


def _supervise(folder: AttemptFolder, starter: socket.socket) -> int:
    """Take the order, run the step."""
    try:
        starter.settimeout(30)
        oom = spare_from_memory_shortage()
        adopt_orphans()
        close_to_inspection()
        _close_inherited(keep=starter.fileno())
        order, secrets, plan, values = _handover(starter)
        require_consented(order, plan, values)
        supervision = Supervision(folder, order, secrets, plan, HandedSecrets.of(plan, values), oom)
    except Exception as error:  # whatever it is, whoever waits for us has to be notified
        _tell(starter, f"failed {error if isinstance(error, MidwatchError) else _sentence(error)}")
        return 1
    if not _tell(starter, "ready " + json.dumps(supervision.identity.to_json())):
        supervision.abandon()
        return 1
    starter.close()
    try:
        supervision.run()
    except Exception as error:  # nobody would see a traceback: the result tells it
        supervision.break_down(error)
        return 1
    return 0


def _close_inherited(*, keep: int) -> None:
    """Stdin, stdout and stderr become /dev/null; what else was inherited (a driver's lock) is closed."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, keep)
    os.closerange(keep + 1, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65536))


def _handover(starter: socket.socket) -> tuple[LaunchSpec, Mapping[str, str], Plan, Mapping[str, str]]:
    """The order, what is masked, the plan that was consented to, and the secrets of the script: one line of JSON.

    Raises `OSError`, `ValueError`, or `BadInput` for what is no order.
    """
    received = bytearray()
    while not received.endswith(b"\n"):
        data = starter.recv(65536)
        if not data or len(received) > _LONGEST_HANDOVER:
            raise ValueError("The order was not handed over completely")
        received += data
    handed = json.loads(received)
    if not isinstance(handed, dict) or not all(isinstance(handed.get(key), dict) for key in _PARTS):
        raise ValueError("The order was not handed over as an order")
    secrets, values = ({str(name): str(value) for name, value in handed[key].items()} for key in ("secrets", "handed"))
    return LaunchSpec.from_json(handed.get("order", {})), secrets, Plan.from_json(handed["plan"]), values


def _tell(starter: socket.socket, line: str) -> bool:
    try:
        starter.sendall(line.encode() + b"\n")
    except OSError:
        return False
    return True


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        where = error.filename if error.errno not in SHORTAGES else ""
        return f"{where or 'The supervisor'}: {error.strerror}"
    if isinstance(error, MemoryError):
        return "There is not enough memory"
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
