"""Messages from another terminal of the driver's: asked for at the control socket, queued and decided by the driver."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from typing import Any

from midwatch.control.control_client import send_request
from midwatch.engine.annotations import Annotations
from midwatch.engine.collaboration import Handler
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.messages import Messages
from midwatch.engine.owed_messages import TEXT_LIMIT
from midwatch.incident.paths import IncidentFolder
from midwatch.runbook.channels import INCIDENT_CHANNEL
from midwatch.system.errors import Refused
from midwatch.system.identity import Identity
from midwatch.system.rate_limit import RateLimit
from midwatch.system.strict_json import text_of
from midwatch.system.subordinate_users import owner_of

_INTERVAL_S, _AT_ONCE = 15.0, 4
"""How often somebody who does not drive may send a status update, and how many at once."""


class MessageRequests:
    """What the driver answers to the same person at another terminal."""

    def __init__(self, session: JournalSession, messages: Messages, annotations: Annotations) -> None:
        self._session, self._messages, self._annotations = session, messages, annotations
        self._rate = RateLimit(per_s=1 / _INTERVAL_S, at_once=_AT_ONCE)
        self.handlers: Mapping[str, Handler] = {
            "update": self._answer_update,
            "send-message": self._answer_send,
            "decide-message": self._answer_decide,
        }
        """What answers at the control socket, by operation."""

    def _answer_update(self, person: Identity, message: Mapping[str, Any]) -> None:
        """A status update by the driver at another terminal, or by somebody else who may enter a shared incident."""
        text, is_driver = text_of(message, "text", limit=TEXT_LIMIT), person.is_surely(Identity.current())
        if not self._session.folder.path.stat().st_mode & stat.S_IRWXG:
            self._require_same_person(person)
        if not is_driver and not self._rate.admits(str(owner_of(person.uid))):
            raise Refused("You have sent several status updates this minute", hint="Wait a little")
        self._annotations.update(text, by="" if is_driver else person.full_name)

    def _answer_send(self, person: Identity, message: Mapping[str, Any]) -> None:
        self._require_same_person(person)
        text, confirmed = text_of(message, "text", limit=TEXT_LIMIT), message.get("confirmed") is True
        self._messages.send(text_of(message, "channel"), text, confirmed=confirmed)

    def _answer_decide(self, person: Identity, message: Mapping[str, Any]) -> None:
        self._require_same_person(person)
        retry, reason = message.get("retry") is True, text_of(message, "reason")
        self._messages.decide(text_of(message, "delivery"), retry=retry, reason=reason)

    def _require_same_person(self, person: Identity) -> None:
        if not person.is_surely(Identity.current()):
            raise Refused(f"{self._session.actor} drives, and only they send messages", hint="Ask them")


def request_sending(folder: IncidentFolder, channel: str, text: str, *, confirmed: bool) -> None:
    """Have the driver send a message to a channel, or a status update. Raises `Refused` and `Failed`, as the next one
    does."""
    if channel == INCIDENT_CHANNEL:
        send_request(folder, {"op": "update", "text": text})
    else:
        send_request(folder, {"op": "send-message", "channel": channel, "text": text, "confirmed": confirmed})


def request_decision(folder: IncidentFolder, delivery_id: str, *, retry: bool, reason: str) -> None:
    """Have the driver send a message anew, or not any more."""
    send_request(folder, {"op": "decide-message", "delivery": delivery_id, "retry": retry, "reason": reason})
