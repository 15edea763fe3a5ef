"""Everything that came from a step, wherever it hid: its group, and what left the group but not the family tree."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from midwatch.supervisor.identity import ProcessStat, SupervisorId, boot_id, stat_of


def descendants() -> dict[int, ProcessStat]:
    """Our living descendants by pid."""
    children: dict[int, list[int]] = {}
    stats: dict[int, ProcessStat] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := stat_of(int(entry.name))) is not None:
            stats[int(entry.name)] = stat
            children.setdefault(stat.parent, []).append(int(entry.name))
    found: dict[int, ProcessStat] = {}
    ahead = children.get(os.getpid(), [])[:]
    while ahead:
        pid = ahead.pop()
        ahead += children.get(pid, [])
        if not stats[pid].ended:
            found[pid] = stats[pid]
    return found


def signal_all(group: int | None, number: signal.Signals) -> None:
    """Signal the step's group at once, then every descendant outside of it.

    A stopped process is woken, so that it can act on the signal.
    """
    if group is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
            os.killpg(group, signal.SIGCONT)
    boot = boot_id()
    for pid, stat in descendants().items():
        if stat.group != group:
            _send(SupervisorId(pid, stat.start, boot), number)


def signal_each(pids: set[int], number: signal.Signals) -> None:
    """Signal these processes only."""
    for pid in pids:
        if (process := SupervisorId.of(pid)) is not None:
            _send(process, number)


def _send(process: SupervisorId, number: signal.Signals) -> None:
    with contextlib.suppress(PermissionError):  # a setuid program: its own end will be waited for, within the grace
        process.send(number)
        if number is not signal.SIGKILL:
            process.send(signal.SIGCONT)


def holders(terminal: str) -> set[int]:
    """Descendants that have this terminal open; one that cannot be looked into counts as a holder."""
    found = set()
    for pid in descendants():
        try:
            links = {os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}  # noqa: PTH115, PTH208
        except PermissionError:
            found.add(pid)
        except OSError:  # it has just ended
            continue
        else:
            if terminal in links:
                found.add(pid)
    return found
