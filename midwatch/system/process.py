"""The unique identity of a process. Pids are reused, so the identity also holds the start time and the boot id."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from midwatch.system.errors import SHORTAGES


@functools.cache
def boot_id() -> str:
    """The kernel's name for this boot of the machine. Raises `OSError`."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """What `/proc/PID/stat` says of one process."""

    parent: int
    group: int
    start: int
    """Clock ticks from boot to its start (field 22)."""
    state: str

    @property
    def ended(self) -> bool:
        """Dead, though its parent may not have collected it yet."""
        return self.state in "ZXx"


def stat_of(pid: int) -> ProcessStat | None:
    """The process as it is now; None when there is none with this pid. Raises `OSError` when nobody can look."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError as error:
        if error.errno in SHORTAGES:
            raise
        return None
    fields = text[text.rindex(b")") + 2 :].split()  # the name in parentheses may itself hold blanks and parentheses
    return ProcessStat(int(fields[1]), int(fields[2]), int(fields[19]), fields[0].decode())


def descendants(roots: Iterable[int]) -> dict[int, ProcessStat]:
    """Everything that runs and came from these processes, by pid. Raises `OSError` when nobody can look."""
    children: dict[int, list[int]] = {}
    stats: dict[int, ProcessStat] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := stat_of(int(entry.name))) is not None:
            stats[int(entry.name)] = stat
            children.setdefault(stat.parent, []).append(int(entry.name))
    found: dict[int, ProcessStat] = {}
    ahead = [pid for root in roots for pid in children.get(root, [])]
    while ahead:
        pid = ahead.pop()
        if pid not in found:
            found[pid] = stats[pid]
            ahead += children.get(pid, [])
    return {pid: stat for pid, stat in found.items() if not stat.ended}


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that cannot be mistaken for another, not even after a reboot."""

    pid: int
    start: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has this pid now; None when it has ended."""
        stat = stat_of(pid)
        return None if stat is None or stat.ended else cls(pid, stat.start, boot_id())

    @classmethod
    def current(cls) -> Self:
        """This very process. Raises `OSError` when nobody can look."""
        found = cls.of(os.getpid())
        assert found is not None  # it runs while it asks
        return found

    @property
    def alive(self) -> bool:
        """Whether this very process still runs. Raises `OSError` when nobody can look."""
        if self.boot != boot_id():
            return False
        stat = stat_of(self.pid)
        return stat is not None and not stat.ended and stat.start == self.start

    def send(self, number: signal.Signals, *, only_if: Callable[[int], bool] | None = None) -> bool:
        """Signal this process and no other; False when it has ended, or is not what `only_if` says of its pid."""
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            if only_if is not None and not only_if(self.pid):
                return False
            if not self.alive:  # looked at after the handle was taken: the handle cannot change its process any more
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def to_json(self) -> dict[str, Any]:
        """Return the identity as JSON types for the journal."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises `KeyError`, `TypeError` or `ValueError`."""
        try:
            pid, start = int(data["pid"]), int(data["start"])
        except OverflowError as error:
            raise ValueError("a number is infinite") from error
        if not 0 < pid < 2**31 or start < 0:
            raise ValueError(f"there is no process {pid}")
        return cls(pid, start, str(data["boot"]))
