"""Ends a step: INT, then TERM, then KILL, sent to all its processes."""

from __future__ import annotations

import signal

from midwatch.incident.events import StepOutcome
from midwatch.supervisor.launch_spec import Graces
from midwatch.supervisor.process_tree import ProcessTree

_AFTER_KILL = 5.0


class Termination:
    """The way from a running step to an ended one, driven by the clock."""

    def __init__(self, family: ProcessTree, group: int, graces: Graces) -> None:
        self._family = family
        self.group: int | None = group
        """The step's process group; None once its leader was collected: the number may then be another's."""
        self._stages = [
            (signal.SIGINT, graces.interrupt),
            (signal.SIGTERM, graces.terminate),
            (signal.SIGKILL, _AFTER_KILL),
        ]
        self.why: StepOutcome | None = None
        """Why it is being ended; None while it is not."""
        self.next_at: float | None = None
        """Monotonic time of the next signal."""
        self.given_up = False
        """Even KILL did not end it in time: a process in an uninterruptible wait of the kernel."""

    def ask(self, why: StepOutcome, now: float) -> None:
        """Begin, or, when it has begun, go on to the next signal at once."""
        self.why = self.why or why
        self.advance(now)

    def advance(self, now: float) -> None:
        """Send the next signal."""
        if not self._stages:
            self.given_up = True
            self.next_at = None
            return
        number, grace = self._stages.pop(0)
        self._family.signal_all(self.group, number)
        self.next_at = now + grace
