"""Sessions that wait for a running dump. A waiting `ALTER TABLE` blocks every later session on its table."""

from __future__ import annotations

import threading
from collections.abc import Callable

from actions.dump.lock_conflicts import lock_conflicts
from midwatch.system.errors import MidwatchError
from probes.postgres.connect import Route

LOOK = 10.0
"""Seconds between two looks."""


class LockWaiterWatch:
    """Looks now and then, from a thread of its own, and tells of each session once. `stop` it in any case."""

    def __init__(self, route: Route, say: Callable[[str], None]) -> None:
        self._route, self._say = route, say
        self._over, self._told = threading.Event(), set[int]()
        self._thread = threading.Thread(target=self._run, name="dump queue", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(LOOK):
            try:
                waiting = [one for one in lock_conflicts(self._route) if one.relation and not one.granted]
            except MidwatchError:
                continue  # whatever keeps the server from answering, the dump meets it too and has the word
            for one in waiting:
                if one.pid not in self._told and not self._over.is_set():
                    self._told.add(one.pid)
                    self._say(
                        f"{one} waits for {one.relation} until the dump ends, and whoever comes after it waits as well"
                    )

    def stop(self) -> None:
        """Say nothing any more."""
        self._over.set()
