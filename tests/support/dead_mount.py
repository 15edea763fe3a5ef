"""A mount whose server is gone: a FUSE file system of the kernel's own, whose daemon answers nothing (or not all) any
more.

Whoever looks at a path on it is held past every signal, as on a network mount. The daemon needs no package, only root.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

_MNT_DETACH = 2
_DAEMON = r"""
import ctypes, os, struct, sys
point, mode = sys.argv[1:]
handle = os.open("/dev/fuse", os.O_RDWR)
library = ctypes.CDLL(None, use_errno=True)
options = f"fd={handle},rootmode=40000,user_id=0,group_id=0,allow_other"
if library.mount(b"gone:/export", point.encode(), b"fuse", 0, options.encode()):
    sys.exit(os.strerror(ctypes.get_errno()))
attributes = struct.pack("QII6Q10I", 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)
half = {3: attributes, 17: struct.pack("5Q4I24x", 9, 9, 9, 9, 9, 4096, 255, 4096, 0), 27: struct.pack("QII", 1, 0, 0)}
answers = {26: struct.pack("IIIIHHIIHHI28x", 7, 31, 0, 0, 1, 1, 4096, 1, 0, 0, 0), **(half if mode == "half" else {})}
while True:
    request = os.read(handle, 1 << 17)
    operation, unique = struct.unpack_from("=IQ", request, 4)
    if operation in answers:
        body = answers[operation]
        os.write(handle, struct.pack("=IiQ", 16 + len(body), 0, unique) + body)
    elif mode == "half" and operation not in (2, 28, 44, 42):  # forgotten inodes want no answer; listings get none
        os.write(handle, struct.pack("=IiQ", 16, -38, unique))
        if operation == 1 and request[40:] == b"die\0":
            answers = {}
            mode = "silent"
    if operation == 26:
        print("mounted", flush=True)
"""


@contextlib.contextmanager
def dead_mount(point: Path, how: Literal["silent", "stopped", "half"] = "silent") -> Iterator[Path]:
    """Mounted at `point`. `silent`: each request is taken and never answered; `stopped`: the daemon gets SIGSTOP;
    `half`: a look at the mount itself is answered, and a listing is not; whoever looks for `die` in it makes it silent.
    Whoever hangs is let go at the end."""
    point.mkdir(exist_ok=True)
    daemon = subprocess.Popen([sys.executable, "-c", _DAEMON, str(point), how], stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    if daemon.stdout.readline() != b"mounted\n":
        daemon.wait()
        pytest.skip("FUSE cannot be mounted here")
    if how == "stopped":
        daemon.send_signal(signal.SIGSTOP)
    try:
        yield point
    finally:
        daemon.kill()
        daemon.wait()
        daemon.stdout.close()
        ctypes.CDLL(None).umount2(os.fsencode(point), _MNT_DETACH)
