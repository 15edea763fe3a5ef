"""The timeline for readers: one entry for each attempt at a step, each decision and each other thing that happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from midwatch.incident.conditions import CHECK_WORDS
from midwatch.incident.events import ENDS, Event, EventKind, ending_words
from midwatch.incident.step_state import Attempt
from midwatch.reports.event_text import author_of, describe, follows, tried_words
from midwatch.reports.evidence_entries import evidence_entries
from midwatch.reports.incident_facts import Facts
from midwatch.reports.message_text import FATES
from midwatch.reports.metric_changes import metric_changes
from midwatch.reports.time_format import happened, time_of_day
from midwatch.reports.timeline_entry import KNOWN, Entry, source_of
from midwatch.reports.timeline_messages import Messages, queued_by
from midwatch.system.units import counted

Body = Mapping[str, Any]


def entries(facts: Facts) -> list[Entry]:
    """The entries in the order of time. Linear in the number of events."""
    found = [*_Folding(facts).entries(), *evidence_entries(facts)]
    return sorted(found, key=lambda entry: (entry.at, entry.events[0]))


_DECISIONS: Mapping[str, tuple[str, str]] = {
    EventKind.MARKED_DONE: ("done", "note"),
    EventKind.MARKED_FAILED: ("failed", "reason"),
    EventKind.SKIPPED: ("skipped", "reason"),
    EventKind.REOPENED: ("reopened", "reason"),
}
_TELLING = 8
"""A value of at least this many characters is not said twice: in the words of a step and as its value."""
_TOOK_EFFECT = {True: "it took effect", False: "it took no effect", None: "still unknown"}


class _Folding:
    """Folds the events of a journal, in their order, into entries."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.found: dict[int, Entry] = {}
        """The entries, by the number of the event with which each began."""
        self.of_event: dict[int, Entry] = {}
        self.attempts: dict[tuple[str, int], Entry] = {}
        self.approvals: dict[tuple[str, str], Entry] = {}
        self.said: dict[str, Entry] = {}
        """The entries of steps that are done by notifying somebody, by what was said."""
        self.messages = Messages()
        self.criteria: dict[str, object] = {}

    def entries(self) -> list[Entry]:
        """All entries, each of them where it began in the journal."""
        for event in self.facts.events:
            folding = _FOLDINGS.get(event.kind)
            if entry := folding(self, event) if folding else self.other(event):
                if event.seq not in entry.events:
                    entry.events.append(event.seq)
                self.of_event[event.seq] = entry
        for message in self.messages.take_ahead():
            self.messages.put(message, self.other(message))
        self.messages.tell_fates(self.facts)
        return list(self.found.values())

    def begin(self, event: Event, *, step: bool = False) -> Entry:
        """A new entry that begins with this event."""
        entry = Entry(happened(event), source_of(event), author_of(event), [event.seq])
        if step:
            entry.step, entry.subject = str(event.body["step"]), self.step_name(event.body)
        self.found[event.seq] = entry
        return entry

    def step_name(self, body: Body) -> str:
        """`3.2 Emergency backup`; the bare id when the runbook has no such step."""
        step = self.facts.runbook.find(str(body["step"]))
        return f"{step.number} {step.title}" if step else str(body["step"])

    def other(self, event: Event) -> Entry:
        """An event that is an entry of its own."""
        entry = self.begin(event)
        known = event.kind in KNOWN
        entry.text = describe(event, self.facts.runbook) if known else f"{event.kind}, which this version does not know"
        return entry

    def nothing(self, event: Event) -> None:
        """An event that says nothing to a reader."""

    def declared(self, event: Event) -> Entry:
        entry = self.other(event)
        entry.add("on", event.body["host"])
        return entry

    def joined(self, event: Event) -> Entry:
        before = self.of_event.get(event.seq - 1)
        if event.seq == 2 and before is not None and not event.body.get("from"):
            return before  # who declares an incident takes control of it
        return self.other(event)

    def left(self, event: Event) -> Entry:
        end = self.facts.end
        ended = end is not None and end.seq < event.seq and self.of_event.get(end.seq)
        return ended or self.other(event)

    def confirmed(self, event: Event) -> Entry:
        body = event.body
        entry = self.begin(event, step=True)
        self.attempts[entry.step, body["attempt"]] = entry
        number = f", attempt {body['attempt']}" if body["attempt"] > 1 else ""
        entry.subject += f", undo of attempt {body['undoes']}" if body.get("undoes") else number
        entry.outcome = "confirmed, nothing ran yet"
        approval = self.approvals.pop((entry.step, body["digest"]), None)
        if approval is not None and body.get("approved_by"):
            self.fold(approval, entry)
        entry.add("approved by", body.get("approved_by"))
        attempt = self.attempt(body)
        for line in attempt.unmet if attempt else ():
            entry.add("run although not met", line)
        entry.add("taken back because" if body.get("undoes") else "run all the same because", body.get("reason"))
        return entry

    def fold(self, folded: Entry, into: Entry) -> None:
        """Let an entry become part of another one."""
        del self.found[folded.events[0]]
        into.events[:0] = folded.events
        self.of_event |= dict.fromkeys(folded.events, into)

    def attempt(self, body: Body) -> Attempt | None:
        """The attempt at a step that an event is about."""
        state, number = self.facts.incident.steps.get(str(body["step"])), body["attempt"]
        return state.attempts[number - 1] if state and 0 < number <= len(state.attempts) else None

    def of_attempt(self, event: Event) -> Entry:
        """The entry of the attempt that this event is about."""
        found = self.attempts.get((str(event.body["step"]), event.body["attempt"]))
        return found or self.begin(event, step=True)  # of a damaged journal, whose consent is missing

    def started(self, event: Event) -> Entry:
        entry = self.of_attempt(event)
        entry.outcome = "running"
        return entry

    def tried(self, event: Event) -> Entry:
        entry = self.of_attempt(event)
        entry.add("tried", tried_words(event.body))
        return entry

    def reading(self, event: Event) -> Entry | None:
        return self.attempts.get((str(event.body["step"]), event.body["attempt"]))

    def finished(self, event: Event) -> Entry:
        body, entry = event.body, self.of_attempt(event)
        entry.until, entry.seconds = happened(event), body["seconds"]
        entry.outcome = ending_words(str(body["outcome"]), body["exit"])
        entry.text = "" if body["summary"] in ("exit 0", entry.outcome) else str(body["summary"])
        self.values(entry, body)
        attempt = self.attempt(body)
        for line in metric_changes(attempt, telling=True) if attempt else ():
            entry.add("reading", line)
        return entry

    def values(self, entry: Entry, body: Body) -> None:
        """Add what a step reported, or what a person answered, and what follows from it."""
        for key, value in body.get("values", {}).items():
            if len(str(value)) < _TELLING or str(value) not in entry.text:
                entry.add(str(key), value)
        for sentence in follows(self.facts.runbook, body):
            entry.add("", sentence)

    def outcome_checked(self, event: Event) -> Entry:
        entry = self.of_attempt(event)
        words = f"{_TOOK_EFFECT[event.body['holds']]}. {event.body['detail']}"
        entry.add(f"looked at {time_of_day(event.time)} whether it took effect", words)
        for sentence in follows(self.facts.runbook, event.body):
            entry.add("", sentence)
        return entry

    def need_checked(self, event: Event) -> Entry:
        entry = self.begin(event, step=True)
        entry.text = f"whether it is needed: the check {CHECK_WORDS[event.body['holds']]}. {event.body['detail']}"
        return entry

    def decided(self, event: Event) -> Entry:
        entry = self.begin(event, step=True)
        entry.outcome, key = _DECISIONS[event.kind]
        entry.text = str(event.body[key] or "")
        self.values(entry, event.body)
        if event.kind == EventKind.MARKED_DONE:
            step = self.facts.runbook.find(entry.step)
            self.said[entry.text or (step.title if step else entry.subject)] = entry
        return entry

    def approval(self, event: Event) -> Entry:
        key = str(event.body["step"]), str(event.body["digest"])
        entry = self.approvals.get(key)
        if entry is None or event.kind == EventKind.APPROVAL_ASKED:
            entry = self.approvals[key] = self.begin(event, step=True)
        by, at = event.body["by"]["name"], time_of_day(event.time)
        if event.kind == EventKind.APPROVAL_ASKED:
            entry.outcome = "approval requested"
        elif event.kind == EventKind.APPROVAL_GIVEN:
            entry.outcome = f"approved by {by} at {at}"
        else:
            entry.outcome, entry.text = f"declined by {by} at {at}", str(event.body["reason"])
            self.approvals.pop(key)
        return entry

    def criterion(self, event: Event) -> Entry | None:
        """A criterion is an entry when its state changed, not each time it was evaluated."""
        name, met = str(event.body["criterion"]), event.body["met"]
        if name in self.criteria and self.criteria[name] == met:
            return None
        self.criteria[name] = met
        return self.other(event)

    def note(self, event: Event) -> Entry:
        entry, body = self.other(event), event.body
        if body.get("at"):
            entry.add("written", time_of_day(event.time))
        entry.add("link", body.get("url"))
        if command := body.get("manual_command"):
            where = f"ran elsewhere on {command['host']}" if command["host"] else "ran elsewhere"
            entry.add(where, f"`{command['command']}`" + (f": {command['result']}" if command["result"] else ""))
        if pasted := str(body.get("pasted_output") or ""):
            count = len(pasted.splitlines())
            entry.add("excerpt", f"{counted(count, 'line')}, under Excerpts")
        return entry

    def corrected(self, event: Event) -> Entry:
        if (entry := self.of_event.get(event.body["event"])) is None:
            return self.other(event)
        entry.add(f"corrected by {event.actor} at {time_of_day(event.time)}", event.body["text"])
        return entry

    def notified(self, event: Event) -> Entry:
        if (entry := self.said.get(str(event.body["message"]))) is None:
            return self.other(event)
        role = self.facts.runbook.roles.get(str(event.body["role"]))
        entry.add("notified", role.name if role else event.body["role"])
        return entry

    def queued(self, event: Event) -> Entry | None:
        """A message by a channel belongs to what it tells of."""
        told_of = event.body.get("event") or 0
        ahead = self.messages.ahead
        if told_of >= (ahead[0] if ahead else event).seq:
            ahead.append(event)
            return None
        return self.messages.put(event, self.of_event.get(told_of) or self.other(event))

    def ended(self, event: Event) -> Entry:
        entry, titles = self.other(event), {spec.id: spec.title for spec in self.facts.runbook.closure}
        entry.add("not met", ", ".join(titles.get(name, name) for name in event.body.get("unmet", ())))
        for message in self.messages.take_ahead():
            self.of_event[message.seq] = self.messages.put(message, entry)
        return entry

    def delivered(self, event: Event) -> Entry:
        return self.of_event.get(queued_by(str(event.body["delivery"]))) or self.other(event)

    def fallbacks(self, event: Event) -> Entry | None:
        return self.other(event) if event.body["problem"] else None


_FOLDINGS: Mapping[str, Callable[[_Folding, Event], Entry | None]] = {
    EventKind.DECLARED: _Folding.declared,
    EventKind.DRIVER_JOINED: _Folding.joined,
    EventKind.DRIVER_LEFT: _Folding.left,
    **dict.fromkeys(ENDS, _Folding.ended),
    EventKind.CONFIRMED: _Folding.confirmed,
    EventKind.STARTED: _Folding.started,
    EventKind.TRIED: _Folding.tried,
    EventKind.READING: _Folding.reading,
    EventKind.FINISHED: _Folding.finished,
    EventKind.OUTCOME_CHECKED: _Folding.outcome_checked,
    EventKind.NEED_CHECKED: _Folding.need_checked,
    **dict.fromkeys(_DECISIONS, _Folding.decided),
    EventKind.APPROVAL_ASKED: _Folding.approval,
    EventKind.APPROVAL_GIVEN: _Folding.approval,
    EventKind.APPROVAL_DECLINED: _Folding.approval,
    EventKind.CRITERION: _Folding.criterion,
    EventKind.NOTE: _Folding.note,
    EventKind.TEXT_CORRECTED: _Folding.corrected,
    EventKind.STARRED: _Folding.nothing,
    EventKind.NOTIFICATION_RECORDED: _Folding.notified,
    EventKind.MESSAGE_QUEUED: _Folding.queued,
    **dict.fromkeys(FATES, _Folding.delivered),
    EventKind.JOURNAL_FALLBACKS: _Folding.fallbacks,
}
