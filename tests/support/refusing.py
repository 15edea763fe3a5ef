"""Programs whose calls to the kernel are refused as a test decides: with the error of a quota, of memory, of anything.

The kernel itself asks for each call that makes or fills a file (seccomp's user notifications), in the program and in
all that it starts. What is refused never happens, and what is let through happens as ever.
"""

from __future__ import annotations

import array
import fcntl
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

Refuse = Callable[[str, str], int]
"""Given a call (`make`, `fill`) and a path: the error to answer with, or 0 to let it happen."""

_CALLS = {  # what a call does, and where its path is: in the argument of this number, or behind the descriptor in it
    "x86_64": {
        257: ("make", "path", 1),
        258: ("make", "path", 1),
        83: ("make", "path", 0),
        1: ("fill", "file", 0),
        285: ("fill", "file", 0),
    },
    "aarch64": {56: ("make", "path", 1), 34: ("make", "path", 1), 64: ("fill", "file", 0), 47: ("fill", "file", 0)},
}
_OPEN = {"x86_64": 257, "aarch64": 56}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_RECEIVE, _SEND, _GO_ON = 0xC0502100, 0xC0182101, 1

_BEGINNING = r"""
import array, ctypes, os, socket, struct, sys
calls, opening, seccomp, channel = eval(sys.argv.pop(1))
code = [(0x20, 0, 0, 0)]
for number in calls:
    code += [(0x15, 0, 1, number), (0x06, 0, 0, 0x7FC00000)] if number != opening else [
        (0x15, 0, 4, number), (0x20, 0, 0, 32), (0x45, 0, 1, os.O_CREAT), (0x06, 0, 0, 0x7FC00000), (0x06, 0, 0,
        0x7FFF0000)]
code.append((0x06, 0, 0, 0x7FFF0000))
packed = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(packed)))
library = ctypes.CDLL(None, use_errno=True)
library.prctl(38, 1, 0, 0, 0)
listener = library.syscall(seccomp, 1, 8, program)
with socket.socket(fileno=channel) as told:
    told.sendmsg([b"!" if listener >= 0 else b"?"],
                 [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))] if listener >= 0 else [])
if listener < 0:
    sys.exit("no seccomp here: " + os.strerror(ctypes.get_errno()))
os.close(listener)
"""


def run_refused(program: str, *arguments: object, refuse: Refuse) -> subprocess.CompletedProcess[str]:
    """Run a Python program to its end, and to the end of all that it started. Its refusals begin after its first
    imports."""
    machine = platform.machine()
    if machine not in _CALLS:
        pytest.skip(f"the numbers of the calls of {machine} are not known")
    ours, theirs = socket.socketpair()
    with ours:
        told = (tuple(_CALLS[machine]), _OPEN[machine], _SECCOMP[machine], theirs.fileno())
        command = [sys.executable, "-c", _BEGINNING + program, repr(told), *map(str, arguments)]
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
        )
        theirs.close()
        _, attached, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
    if not attached:
        pytest.skip(process.communicate(timeout=60)[1].strip().splitlines()[-1])
    (listener,) = array.array("i", attached[0][2])
    answering = threading.Thread(target=_answer, args=(listener, _CALLS[machine], refuse))
    answering.start()
    out, error = process.communicate(timeout=120)
    answering.join()
    return subprocess.CompletedProcess(command, process.returncode, out, error)


def _answer(listener: int, calls: dict[int, tuple[str, str, int]], refuse: Refuse) -> None:
    """Answer until the last process is gone."""
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    while not waiting.poll()[0][1] & select.POLLHUP:
        notice = bytearray(80)
        try:
            fcntl.ioctl(listener, _RECEIVE, notice)
        except OSError:  # it was killed before it could be asked for
            continue
        number, pid, _, call, _, _, *words = struct.unpack("QIIiIQ6Q", notice)
        what, kind, at = calls[call]
        if kind == "path":  # a relative one of a call such as `openat` begins in the folder behind its first argument
            path = os.path.join(_file(pid, words[0]) if at else "", _path(pid, words[at]))  # noqa: PTH118
        else:
            path = _file(pid, words[at])
        trouble = refuse(what, path)
        answer = struct.pack("QqiI", number, 0, -trouble, 0 if trouble else _GO_ON)
        try:
            fcntl.ioctl(listener, _SEND, answer)
        except OSError:
            continue
    os.close(listener)


def _file(pid: int, descriptor: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/fd/{descriptor}").readlink())
    except OSError:
        return ""


def _path(pid: int, address: int) -> str:
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            return os.fsdecode((memory.read(4096) or b"").split(b"\0")[0])
    except OSError:
        return ""
