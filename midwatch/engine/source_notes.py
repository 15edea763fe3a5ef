"""Notes from outside: a member sends them, and whoever drives puts them into the timeline."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from midwatch.control.control_client import SAME_VERSION, send_request
from midwatch.control.control_socket import REQUEST_LIMIT_BYTES
from midwatch.engine import policy
from midwatch.engine.collaboration import Handler
from midwatch.engine.journal_session import JournalSession
from midwatch.incident.event_redaction import masked
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.source_note import is_from_outside, note_of, require_source
from midwatch.system.errors import Refused
from midwatch.system.identity import Identity
from midwatch.system.rate_limit import RateLimit
from midwatch.system.strict_json import text_of
from midwatch.system.subordinate_users import owner_of
from midwatch.system.trust import user_name

BATCH = 50
"""Notes of one request at most."""
PER_PERSON = 1_000
"""Notes from outside that one person may put into an incident."""
_PER_S, _AT_ONCE = 20.0, 200
_REQUEST_BYTES = REQUEST_LIMIT_BYTES - 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some notes."""

    done: int
    """How many were dealt with; the others may be sent again in a moment."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """By its place among them: why one was not kept."""


class SourceNotes:
    """Journals notes from outside, bounded for each person. A note that stands in the journal is not repeated."""

    def __init__(self, session: JournalSession, *, per_person: int = PER_PERSON, rate: RateLimit | None = None) -> None:
        self._session, self._per_person = session, per_person
        self._rate = rate or RateLimit(per_s=_PER_S, at_once=_AT_ONCE)
        self._seen = 0
        """The number of events that were counted."""
        self._counts: Counter[str] = Counter()
        self._known: set[tuple[str, ...]] = set()
        self.handlers: Mapping[str, Handler] = {"source-notes": self._answer}
        """What answers at the control socket, by operation."""

    def add(self, source: str, notes: Sequence[Mapping[str, Any]], person: Identity) -> Taken:
        """Journal these notes of a person. Raises `Refused` where the incident has ended, and for an observer."""
        session, by, refused = self._session, _name_of(person), dict[int, str]()
        with session.mutex:
            session.require_driver()
            policy.require_open(session.incident)
            for index, data in enumerate(notes[:BATCH]):
                try:
                    note = note_of(data, session.clock.now())
                except ValueError as error:
                    refused[index] = str(error)
                    continue
                body = {**note.to_json(), "source": source, "by": by}
                self._count()
                if _key(masked(body, session.secrets)) in self._known:
                    continue
                if self._counts[by] >= self._per_person:
                    refused[index] = f"{by} has {self._per_person:,} notes in this incident, which is the most"
                elif not self._rate.admits(by):
                    return Taken(index, refused)
                else:
                    session.append(EventKind.NOTE, body)
        return Taken(min(len(notes), BATCH), refused)

    def _count(self) -> None:
        """Take in the notes that were journaled since the last call."""
        events = self._session.events
        for event in events[self._seen :]:
            if is_from_outside(event):
                self._counts[str(event.body.get("by"))] += 1
                self._known.add(_key(event.body))
        self._seen = len(events)

    def _answer(self, person: Identity, message: Mapping[str, Any]) -> Mapping[str, Any]:
        notes = message.get("notes")
        if not isinstance(notes, list) or not all(isinstance(note, dict) for note in notes):
            raise ValueError("notes has to be a list of objects")
        taken = self.add(require_source(text_of(message, "source")), notes, person)
        return {"done": taken.done, "refused": {str(index): why for index, why in taken.refused.items()}}


def request_notes(folder: IncidentFolder, source: str, notes: Sequence[Mapping[str, Any]]) -> Taken:
    """Have the driver journal the first of these notes, as many as fit into a request. Raises `Refused`, and `Failed`
    where no driver answers."""
    sizes = accumulate(len(json.dumps(note)) + 2 for note in notes[:BATCH])
    fitting = max(sum(size < _REQUEST_BYTES for size in sizes), 1)
    reply = send_request(folder, {"op": "source-notes", "source": source, "notes": list(notes[:fitting])})
    try:
        return Taken(int(reply["done"]), {int(index): str(why) for index, why in reply["refused"].items()})
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Refused("The driver's answer is not understood", hint=SAME_VERSION) from None


def _name_of(person: Identity) -> str:
    """Who sent a note; of a subordinate user, of whom one person has thousands, its owner."""
    owner = owner_of(person.uid)
    return person.full_name if owner == person.uid else user_name(owner)


def _key(body: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(body.get(key) or "") for key in ("source", "at", "text", "url"))
