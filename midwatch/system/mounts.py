"""Mounts that may never answer, found in the kernel's mount table before any path on them is accessed.

A network file system whose server is gone, a FUSE daemon that is stopped and an automounter hold whoever looks at a
path on them, for ever and past every signal. So such a path is first asked for in a process that can be left behind.
"""

from __future__ import annotations

import functools
import logging
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.errors import OutcomeUnknown

_LOG = logging.getLogger(__name__)

MOUNTINFO = Path("/proc/self/mountinfo")
LIMIT_S = 3.0
"""Seconds after which a mount counts as not answering."""
_FOREIGN = re.compile(
    r"(?:fuse|fuseblk|nfs|nfs4|ncp|ncpfs|afs|acfs|afpfs|auristorfs|beegfs|fhgfs|cvmfs|davfs|dfs|vmhgfs)(?:\..*)?"
    r"|9p|autofs|ceph|cifs|coda|gfs2?|gpfs|lustre|ocfs2|orangefs|panfs|pvfs2|smb3|smbfs|sshfs|vboxsf|virtiofs"
)
"""Kinds that something outside this kernel answers for: a server, a daemon, an automounter."""
_LONGEST_CHAIN = 40
"""Symbolic links that are followed, as the kernel follows them."""
_ASK = """
import os, sys
for look, path in ((os.stat, sys.argv[1]), (os.statvfs, sys.argv[2])):
    try:
        look(path)
    except OSError:
        pass
"""
"""`stat` may be answered from a cache; `statvfs` asks the server."""
_stuck: dict[Path, subprocess.Popen[bytes]] = {}
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class Mount:
    """One row of the table. Point and source are foreign text."""

    number: int
    """`mnt_id`, as `/proc/PID/fdinfo` has it as well."""
    point: Path
    kind: str
    source: str
    device: str = ""
    """`MAJOR:MINOR` of the file system: bind mounts of one file system share it."""
    root: Path = Path("/")
    """The folder of the file system that is mounted; not its root for a bind mount."""
    options: str = ""
    """Options of the file system itself, as `upperdir=` of an overlay."""

    @property
    def is_foreign(self) -> bool:
        """Whether something outside this kernel answers for it, or nothing does."""
        return _FOREIGN.fullmatch(self.kind) is not None

    def __str__(self) -> str:
        return f"{self.point} ({self.kind} from {self.source})"


def read_mounts(table: Path = MOUNTINFO) -> dict[Path, Mount]:
    """Mount point → what is mounted there; where several lie over one another, the topmost. Empty where there is no
    table."""
    try:
        return dict(_parsed(table.read_bytes()))
    except OSError:
        return {}


@functools.lru_cache(maxsize=1)
def _parsed(table: bytes) -> dict[Path, Mount]:
    found = {}
    for line in table.decode("utf-8", "surrogateescape").splitlines():
        fields, _, rest = line.partition(" - ")
        parts, (kind, source, *options) = fields.split(" "), rest.split(" ")
        point, root = Path(_unescaped(parts[4])), Path(_unescaped(parts[3]))
        options_text = _unescaped(" ".join(options))
        found[point] = Mount(int(parts[0]), point, kind, _unescaped(source), parts[2], root, options_text)
    return found


def mount_of(path: Path, mounts: dict[Path, Mount]) -> Mount | None:
    """The mount that holds `path`, which is absolute and goes through no link; None where there is no table."""
    return next((mounts[point] for point in (path, *path.parents) if point in mounts), None)


def foreign_mount(path: Path, mounts: dict[Path, Mount] | None = None) -> Mount | None:
    """The foreign mount that a look at `path` would go through; None when there is none. Nothing on one is touched for
    it."""
    known = read_mounts() if mounts is None else mounts
    if not any(mount.is_foreign for mount in known.values()):
        return None
    try:
        waiting = list(reversed((Path.cwd() / path).parts[1:]))
    except FileNotFoundError:  # the current folder is gone
        return None
    here, links = Path("/"), 0
    while waiting:
        part = waiting.pop()
        here = here.parent if part == ".." else here / part
        if (mount := known.get(here)) is not None and mount.is_foreign:
            return mount
        try:
            target = here.readlink()
        except OSError:
            continue
        links += 1
        if links > _LONGEST_CHAIN:
            return None
        waiting += reversed([one for one in target.parts if one != "/"])
        here = Path("/") if target.is_absolute() else here.parent
    return None


def foreign_below(folder: Path, mounts: dict[Path, Mount] | None = None) -> list[Mount]:
    """The foreign mounts below a folder."""
    known = read_mounts() if mounts is None else mounts
    return sorted(
        (one for one in known.values() if one.is_foreign and folder in one.point.parents),
        key=lambda one: str(one.point),
    )


def require_answer(path: Path, limit_s: float = LIMIT_S) -> None:
    """Return when `path` lies on no foreign mount, or on one that answers now. Raises `OutcomeUnknown` that names the
    mount.

    The look happens in a process of its own, which is left behind when it hangs. While it does, the next question about
    the same mount is answered at once, so that a panel which asks again and again gathers no processes.
    """
    mount = foreign_mount(path)
    if mount is None:
        return
    hint = "Is its server or daemon running? Nothing on it was waited for"
    with _guard:
        earlier = _stuck.get(mount.point)
        if earlier is not None and earlier.poll() is None:
            raise OutcomeUnknown(f"{path} cannot be reached: {mount} still does not answer", hint=hint)
        _stuck.pop(mount.point, None)
    asking = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _ASK, str(path), str(mount.point)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    try:
        asking.wait(limit_s)
    except subprocess.TimeoutExpired:
        with _guard:
            _stuck[mount.point] = asking
        _LOG.warning("%s did not answer within %g s", mount, limit_s)
        raise OutcomeUnknown(
            f"{path} cannot be reached: {mount} did not answer within {limit_s:g} s", hint=hint
        ) from None


def _unescaped(text: str) -> str:
    """The kernel writes blanks, tabs, line ends and backslashes as `\\040`."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
