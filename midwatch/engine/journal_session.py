"""The record of an incident: its events and the state that they reduce to, written by the driver, followed by
observers."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from midwatch.api.action import Context
from midwatch.control.driver_lock import TakenOver
from midwatch.engine import loop_items
from midwatch.engine.driver_handle import DriverHandle
from midwatch.engine.driving import Declared, drivable_runbook
from midwatch.engine.incident_files import load_original
from midwatch.engine.planning import SilentConsole
from midwatch.incident.event_redaction import masked
from midwatch.incident.events import Event, EventKind
from midwatch.incident.known_values import FilledRunbook
from midwatch.incident.paths import AttemptFolder, IncidentFolder
from midwatch.incident.reducer import apply_event, reduce
from midwatch.incident.start_reserve import StartReserve
from midwatch.journal.reader import Tail
from midwatch.journal.verify import verify
from midwatch.journal.witness import Witness
from midwatch.runbook.model import Runbook
from midwatch.runbook.secret_sources import known_secrets, too_short
from midwatch.system.clock import Clock
from midwatch.system.errors import MidwatchError, Refused

_LOG = logging.getLogger(__name__)

_FAIL_BACK_INTERVAL_S = 3.0


class JournalSession:
    """Reads and, with control, appends.

    `incident` is replaced after each event and never changed in place, so a screen may keep and read it freely.
    """

    def __init__(
        self,
        runbook: Runbook,
        folder: IncidentFolder,
        *,
        actor: str,
        clock: Clock,
        own: Runbook | None = None,
        undrivable: Refused | None = None,
        handle: DriverHandle | None = None,
    ) -> None:
        self.folder = folder
        self.actor = actor
        self.clock = clock
        self.events: list[Event] = []
        self.incident = reduce([])
        self.runbook = runbook
        self.handle = handle
        """None for an observer."""
        self.undrivable = undrivable
        """Why nothing of this incident's runbook may be run from here; it can be followed all the same."""
        self.own = own
        """The runbook that the operator named or has here: one that they trust."""
        self.mutex = threading.RLock()
        """Held while the state is read, judged and written."""
        self.secrets = known_secrets(runbook)
        """What is masked in every event, by name."""
        self._fetched: dict[str, str] = {}
        """Secrets that steps were given."""
        self._tail: Tail | None = None
        self._changed: set[str] = set()
        self._adopted = False
        """Whether an observer still has to read a runbook that was adopted."""
        self.watchers: list[threading.Event] = []
        """Set after each event."""
        self.start_reserve = StartReserve(folder.path)
        self._witness = Witness(folder.path, wanted=runbook.witness)

    @property
    def runbook(self) -> Runbook:
        """With the items of loops and the values in texts that are known."""
        return self._runbook

    @runbook.setter
    def runbook(self, runbook: Runbook) -> None:
        self._filled = FilledRunbook(runbook)
        self._runbook = self._filled.at(self.incident)

    @property
    def driving(self) -> bool:
        """Whether this process may run steps."""
        return self.handle is not None

    @property
    def head(self) -> str:
        """The SHA-256 of the journal's last line: tell it to others, and later tampering shows (docs/journal.md)."""
        return self.handle.journal.head if self.handle else verify(self.folder.journal).head

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

    @property
    def updates_overdue(self) -> int:
        """How many status updates are due by now and were not sent."""
        due, now, every = self.next_update_due, self.clock.now(), self.runbook.comms.update_every
        return 0 if due is None or due > now else 1 + int((now - due).total_seconds() / every)

    def attempt_folder(self, step_id: str) -> AttemptFolder | None:
        """The folder of the last attempt at this step; None when there was none."""
        last = self.incident.step(step_id).last if step_id in self.incident.steps else None
        return None if last is None else self.folder.attempt(step_id, last.number)

    def settle(self) -> None:
        """Wait until the readings after finished steps are in the journal; they end within a limit."""
        if self.handle is not None:
            self.handle.await_readers()

    def context(self, step_id: str = "") -> Context:
        """What an action is given to plan or to check, of a step or of the whole incident."""
        return Context(self.runbook, SilentConsole(), self.clock, self.actor, incident=self.folder.path, step=step_id)

    def trust_runbook(self) -> None:
        """Take the runbook by which this user may drive. Raises `Refused` when there is none
        (`midwatch.engine.driving`)."""
        self.runbook = drivable_runbook(self.folder, self.events, self.own)
        self.undrivable = None

    def _follow_adoption(self) -> None:
        """Show the runbook that the driver has adopted, once its copy is in place."""
        with contextlib.suppress(MidwatchError):
            said, copies = Declared.of(self.folder, self.events), load_original(self.folder, self.events)
            if not said.difference(copies):
                self._adopted = False
                self.runbook = copies

    def require_drivable(self) -> None:
        """Plans and checks run what the runbook says as well. Raises `Refused`."""
        if self.undrivable is not None:
            raise self.undrivable

    def require_driver(self) -> DriverHandle:
        """What the driver holds. Raises `Refused` for an observer."""
        if self.handle is None:
            who = f"{self.incident.driver} drives" if self.incident.driver else "nobody drives it from here"
            raise Refused(f"This terminal only observes; {who}", hint="Take control first: midwatch")
        return self.handle

    def name_fallbacks(self) -> None:
        """Name the files in which the journal goes on when its own disk takes no more events."""
        declared = self.runbook.locations.get("journal_fallback", "")
        with self.mutex:
            journal = self.require_driver().journal
            journal.name_fallbacks(self.runbook.resolve(declared) if declared else None)
            self.take_in()
        self.start_reserve.keep()

    def report_short_secrets(self) -> None:
        """Say what is refused as a secret, so that nobody relies on its being masked."""
        names = too_short(self.runbook)
        last = next((event for event in reversed(self.events) if event.kind == EventKind.SECRETS_TOO_SHORT), None)
        if names and (last is None or last.body.get("names") != names):
            self.append(EventKind.SECRETS_TOO_SHORT, {"names": names})

    def refresh_secrets(self, environment: Mapping[str, str] | None = None) -> dict[str, str]:
        """Reload the known secrets. Earlier ones stay masked in this journal, because someone may still type them."""
        found = _with(known_secrets(self.runbook, environment), self._fetched)
        self.secrets = _with(found, self.secrets)
        return found

    def learn_secrets(self, fetched: Mapping[str, str]) -> None:
        """Mask what a step is given, from now on in this journal and in the output of every step."""
        self._fetched = _with(fetched, self._fetched)
        self.refresh_secrets()

    def release_reserve(self) -> bool:
        """Give disk space back that was kept for a start on a full disk, and journal it. False when nothing was
        given."""
        gave = False
        while given := self.start_reserve.release():  # again and again: the event itself may have taken some of it
            self.append(EventKind.RESERVE_RELEASED, asdict(given))
            gave = True
        return gave

    def fail_back(self, handle: DriverHandle) -> None:
        """Bring the journal back from another disk when there is room; tried every few seconds."""
        now = time.monotonic()
        if handle.journal.away and now >= handle.retry_at and not handle.starting:  # which have the room that was made
            handle.retry_at = now + _FAIL_BACK_INTERVAL_S
            try:
                handle.journal.join()
            except MidwatchError as error:  # nothing is lost then, and the next event says it
                _LOG.warning("The journal cannot come back to its own disk: %s", error)
            self.take_in()

    def append(self, kind: EventKind, body: Mapping[str, Any]) -> None:
        """Store one event, its secrets masked, and apply it. Raises `Refused` for an observer, else like
        `Journal.append`."""
        with self.mutex:
            handle = self.require_driver()
            journal = handle.journal
            try:
                journal.append(kind, masked(body, self.secrets))
                self._witness.sees(kind, len(journal.events), journal.head)
            except TakenOver:
                self.lose(handle)
                raise
            self.take_in()
            if kind in loop_items.AFTER:
                self.record_items()

    def record_items(self) -> None:
        """Journal the items of the loops whose values are known by now."""
        while found := next(loop_items.new_items(self.runbook, self.incident), None):
            self.append(EventKind.LOOP_ITEMS, {"step": found[0], "items": list(found[1])})

    def drive(self, handle: DriverHandle) -> None:
        """Append from here on, instead of following."""
        self.handle, self._tail = handle, None

    def lose(self, handle: DriverHandle) -> None:
        """Observe from here on: somebody took control from this driver."""
        with self.mutex:
            if self.handle is handle:
                self.release(handle, trim=False)
                self.follow()

    def follow(self, tail: Tail | None = None, events: Sequence[Event] = ()) -> None:
        """Read on from where this process stands, as an observer. `tail` has read these events already."""
        self._tail = tail or Tail(self.folder.journal)
        self.apply_events([*events, *self._tail.poll()][len(self.events) :])

    def take_in(self) -> None:
        """Apply the events that the journal has got since the last call."""
        with self.mutex:
            if self.handle is not None:
                self.apply_events(self.handle.journal.events[len(self.events) :])
            elif self._tail is not None:
                self.apply_events(self._tail.poll())
                if self._adopted:
                    self._follow_adoption()

    def take_changed(self) -> list[str]:
        """The ids of the steps that events named since the last call."""
        with self.mutex:
            changed, self._changed = sorted(self._changed), set()
        return changed

    def apply_events(self, events: list[Event]) -> None:
        """Take these events in; one that cannot be taken in is tried again before the next."""
        self.events += events
        known = self.incident.last.seq if self.incident.last else 0
        for event in self.events[known:] if events else ():
            self.incident = apply_event(self.incident, event)
            self._adopted = self._adopted or event.kind == EventKind.ADOPTED
            if "step" in event.body:
                self._changed.add(str(event.body["step"]))
        self._runbook = self._filled.at(self.incident)
        for watcher in self.watchers if events else ():
            watcher.set()

    def release(self, handle: DriverHandle, *, trim: bool) -> None:
        """Close the journal and give the lock back; `trim` gives back the space that was kept as well."""
        if handle.control_socket:
            handle.control_socket.close()
        handle.journal.close(trim=trim)
        if trim:
            self.start_reserve.drop()
        handle.lock.release()
        self.handle = None


def _with(secrets: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """These secrets, and those of `more` that are none of them, under another name where theirs is taken."""
    every = dict(secrets)
    for name, value in more.items():
        if value not in every.values():
            while name in every:
                name += ", before"
            every[name] = value
    return every
