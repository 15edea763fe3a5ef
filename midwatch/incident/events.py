"""The events of an incident. The journal stores them; all other state is derived from them.

The kinds and their bodies are specified in `docs/journal.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from signal import Signals
from typing import Any


class EventKind(StrEnum):
    """The kind of an event."""

    DECLARED = (
        # id, title, severity, runbook, site and their SHA-256, base, host, inputs: {name: value}, and of an alert:
        # alert: {source, text, alerts: [{key, sha256, state, began}]}
        "incident.declared"
    )
    SEVERITY = "incident.severity"  # from, to, reason, automatic: whether the runbook raised it, not a person
    CLOSED = "incident.closed"  # reason, unmet: [criterion ids], events: count so far, this one included
    ABANDONED = "incident.abandoned"  # reason, events: as of incident.closed
    # runbook, site, their SHA-256, base: as of incident.declared; steps: {added, removed, changed}, difference, reason
    ADOPTED = "runbook.adopted"
    DRIVER_JOINED = "driver.joined"  # host, pid, uid, terminal; by an offer: from and offer (its seq)
    # host, pid, terminal, from: who had control, reason, how: ended|silent, silent: seconds without a heartbeat
    DRIVER_TOOK_OVER = "driver.took_over"
    DRIVER_LEFT = "driver.left"  # reason
    HANDOFF_OFFERED = "handoff.offered"  # to, expires, summary: [lines]
    HANDOFF_WITHDRAWN = "handoff.withdrawn"  # to, reason
    CONTROL_REQUESTED = "control.requested"  # by
    APPROVAL_ASKED = "approval.asked"  # step, plan: {…}, digest, by: {name, uid, login, pid, seen}
    APPROVAL_GIVEN = "approval.given"  # step, asked: seq of the request, digest, by
    APPROVAL_DECLINED = "approval.declined"  # step, asked, digest, by, reason
    # approved_by where the step takes two people, and
    # step, attempt, plan: {…}, digest, reason, undoes: the attempt that it takes back, or null,
    # loop: the loop to whose items a person consented at once
    CONFIRMED = "step.confirmed"
    PINNED = "target.pinned"  # target, system_identifier, role, from: {system_identifier, role} or null, reason
    STARTED = "step.started"  # step, attempt, command, supervisor: {pid, start, boot}
    # step, attempt, try (from 1), of, exit, seconds, ended, wait: seconds until the next try, which the supervisor
    # starts
    TRIED = "step.tried"
    # step, attempt, outcome, exit, seconds, ended, summary, values, notify: [roles],
    # verified: [{title, met, detail}] of what the step verifies, and
    # output: {bytes, dropped, sha256, masked, secrets: {name: times}, discovered: [names]}
    FINISHED = "step.finished"
    # step, attempt, holds: true|false|null, detail: whether an attempt whose end nobody saw took effect
    OUTCOME_CHECKED = "step.outcome_checked"
    NEED_CHECKED = "step.need_checked"  # step, check, holds: true|false|null, detail: a check of the step's condition
    MARKED_DONE = "step.marked_done"  # step, note, values
    MARKED_FAILED = "step.marked_failed"  # step, reason, notify: [role ids]: a manual step that could not be done
    SKIPPED = "step.skipped"  # step, reason
    REOPENED = "step.reopened"  # step, reason
    LOOP_ITEMS = "loop.items"  # step, items: of a loop whose list comes from a value, written once the value is known
    READING = "reading"  # step, attempt, when: before|after, reading: {…}
    CRITERION = "criterion.evaluated"  # criterion, met: true|false|null, detail
    # text, at (when it happened, if not now), pasted_output (pasted lines), manual_command: {command, host, result}
    # (run elsewhere, manually); of a machine: source, by (who sent it), url, alerts as
    # of incident.declared
    NOTE = "note"
    TEXT_CORRECTED = "text.corrected"  # event (number of the one whose words are wrong), text
    STARRED = "event.starred"  # event (its number), starred: true|false
    NOTIFICATION_RECORDED = "notification.recorded"  # role, message
    # message, channel, by: who wrote it if not the driver, automatic: true|false, events and head: before it
    UPDATE = "update.sent"
    # channel, role, message, audience: inside|outside, urgent, action, receivers: [words], rehearsal, and
    # event: the number of the event that it tells of. Its deliveries are SEQ.1, SEQ.2, … in the order of the receivers
    MESSAGE_QUEUED = "message.queued"
    # a receiver's word, never a person's: delivery, channel, role, receiver, detail, at, tries; as the next three
    NOTIFICATION_ACCEPTED = "notification.accepted"
    MESSAGE_REFUSED = "message.refused"
    MESSAGE_UNSURE = "message.unsure"  # the answer was lost
    MESSAGE_GIVEN_UP = "message.given_up"
    MESSAGE_DECIDED = "message.decided"  # delivery, retry: send it anew, or give it up, reason
    JOURNAL_REPAIRED = "journal.repaired"  # dropped_bytes, dropped_sha256
    SECRETS_TOO_SHORT = "secrets.too_short"  # names: of what is too short to be masked
    RESERVE_RELEASED = (
        "reserve.released"  # space and files given back to a full disk so that a step can start, left, reason
    )
    JOURNAL_FALLBACKS = (
        "journal.fallbacks"  # files, owner, problem, standby: where it may go on when its own disk takes no more
    )
    JOURNAL_FAILED_OVER = "journal.failed_over"  # to, reason, in_memory: it goes on in another file
    JOURNAL_FAILED_BACK = "journal.failed_back"  # files, events: what went elsewhere is back
    JOURNAL_FALLBACK_LOST = "journal.fallback_lost"  # file, after: what went elsewhere is gone


ENDS = (EventKind.CLOSED, EventKind.ABANDONED)
"""The kinds that end an incident."""
RETIRED_KINDS = frozenset(
    (
        "wheel.asked",
        "words.corrected",
        "room.given",
        "secrets.unmasked",
        "journal.places",
        "journal.moved",
        "journal.joined",
        "journal.lost",
        "step.marked done",
        "step.failed",
        "step.verified",
        "told",
    )
)
"""Kinds of builds before the first release: a journal that holds one is refused."""


class StepOutcome(StrEnum):
    """The outcome of an attempt at a step."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    UNKNOWN = "unknown"


def exit_words(code: int | None, outcome: str | None = None) -> str:
    """How a process ended: `exit 1`, `ended by SIGSEGV`; empty where nobody knows, and where it was ended by
    Midwatch."""
    if code is None or outcome in (StepOutcome.CANCELLED, StepOutcome.TIMED_OUT):
        return ""
    if code >= 0:
        return f"exit {code}"
    names = {int(number): number.name for number in Signals}
    return f"ended by {names.get(-code, f'signal {-code}')}"


def ending_words(outcome: str, code: int | None) -> str:
    """`failed, exit 7`; only the outcome where no exit status adds to it."""
    words = exit_words(code, outcome) if code else ""
    return f"{outcome}, {words}" if words else str(outcome)


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as stored. `seq` counts from 1."""

    seq: int
    time: datetime
    mono: float
    """Seconds on the boot clock of `boot`; durations are differences of these, never of `time`."""
    boot: str
    actor: str
    kind: str
    """An `EventKind`, or a kind of a newer version, which readers keep."""
    body: Mapping[str, Any] = field(default_factory=dict)


def seconds_between(before: Event, after: Event) -> float:
    """Seconds from an event to the next one, by the boot clock, which no change of the time of day disturbs.

    Across a reboot, and from one machine to another, only the time of day knows.
    """
    return after.mono - before.mono if after.boot == before.boot else (after.time - before.time).total_seconds()
