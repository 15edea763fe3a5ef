"""What people write into the record: notes, what they ran elsewhere, what they told others, corrections, stars.

Nothing written is ever changed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from midwatch.api.plan import Plan
from midwatch.engine import policy
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.reasons import require_reason
from midwatch.incident import server_pins
from midwatch.incident.events import EventKind
from midwatch.reports.event_text import words_of
from midwatch.reports.message_draft import draft
from midwatch.runbook.channels import INCIDENT_CHANNEL
from midwatch.runbook.severity import Severity
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Refused
from midwatch.system.units import size

AUTOMATIC = "Midwatch sent this automatically, from the journal."
"""The last line of a status update that no person has read."""
EXCERPT_LIMIT_BYTES = 48_000
"""Bytes that a pasted excerpt may take in the journal, where an event has at most 64 KiB."""


@dataclass(frozen=True, slots=True)
class ManualCommand:
    """A command that was run elsewhere, manually."""

    command: str
    host: str = ""
    result: str = ""
    """What came of it, in words or as an exit status."""


class Annotations:
    """Writes what people say, and runs nothing."""

    def __init__(self, session: JournalSession) -> None:
        self._session = session

    def note(
        self,
        text: str,
        *,
        at: datetime | None = None,
        pasted_output: str = "",
        manual_command: ManualCommand | None = None,
    ) -> None:
        """Write something into the timeline; `at` when it happened earlier.

        `pasted_output` comes from a terminal, its lines kept; `manual_command` was run elsewhere. With one of them the
        text may be empty. Raises `Refused` when nothing is said, or too much for one event.
        """
        if not pasted_output.strip() and not (manual_command and manual_command.command.strip()):
            text = policy.require_text(text, "A note")
        stored = len(json.dumps(pasted_output))
        if stored > EXCERPT_LIMIT_BYTES:
            hint = "Keep the lines that matter, or write them as several notes"
            raise Refused(f"The excerpt takes {size(stored)}, and a note holds {size(EXCERPT_LIMIT_BYTES)}", hint=hint)
        body: dict[str, Any] = {"text": text.strip(), "at": to_rfc3339(at) if at else None}
        if pasted_output.strip():
            body["pasted_output"] = pasted_output.strip("\r\n")
        if manual_command is not None:
            body["manual_command"] = asdict(
                ManualCommand(
                    policy.require_text(manual_command.command, "The command"),
                    manual_command.host.strip(),
                    manual_command.result.strip(),
                )
            )
        self._session.append(EventKind.NOTE, body)

    def correct(self, seq: int, text: str) -> None:
        """Say what event `seq` should have said. Both stay in the record. Raises `Refused` for an event without such
        words."""
        words_of(self._session.events, seq)
        self._session.append(
            EventKind.TEXT_CORRECTED, {"event": seq, "text": policy.require_text(text, "The correction")}
        )

    def star(self, seq: int, *, starred: bool = True) -> None:
        """Mark event `seq` as one that the post-mortem should not miss, or take the mark away."""
        if not 1 <= seq <= len(self._session.events):
            raise Refused(f"There is no event {seq}", hint=f"The record has {len(self._session.events)}")
        self._session.append(EventKind.STARRED, {"event": seq, "starred": starred})

    def record_notification(self, role_id: str, message: str) -> None:
        """Somebody was notified something."""
        self._session.append(
            EventKind.NOTIFICATION_RECORDED, {"role": role_id, "message": policy.require_text(message, "What was said")}
        )

    def update(self, message: str, *, by: str = "", automatic: bool = False) -> None:
        """A status update goes out; the time of the next one starts now. `by`: who wrote it, if not the driver."""
        session = self._session
        body = {
            "message": policy.require_text(message, "A status update"),
            "channel": session.runbook.comms.channel,
            "events": len(session.events),
            "head": session.require_driver().journal.head,
            "by": by,
            "automatic": automatic,
        }
        session.append(EventKind.UPDATE, body)

    def update_automatically(self) -> None:
        """Send an overdue status update from its draft, where the runbook says so and a channel takes it."""
        session = self._session
        channel = session.runbook.channels.get(INCIDENT_CHANNEL)
        is_taken = channel is not None and bool(channel.targets)
        if session.runbook.comms.automatic_updates and is_taken and session.updates_overdue:
            text = draft(session.runbook, session.incident, session.events, session.clock)
            self.update(f"{text}\n{AUTOMATIC}", automatic=True)

    def set_severity(self, severity: Severity, reason: str) -> None:
        """Make it worse or better, and say why."""
        if severity is self._session.incident.severity:
            raise Refused(f"The severity is {severity} already")
        self._append_severity(severity, require_reason(reason), automatic=False)

    def raise_severity(self, severity: Severity, reason: str) -> None:
        """Make it worse because the runbook says so, without a person's decision."""
        self._append_severity(severity, reason, automatic=True)

    def _append_severity(self, severity: Severity, reason: str, *, automatic: bool) -> None:
        before = self._session.incident.severity
        body = {"from": before.value, "to": severity.value, "reason": reason, "automatic": automatic}
        self._session.append(EventKind.SEVERITY, body)

    def pin_anew(self, plan: Plan, reason: str) -> None:
        """Take the servers that this plan found for the right ones, and say why. Raises `Refused` when they are
        pinned."""
        with self._session.mutex:
            bodies = server_pins.new_pins(
                plan, self._session.runbook, self._session.incident.pins, require_reason(reason)
            )
            if not bodies:
                raise Refused("The plan found the servers that are pinned", hint="There is nothing to pin anew")
            for body in bodies:
                self._session.append(EventKind.PINNED, body)

    def pin_first(self, plan: Plan) -> None:
        """The first plan of an incident that finds out which server a target is pins that target."""
        with self._session.mutex:
            if self._session.driving and self._session.incident.open:
                for body in server_pins.first_pins(plan, self._session.runbook, self._session.incident.pins):
                    self._session.append(EventKind.PINNED, body)
