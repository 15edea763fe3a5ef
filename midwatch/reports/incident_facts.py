"""Facts derived from all events of an incident: its drivers, the history of its severity, the duration of each part."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import cached_property
from itertools import accumulate, pairwise

from midwatch.incident.event_redaction import masked
from midwatch.incident.events import ENDS, Event, EventKind, seconds_between
from midwatch.incident.known_values import FilledRunbook
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident
from midwatch.incident.step_state import Attempt
from midwatch.journal.codec import NO_LINE, digest, encode
from midwatch.journal.verify import verify
from midwatch.reports.time_format import happened
from midwatch.runbook.model import Runbook, Step
from midwatch.system.errors import MidwatchError
from midwatch.system.log_line_time import log_line_time


@dataclass(frozen=True, slots=True)
class Detected:
    """A trigger that was seen to have fired."""

    title: str
    evidence: str
    at: datetime | None
    """When the log says it happened; None when its time has no zone, so that it cannot be told for sure."""
    event: int = 0
    """The number of the event that holds the evidence."""


@dataclass(frozen=True)
class Facts:
    """One incident, told by its runbook, its events and the fold over them."""

    runbook: Runbook
    events: Sequence[Event]
    folder: IncidentFolder
    incident: Incident
    zone: tzinfo | None = None
    """The zone of the readers, whose time stands beside UTC where it differs; None for UTC alone."""
    journal: Sequence[Event] = ()
    """The events as the journal has them, for its head; `events` went through a last masking."""

    @classmethod
    def of(cls, runbook: Runbook, events: Sequence[Event], folder: IncidentFolder, zone: tzinfo | None = None) -> Facts:
        """Reduce the events and return the facts of the incident, without what is shaped like a secret.

        The journal was masked when it was written; this pass knows the shapes of today.
        """
        shown = [replace(event, body=masked(event.body, {})) for event in events]
        incident = reduce(shown)
        return cls(FilledRunbook(runbook).at(incident), shown, folder, incident, zone, events)

    @cached_property
    def _clock(self) -> dict[int, float]:
        """Seconds from the first event to each event, by the boot clock, by the number of the event."""
        clock = accumulate((seconds_between(*pair) for pair in pairwise(self.events)), initial=0.0)
        return dict(zip((event.seq for event in self.events), clock, strict=False))

    def event(self, seq: int) -> Event | None:
        """The event with this number; None where there is none."""
        index = bisect_left(self.events, seq, key=lambda event: event.seq)
        return self.events[index] if index < len(self.events) and self.events[index].seq == seq else None

    @cached_property
    def _by_kind(self) -> Mapping[str, list[Event]]:
        return _grouped(self.events, lambda event: event.kind)

    @cached_property
    def by_step(self) -> Mapping[str, list[Event]]:
        """The events of each step, in the order of the journal."""
        return _grouped(self.events, lambda event: str(event.body.get("step", "")))

    def of_kind(self, *kinds: str) -> list[Event]:
        """The events of these kinds, in the order of the journal."""
        if kinds not in self._of_kinds:
            found = (event for kind in kinds for event in self._by_kind.get(kind, ()))
            self._of_kinds[kinds] = sorted(found, key=lambda event: event.seq)
        return self._of_kinds[kinds]

    @cached_property
    def _of_kinds(self) -> dict[tuple[str, ...], list[Event]]:
        """What `of_kind` has found, since some ask for each event of a long journal."""
        return {}

    def seconds_between(self, first: Event, last: Event) -> float:
        """Seconds from one event to another, by the boot clock."""
        return self._clock[last.seq] - self._clock[first.seq]

    def first(self, kind: EventKind) -> Event | None:
        """The first event of this kind."""
        return next(iter(self._by_kind.get(kind, ())), None)

    @property
    def declared(self) -> Event | None:
        """The event that declared the incident; None when the journal has none."""
        return self.first(EventKind.DECLARED)

    @property
    def end(self) -> Event | None:
        """The event that closed or abandoned the incident; None while it is open."""
        return next(iter(self.of_kind(*ENDS)), None)

    @property
    def last(self) -> Event | None:
        """The closure, or else the last event so far."""
        return self.end or (self.events[-1] if self.events else None)

    @property
    def seconds(self) -> float:
        """From the declaration to the closure, or to the last event so far."""
        return self.seconds_between(self.declared, self.last) if self.declared and self.last else 0.0

    def by_severity(self) -> list[tuple[str, float]]:
        """How long it had each severity, in seconds, in the order in which they came."""
        if self.declared is None or self.last is None:
            return []
        marks = [self.declared, *self.of_kind(EventKind.SEVERITY)]
        names = [str(self.declared.body["severity"]), *(str(mark.body["to"]) for mark in marks[1:])]
        return [
            (name, self.seconds_between(mark, end))
            for name, mark, end in zip(names, marks, [*marks[1:], self.last], strict=True)
        ]

    def drivers(self) -> list[tuple[str, datetime, datetime | None]]:
        """Who held control, from when to when; an open end is a driver that left without a word, or still drives."""
        found: list[tuple[str, datetime, datetime | None]] = []
        for event in self.of_kind(EventKind.DRIVER_JOINED, EventKind.DRIVER_TOOK_OVER, EventKind.DRIVER_LEFT):
            if event.kind != EventKind.DRIVER_LEFT:
                found.append((event.actor, event.time, None))
            elif found and found[-1][2] is None:
                found[-1] = (found[-1][0], found[-1][1], event.time)
        return found

    def detected(self) -> list[Detected]:
        """The triggers that the detection steps saw, with the line that told it."""
        titles = {trigger.id: trigger.title for trigger in self.runbook.triggers}
        zones = {trigger.id: trigger.timezone for trigger in self.runbook.triggers}
        found = []
        for step in self.runbook.steps():
            values = self.incident.steps[step.id].values if step.id in self.incident.steps else {}
            if step.uses == "trigger" and values.get("detected") == "yes":
                evidence = values.get("evidence", "")
                moment = log_line_time(evidence, zones.get(str(step.with_.get("id")), ""))
                ends = [event.seq for event in self.by_step[step.id] if event.kind == EventKind.FINISHED]
                title = titles.get(str(step.with_.get("id")), step.title)
                found.append(Detected(title, evidence, moment, ends[-1] if ends else 0))
        return found

    def attempts(self) -> list[tuple[Step, Attempt]]:
        """Every attempt with its step, in the order of the runbook."""
        states = ((step, self.incident.steps.get(step.id)) for step in self.runbook.steps())
        return [(step, attempt) for step, state in states if state is not None for attempt in state.attempts]

    def last_attempts(self) -> list[tuple[Step, Attempt]]:
        """The last attempt at each step that had one, in the order of the runbook."""
        return list({step.id: (step, attempt) for step, attempt in self.attempts()}.values())

    def late_updates(self) -> list[tuple[datetime, float]]:
        """Where the channel heard nothing for longer than the runbook asks: since when, and for how many seconds."""
        every = self.runbook.comms.update_every
        if not every or self.declared is None or self.last is None:
            return []
        until = self.last.seq
        marks = [self.declared, *(e for e in self.of_kind(EventKind.UPDATE) if e.seq < until), self.last]
        gaps = [(before.time, self.seconds_between(before, after)) for before, after in pairwise(marks)]
        return [(since, seconds) for since, seconds in gaps if seconds > every]

    def answer(self, key: str) -> str:
        """What was answered or reported under this name, by the last step of the runbook that has it; empty if nobody
        did."""
        found = [self.incident.value(step.id, key) for step in self.runbook.steps()]
        return next((value for value in reversed(found) if value), "")

    @cached_property
    def head(self) -> str:
        """The hash of the last of these events, computed from them alone."""
        head = NO_LINE
        for event in self.journal:
            head = digest(encode(event, head))
        return head

    def chain(self) -> str:
        """Whether the journal in the folder is whole and ends with, or goes on from, these events."""
        try:
            verdict = verify(self.folder.journal, head=self.head, count=len(self.events))
        except MidwatchError as error:
            return f"could not be checked: {error}"
        return "whole" if verdict.ok else f"NOT whole: {verdict.problem}"

    def in_order(self) -> list[Event]:
        """The events in the order in which what they tell happened."""
        return sorted(self.events, key=lambda event: (happened(event), event.seq))


def _grouped(events: Sequence[Event], key: Callable[[Event], str]) -> Mapping[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(key(event), []).append(event)
    return found
