"""Facts derived from all events of an incident: its drivers, the history of its severity, the duration of each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from midwatch.incident.events import ENDS, Event, EventKind
from midwatch.incident.known_values import FilledRunbook
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident, StepStatus
from midwatch.journal.codec import NO_LINE, digest, encode
from midwatch.journal.verify import verify
from midwatch.reports.time_format import elapsed, happened
from midwatch.runbook.model import Runbook
from midwatch.system.errors import MidwatchError
from midwatch.system.line_moment import line_moment


@dataclass(frozen=True, slots=True)
class Detected:
    """A trigger that was seen to have fired."""

    title: str
    evidence: str
    at: datetime | None
    """When the log says it happened; None when its time has no zone, so that it cannot be told for sure."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One incident, told by its runbook, its events and the fold over them."""

    runbook: Runbook
    events: Sequence[Event]
    folder: IncidentFolder
    incident: Incident

    @classmethod
    def of(cls, runbook: Runbook, events: Sequence[Event], folder: IncidentFolder) -> Facts:
        """Reduce the events and return the facts of the incident."""
        incident = reduce(events)
        return cls(FilledRunbook(runbook).at(incident), events, folder, incident)

    def first(self, kind: EventKind) -> Event | None:
        """The first event of this kind."""
        return next((event for event in self.events if event.kind == kind), None)

    @property
    def declared(self) -> Event | None:
        """The event that declared the incident; None when the journal has none."""
        return self.first(EventKind.DECLARED)

    @property
    def end(self) -> Event | None:
        """The event that closed or abandoned the incident; None while it is open."""
        return next((event for event in self.events if event.kind in ENDS), None)

    @property
    def last(self) -> Event | None:
        """The closure, or else the last event so far."""
        return self.end or (self.events[-1] if self.events else None)

    @property
    def seconds(self) -> float:
        """From the declaration to the closure, or to the last event so far."""
        return elapsed(self.events, self.declared, self.last) if self.declared and self.last else 0.0

    def by_severity(self) -> list[tuple[str, float]]:
        """How long it had each severity, in seconds, in the order in which they came."""
        if self.declared is None or self.last is None:
            return []
        marks = [self.declared, *(event for event in self.events if event.kind == EventKind.SEVERITY)]
        names = [str(self.declared.body["severity"]), *(str(mark.body["to"]) for mark in marks[1:])]
        return [
            (name, elapsed(self.events, mark, end))
            for name, mark, end in zip(names, marks, [*marks[1:], self.last], strict=True)
        ]

    def drivers(self) -> list[tuple[str, datetime, datetime | None]]:
        """Who held control, from when to when; an open end is a driver that left without a word, or still drives."""
        found: list[tuple[str, datetime, datetime | None]] = []
        for event in self.events:
            if event.kind in (EventKind.DRIVER_JOINED, EventKind.DRIVER_TOOK_OVER):
                found.append((event.actor, event.time, None))
            elif event.kind == EventKind.DRIVER_LEFT and found and found[-1][2] is None:
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
                moment = line_moment(evidence, zones.get(str(step.with_.get("id")), ""))
                found.append(Detected(titles.get(str(step.with_.get("id")), step.title), evidence, moment))
        return found

    @property
    def to_detect(self) -> float | None:
        """Seconds from the first trigger's own time to the declaration; None when no log line tells its zone."""
        moments = [trigger.at for trigger in self.detected() if trigger.at is not None]
        return max(0.0, (self.declared.time - min(moments)).total_seconds()) if moments and self.declared else None

    @property
    def to_mitigate(self) -> float | None:
        """Seconds from the declaration to the step that marks the mitigation; where none does, to the end of the last
        phase with 'recovery' in its title. None until it is done."""
        if mark := self.incident.marks.get("mitigated"):
            return mark.elapsed
        phases = [phase for phase in self.runbook.phases if "recovery" in phase.title.lower()]
        if not phases or self.declared is None:
            return None
        ids = {step.id for step in phases[-1].steps if self.incident.status(step) is not StepStatus.NOT_NEEDED}
        if not all(name in self.incident.steps and self.incident.steps[name].status.concluded for name in ids):
            return None
        ends = [event for event in self.events if event.kind in _ENDS and event.body.get("step") in ids]
        return elapsed(self.events, self.declared, ends[-1]) if ends else None

    @property
    def to_resolve(self) -> float | None:
        """Seconds from the declaration to the step that marks the resolution, or to the closure; None while it is
        open."""
        if mark := self.incident.marks.get("resolved"):
            return mark.elapsed
        closed = self.first(EventKind.CLOSED)
        return elapsed(self.events, self.declared, closed) if closed and self.declared else None

    def late_updates(self) -> list[tuple[datetime, float]]:
        """Where the channel heard nothing for longer than the runbook asks: since when, and for how many seconds."""
        every = self.runbook.comms.update_every
        if not every or self.declared is None or self.last is None:
            return []
        until = self.last.seq
        marks = [self.declared, *(e for e in self.events if e.kind == EventKind.UPDATE and e.seq < until), self.last]
        gaps = [(before.time, elapsed(self.events, before, after)) for before, after in pairwise(marks)]
        return [(since, seconds) for since, seconds in gaps if seconds > every]

    def answer(self, key: str) -> str:
        """What was answered or reported under this name, by the last step of the runbook that has it; empty if nobody
        did."""
        found = [self.incident.value(step.id, key) for step in self.runbook.steps()]
        return next((value for value in reversed(found) if value), "")

    @property
    def head(self) -> str:
        """The hash of the last of these events, computed from them alone."""
        head = NO_LINE
        for event in self.events:
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


_ENDS = frozenset({EventKind.FINISHED, EventKind.MARKED_DONE, EventKind.SKIPPED})
