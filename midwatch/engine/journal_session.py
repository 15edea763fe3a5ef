"""The record of an incident: its events and the state that they reduce to, written by the driver, followed by observers."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from midwatch.control.control_socket import ControlServer
from midwatch.control.driver_lock import DriverLock, TakenOver
from midwatch.incident.event_redaction import masked
from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import AttemptFolder, IncidentFolder
from midwatch.incident.reducer import apply_event, reduce
from midwatch.incident.start_reserve import StartReserve
from midwatch.journal.reader import Tail
from midwatch.journal.verify import verify
from midwatch.journal.witness import Witness
from midwatch.journal.writer import Journal
from midwatch.runbook.model import Runbook
from midwatch.runbook.secret_sources import known_secrets, too_short
from midwatch.system.clock import Clock
from midwatch.system.errors import MidwatchError, Refused

_LOG = logging.getLogger(__name__)

_LOOK_AGAIN = 3.0
"""Seconds."""


@dataclass(slots=True)
class DriverHandle:
    """What only the driver holds."""

    journal: Journal
    lock: DriverLock
    starting: set[tuple[str, int]] = field(default_factory=set)
    """Attempts that this very process is about to start: no result of theirs is missing yet."""
    readers: list[threading.Thread] = field(default_factory=list)
    control_socket: ControlServer | None = None
    retry_at: float = 0.0
    """Monotonic time from which on a journal that is on another disk is tried to be brought back."""


class JournalSession(ABC):
    """Reads and, with control, appends.

    `incident` is replaced after each event and never changed in place, so a screen may keep and read it freely.
    """

    def __init__(
        self,
        runbook: Runbook,
        folder: IncidentFolder,
        events: list[Event],
        *,
        actor: str,
        clock: Clock,
        handle: DriverHandle | None,
    ) -> None:
        self.runbook = runbook
        self.folder = folder
        self.actor = actor
        self.clock = clock
        self.events = events
        self.incident = reduce(events)
        self._handle = handle
        self._tail: Tail | None = None
        self._mutex = threading.RLock()
        self._changed: set[str] = set()
        self._secrets = known_secrets(runbook)
        self._start_reserve = StartReserve(folder.path)
        self._witness = Witness(folder.path, wanted=runbook.witness)

    @property
    def driving(self) -> bool:
        """Whether this process may run steps."""
        return self._handle is not None

    @property
    def head(self) -> str:
        """The SHA-256 of the journal's last line: tell it to others, and later tampering shows (docs/journal.md)."""
        return self._handle.journal.head if self._handle else verify(self.folder.journal).head

    @property
    def next_update_due(self) -> datetime | None:
        """When the next status update is due, as the time of day stands now; None when the runbook asks for none or the
        incident is closed. Setting the time of day brings it no nearer.
        """
        every = self.runbook.comms.update_every
        if not every or not self.incident.open:
            return None
        left = every - (self.incident.elapsed_now(self.clock) - self.incident.updated)
        return self.clock.now() + timedelta(seconds=left)

    @abstractmethod
    def poll(self) -> list[str]:
        """Take in what has happened since the last call; the ids of steps that changed."""

    def attempt_folder(self, step_id: str) -> AttemptFolder | None:
        """The folder of the last attempt at this step; None when there was none."""
        last = self.incident.step(step_id).last if step_id in self.incident.steps else None
        return None if last is None else self.folder.attempt(step_id, last.number)

    def _driver(self) -> DriverHandle:
        if self._handle is None:
            who = f"{self.incident.driver} drives" if self.incident.driver else "nobody drives it from here"
            raise Refused(f"This terminal only observes; {who}", hint="Take control first: midwatch")
        return self._handle

    def name_fallbacks(self) -> None:
        """Say where the journal goes on when its own disk takes no more events."""
        declared = self.runbook.locations.get("journal_fallback", "")
        with self._mutex:
            journal = self._driver().journal
            journal.name_fallbacks(self.runbook.resolve(declared) if declared else None)
            self.apply_events(journal.events[len(self.events) :])
        self._start_reserve.keep()

    def report_short_secrets(self) -> None:
        """Say what is refused as a secret, so that nobody relies on its being masked."""
        names = too_short(self.runbook)
        last = next((event for event in reversed(self.events) if event.kind == EventKind.SECRETS_TOO_SHORT), None)
        if names and (last is None or last.body.get("names") != names):
            self.append(EventKind.SECRETS_TOO_SHORT, {"names": names})

    def refresh_secrets(self, environment: Mapping[str, str] | None = None) -> dict[str, str]:
        """Look again what is secret now. What was so before stays so in what is journalled here: it may yet be typed."""
        found = known_secrets(self.runbook, environment)
        every = dict(found)
        for name, value in self._secrets.items():
            if value not in every.values():
                while name in every:
                    name += ", before"
                every[name] = value
        self._secrets = every
        return found

    def release_reserve(self) -> bool:
        """Let a step start on a full disk, in room that was kept for it; whether any was given. The journal tells so."""
        gave = False
        while given := self._start_reserve.release():  # again and again: the event itself may have taken some of it
            self.append(EventKind.RESERVE_RELEASED, asdict(given))
            gave = True
        return gave

    def fail_back(self, handle: DriverHandle) -> None:
        """Let what went to another disk come back when there is room; looked at every few seconds."""
        now = time.monotonic()
        if handle.journal.away and now >= handle.retry_at and not handle.starting:  # which have the room that was made
            handle.retry_at = now + _LOOK_AGAIN
            try:
                handle.journal.join()
            except MidwatchError as error:  # nothing is lost then, and the next event says it
                _LOG.warning("The journal cannot come back to its own disk: %s", error)
            self.apply_events(handle.journal.events[len(self.events) :])

    def append(self, kind: EventKind, body: Mapping[str, Any]) -> None:
        with self._mutex:
            handle = self._driver()
            journal = handle.journal
            try:
                journal.append(kind, masked(body, self._secrets))
                self._witness.sees(kind, len(journal.events), journal.head)
            except TakenOver:
                self._lose(handle)
                raise
            self.apply_events(journal.events[len(self.events) :])

    @abstractmethod
    def _lose(self, handle: DriverHandle) -> None:
        """What becomes of a driver that lost control."""

    def apply_events(self, events: list[Event]) -> None:
        """Take these events in; one that cannot be taken in is tried again before the next."""
        self.events += events
        known = self.incident.last.seq if self.incident.last else 0
        for event in self.events[known:] if events else ():
            self.incident = apply_event(self.incident, event)
            if "step" in event.body:
                self._changed.add(str(event.body["step"]))

    def release(self, handle: DriverHandle, *, trim: bool) -> None:
        if handle.control_socket:
            handle.control_socket.close()
        handle.journal.close(trim=trim)
        if trim:
            self._start_reserve.drop()
        handle.lock.release()
        self._handle = None


def terminal() -> str:
    """The terminal of this process; empty when it has none."""
    try:
        return str(Path("/proc/self/fd/0").readlink())
    except OSError:
        return ""
