"""Finds all processes of a step, including those that left its process group or its process tree."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection

from midwatch.supervisor.control_group import ControlGroup
from midwatch.supervisor.sudo import signal_as
from midwatch.system.process import ProcessIdentity, ProcessStat, descendants, stat_of


class ProcessTree:
    """What came from the step of this supervisor: its descendants, and all that is in the step's control group."""

    def __init__(self, control: ControlGroup | None, user: str = "") -> None:
        """`user` is the other user as whom the step runs, if it does: its processes are signalled as that user."""
        self._user = user
        self.control = control
        """None where there can be none: a subreaper's descendants are all, unless a process forks faster than we
        look."""

    def living(self) -> dict[int, ProcessStat]:
        """By pid."""
        found = descendants([os.getpid()])
        for pid in self.control.members() if self.control else ():
            if pid not in found and (stat := stat_of(pid)) is not None and not stat.ended:
                found[pid] = stat
        return found

    def signal_all(self, group: int | None, number: signal.Signals) -> None:
        """Signal the step's process group at once, then everything outside of it.

        A stopped process is woken, so that it can act on the signal. `sudo`, which leads the group of a step of another
        user, would pass a signal on: it gets one only when nothing else is left.
        """
        if group is not None and not self._user:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
                os.killpg(group, signal.SIGCONT)
        if number is signal.SIGKILL and self.control:
            self.control.kill()
        living = self.living()
        if self._user:
            self.signal_each((living.keys() - {group}) or living.keys(), number)
        else:
            self.signal_each({pid for pid, stat in living.items() if stat.group != group}, number)

    def signal_each(self, pids: Collection[int], number: signal.Signals) -> None:
        """Signal these processes only."""
        signal_each(pids, number)
        if self._user and os.geteuid() and pids:
            signal_as(self._user, pids, number)

    def holders(self, terminal: str) -> set[int]:
        """Those that have this terminal open; one that cannot be looked into counts as a holder."""
        found = set()
        for pid in self.living():
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


def signal_each(pids: Collection[int], number: signal.Signals) -> None:
    """Signal these processes only."""
    for pid in pids:
        if (process := ProcessIdentity.of(pid)) is not None:
            _send(process, number)


def _send(process: ProcessIdentity, number: signal.Signals) -> None:
    with contextlib.suppress(PermissionError):  # of another user: its own end will be waited for
        process.send(number)
        if number is not signal.SIGKILL:
            process.send(signal.SIGCONT)
