"""The record of an incident: its events and the state that they fold into, written by the driver, followed by observers."""

from __future__ import annotations

import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from midwatch.clock import Clock
from midwatch.door import Door
from midwatch.errors import MidwatchError, Refused
from midwatch.incident.events import Event, Kind
from midwatch.incident.fold import fold
from midwatch.incident.folder import AttemptFolder, IncidentFolder
from midwatch.incident.lock import DriverLock, TakenOver
from midwatch.incident.spare import Spare
from midwatch.journal.reader import Tail
from midwatch.journal.verify import verify
from midwatch.journal.witness import Witness
from midwatch.journal.writer import Journal
from midwatch.known_secrets import known_secrets, too_short
from midwatch.masking import masked
from midwatch.runbook.model import Runbook

_LOOK_AGAIN = 3.0
"""Seconds."""


@dataclass(slots=True)
class Wheel:
    """What only the driver holds."""

    journal: Journal
    lock: DriverLock
    under_way: set[tuple[str, int]] = field(default_factory=set)
    """Attempts that this very process is about to start: no result of theirs is missing yet."""
    readers: list[threading.Thread] = field(default_factory=list)
    door: Door | None = None
    look_again_at: float = 0.0
    """Monotonic time from which on a journal that is on another disk is tried to be brought back."""


class Record(ABC):
    """Reads and, with the wheel, appends.

    `incident` is replaced after each event and never changed in place, so a screen may keep and read it freely.
    """

    def __init__(
        self, runbook: Runbook, folder: IncidentFolder, events: list[Event], *, actor: str, clock: Clock, wheel: Wheel | None
    ) -> None:
        self.runbook = runbook
        self.folder = folder
        self.actor = actor
        self.clock = clock
        self.events = events
        self.incident = fold(events)
        self._wheel = wheel
        self._tail: Tail | None = None
        self._mutex = threading.RLock()
        self._changed: set[str] = set()
        self._secrets = known_secrets(runbook)
        self._spare = Spare(folder.path)
        self._witness = Witness(folder.path, wanted=runbook.witness)

    @property
    def driving(self) -> bool:
        """Whether this process may run steps."""
        return self._wheel is not None

    @property
    def head(self) -> str:
        """The SHA-256 of the journal's last line: tell it to others, and later tampering shows (docs/journal.md)."""
        return self._wheel.journal.head if self._wheel else verify(self.folder.journal).head

    @property
    def next_update_due(self) -> datetime | None:
        """When the next status update is due, as the time of day stands now; None when the runbook asks for none or the
        incident is closed. Setting the time of day brings it no nearer.
        """
        every = self.runbook.comms.update_every
        if not every or not self.incident.open:
            return None
        left = every - (self.incident.steady_now(self.clock) - self.incident.updated)
        return self.clock.now() + timedelta(seconds=left)

    @abstractmethod
    def poll(self) -> list[str]:
        """Take in what has happened since the last call; the ids of steps that changed."""

    def attempt_folder(self, step_id: str) -> AttemptFolder | None:
        """The folder of the last attempt at this step; None when there was none."""
        last = self.incident.step(step_id).last if step_id in self.incident.steps else None
        return None if last is None else self.folder.attempt(step_id, last.number)

    def _driver(self) -> Wheel:
        if self._wheel is None:
            who = f"{self.incident.driver} drives" if self.incident.driver else "nobody drives it from here"
            raise Refused(f"This terminal only observes; {who}", hint="Take the wheel first: midwatch")
        return self._wheel

    def _name_places(self) -> None:
        """Say where the journal goes on when its own disk takes no more events."""
        declared = self.runbook.locations.get("journal_fallback", "")
        with self._mutex:
            journal = self._driver().journal
            journal.name_places(self.runbook.resolve(declared) if declared else None)
            self._take_in(journal.events[len(self.events) :])
        self._spare.keep()

    def _name_unmasked(self) -> None:
        """Say what is refused as a secret, so that nobody relies on its being masked."""
        names = too_short(self.runbook)
        last = next((event for event in reversed(self.events) if event.kind == Kind.SECRETS_TOO_SHORT), None)
        if names and (last is None or last.body.get("names") != names):
            self._append(Kind.SECRETS_TOO_SHORT, {"names": names})

    def _learn_secrets(self, environment: Mapping[str, str] | None = None) -> dict[str, str]:
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

    def _make_room(self) -> bool:
        """Let a step start on a full disk, in room that was kept for it; whether any was given. The journal tells so."""
        gave = False
        while given := self._spare.give():  # again and again: the event itself may have taken some of it
            self._append(Kind.RESERVE_RELEASED, asdict(given))
            gave = True
        return gave

    def _bring_back(self, wheel: Wheel) -> None:
        """Let what went to another disk come back when there is room; looked at every few seconds."""
        now = time.monotonic()
        if wheel.journal.away and now >= wheel.look_again_at and not wheel.under_way:  # which have the room that was made
            wheel.look_again_at = now + _LOOK_AGAIN
            with contextlib.suppress(MidwatchError):  # nothing is lost then, and the next event says it
                wheel.journal.join()
            self._take_in(wheel.journal.events[len(self.events) :])

    def _append(self, kind: Kind, body: Mapping[str, Any]) -> None:
        with self._mutex:
            wheel = self._driver()
            journal = wheel.journal
            try:
                journal.append(kind, masked(body, self._secrets))
                self._witness.sees(kind, len(journal.events), journal.head)
            except TakenOver:
                self._lose(wheel)
                raise
            self._take_in(journal.events[len(self.events) :])

    @abstractmethod
    def _lose(self, wheel: Wheel) -> None:
        """What becomes of a driver whose wheel was taken."""

    def _take_in(self, events: list[Event]) -> None:
        if events:
            self.events = [*self.events, *events]
            self.incident = fold(self.events)
            self._changed |= {str(event.body["step"]) for event in events if "step" in event.body}

    def _let_go(self, wheel: Wheel, *, trim: bool) -> None:
        if wheel.door:
            wheel.door.close()
        wheel.journal.close(trim=trim)
        if trim:
            self._spare.drop()
        wheel.lock.release()
        self._wheel = None


def terminal() -> str:
    """The terminal of this process; empty when it has none."""
    try:
        return str(Path("/proc/self/fd/0").readlink())
    except OSError:
        return ""
