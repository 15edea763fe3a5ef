"""The reducer: an incident's state from its events, and from nothing else.

The screen, `resume`, a second terminal and the export all reduce the same events, so they cannot disagree. Each event
makes a new state out of the one before: what the event touches is copied, everything else is shared. So a state that
somebody reads never changes, and an event costs the same however many came before.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
from collections.abc import Iterable

from midwatch.incident.event_errors import event_errors
from midwatch.incident.event_types import require_types
from midwatch.incident.events import RETIRED_KINDS, Event, EventKind, seconds_between
from midwatch.incident.message_reducer import MESSAGE_HANDLERS
from midwatch.incident.server_pins import Pin
from midwatch.incident.state import Approval, Correction, Incident, Note, Offer
from midwatch.incident.step_reducer import STEP_HANDLERS, Body, Handler
from midwatch.incident.step_state import CriterionState
from midwatch.runbook.severity import Severity
from midwatch.system.clock import from_rfc3339
from midwatch.system.errors import BadInput
from midwatch.system.identity import Identity


def reduce(events: Iterable[Event]) -> Incident:
    """The state after these events. Raises `BadInput` for one whose body is not as `docs/journal.md` has it."""
    return functools.reduce(apply_event, events, Incident())


def apply_event(before: Incident, event: Event) -> Incident:
    """The state after one more event. Kinds that are not known change nothing: a newer version wrote them.

    Raises `BadInput` for a kind of a build before the first release.
    """
    if event.kind in RETIRED_KINDS:
        raise BadInput(
            f"Event {event.seq} of this journal ({event.kind}) comes from a build of Midwatch before its first release",
            hint="Read this incident with that build",
        )
    elapsed = before.elapsed + (seconds_between(before.last, event) if before.last is not None else 0.0)
    incident = dataclasses.replace(before, elapsed=elapsed, last=event)
    if event.kind in _KNOWN_KINDS:
        with event_errors(incident.id or str(event.body.get("id", "")), event):
            require_types(event.body)
            if handler := _HANDLERS.get(event.kind):
                handler(incident, event, event.body)
    return incident


def _declared(incident: Incident, event: Event, body: Body) -> None:
    incident.id, incident.title = body["id"], body["title"]
    incident.severity = Severity(body["severity"])
    incident.declared_at = event.time
    incident.inputs = dict(body.get("inputs", {}))


def _severity(incident: Incident, event: Event, body: Body) -> None:
    incident.severity, incident.unjudged_failures = Severity(body["to"]), ()


def _closed(incident: Incident, event: Event, body: Body) -> None:
    incident.closed_at, incident.lasted = event.time, incident.elapsed


def _abandoned(incident: Incident, event: Event, body: Body) -> None:
    _closed(incident, event, body)
    incident.abandoned = body["reason"]


def _adopted(incident: Incident, event: Event, body: Body) -> None:
    incident.approvals = {}


def _joined(incident: Incident, event: Event, body: Body) -> None:
    incident.driver, incident.offer, incident.asked_by = event.actor, None, ""
    incident.driver_users |= {body["uid"]} if "uid" in body else set()
    judged = {step: approval for step, approval in incident.approvals.items() if not approval.waits}
    incident.approvals = judged  # only the driver that asked can show the plan


def _left(incident: Incident, event: Event, body: Body) -> None:
    incident.driver, incident.asked_by = "", ""


def _offered(incident: Incident, event: Event, body: Body) -> None:
    incident.offer = Offer(
        event.seq, event.actor, body["to"], event.time, from_rfc3339(body["expires"]), tuple(body["summary"])
    )
    incident.asked_by = ""


def _withdrawn(incident: Incident, event: Event, body: Body) -> None:
    incident.offer = None


def _approval_asked(incident: Incident, event: Event, body: Body) -> None:
    by = Identity.from_json(body["by"])
    approval = Approval(body["step"], body["digest"], event.seq, by, event.time)
    incident.approvals = {**incident.approvals, approval.step: approval}


def _approval_judged(incident: Incident, event: Event, body: Body) -> None:
    """Only what was said to the request that stands, to its very plan, and by another person."""
    asked, by = incident.approvals.get(body["step"]), Identity.from_json(body["by"])
    if asked is None or not asked.waits or (asked.seq, asked.digest) != (body["asked"], body["digest"]):
        return
    given = by if event.kind == EventKind.APPROVAL_GIVEN and not by.may_be_same_as(asked.asked_by) else None
    declined = str(body.get("reason", "")) if event.kind == EventKind.APPROVAL_DECLINED else ""
    judged = dataclasses.replace(asked, given_by=given, judge=by.name, judged_at=event.time, declined=declined)
    incident.approvals = {**incident.approvals, judged.step: judged}


def _asked(incident: Incident, event: Event, body: Body) -> None:
    incident.asked_by, incident.asked_at = body["by"], event.time


def _pinned(incident: Incident, event: Event, body: Body) -> None:
    incident.pins = {**incident.pins, body["target"]: Pin(body["system_identifier"], body["role"])}


def _criterion(incident: Incident, event: Event, body: Body) -> None:
    state = CriterionState(body["met"], body["detail"], event.time)
    incident.criteria = {**incident.criteria, body["criterion"]: state}


def _note(incident: Incident, event: Event, body: Body) -> None:
    at = from_rfc3339(body["at"]) if body.get("at") else event.time
    _add_note(incident, Note(body["text"], event.actor, event.time, at, seq=event.seq))


def _notified(incident: Incident, event: Event, body: Body) -> None:
    _add_note(incident, Note(body["message"], event.actor, event.time, event.time, role=body["role"], seq=event.seq))
    incident.to_notify = {role: reason for role, reason in incident.to_notify.items() if role != body["role"]}


def _update(incident: Incident, event: Event, body: Body) -> None:
    writer = body.get("by") or event.actor
    _add_note(incident, Note(body["message"], writer, event.time, event.time, is_update=True, seq=event.seq))
    incident.last_update_at, incident.updated = event.time, incident.elapsed


def _add_note(incident: Incident, note: Note) -> None:
    incident.notes = incident.notes.appended(note)


def _corrected(incident: Incident, event: Event, body: Body) -> None:
    correction = Correction(body["text"], event.actor, event.time, event.seq)
    incident.corrections = incident.corrections.with_item(body["event"], correction)
    index = bisect.bisect_left(incident.notes, body["event"], key=lambda note: note.seq)
    if index < len(incident.notes) and (note := incident.notes[index]).seq == body["event"]:
        corrected = dataclasses.replace(note, was=note.was or note.text, text=correction.text)
        incident.notes = incident.notes.replaced(index, corrected)


def _starred(incident: Incident, event: Event, body: Body) -> None:
    starred, seq = incident.starred, body["event"]
    incident.starred = starred.with_item(seq, True) if body["starred"] else starred.without(seq)


def _moved(incident: Incident, event: Event, body: Body) -> None:
    incident.journal_away = body["to"]


def _back(incident: Incident, event: Event, body: Body) -> None:
    incident.journal_away = ""


_KNOWN_KINDS = frozenset(EventKind)
_HANDLERS: dict[str, Handler] = {
    EventKind.DECLARED: _declared,
    EventKind.SEVERITY: _severity,
    EventKind.CLOSED: _closed,
    EventKind.ABANDONED: _abandoned,
    EventKind.ADOPTED: _adopted,
    EventKind.DRIVER_JOINED: _joined,
    EventKind.DRIVER_TOOK_OVER: _joined,
    EventKind.DRIVER_LEFT: _left,
    EventKind.HANDOFF_OFFERED: _offered,
    EventKind.HANDOFF_WITHDRAWN: _withdrawn,
    EventKind.CONTROL_REQUESTED: _asked,
    EventKind.APPROVAL_ASKED: _approval_asked,
    EventKind.APPROVAL_GIVEN: _approval_judged,
    EventKind.APPROVAL_DECLINED: _approval_judged,
    EventKind.PINNED: _pinned,
    EventKind.CRITERION: _criterion,
    EventKind.NOTE: _note,
    EventKind.TEXT_CORRECTED: _corrected,
    EventKind.STARRED: _starred,
    EventKind.NOTIFICATION_RECORDED: _notified,
    EventKind.UPDATE: _update,
    EventKind.JOURNAL_FAILED_OVER: _moved,
    EventKind.JOURNAL_FAILED_BACK: _back,
    EventKind.JOURNAL_FALLBACK_LOST: _back,
    **STEP_HANDLERS,
    **MESSAGE_HANDLERS,
}
