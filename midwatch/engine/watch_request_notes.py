"""Requests of the watcher go into the timeline of an open incident: the driver takes them up while it drives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from midwatch.engine.journal_session import JournalSession
from midwatch.engine.source_notes import Taken
from midwatch.incident.source_note import TEXT_LIMIT, WATCHER
from midwatch.system.clock import Clock, to_rfc3339
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.identity import Identity
from midwatch.watch.requests import DECLARED, JOINED, DeclareRequest, RequestAnswer, RequestStore

_LOG = logging.getLogger(__name__)
_LOOK_S, _READ_S = 2.0, 30.0
"""Seconds between two looks at the folders, and after which the requests are read although nothing seems new."""

AddNotes = Callable[[str, Sequence[Mapping[str, Any]], Identity], Taken]


class WatchRequests:
    """Takes requests up, each once, and answers them."""

    def __init__(self, session: JournalSession, add_notes: AddNotes) -> None:
        self._session, self._add_notes = session, add_notes
        self._known_store: RequestStore | None = None
        self._look_at = self._read_at = 0.0
        self._seen = (0, 0)

    def take_up(self, requests: Sequence[DeclareRequest]) -> None:
        """Write these into the timeline and answer them. One that is refused keeps no other one back: the first refusal
        is raised at the end, as `Failed`. Raises `Refused` where the incident has ended, and for an observer."""
        session, store, failure = self._session, self._store(), None
        declared_at = session.incident.declared_at
        for request in requests:
            try:
                note = request_note(request, session.clock)
                require_taken(self._add_notes(WATCHER, [note], Identity.current()), request)
            except Failed as failed:
                failure = failure or failed
                continue
            is_first = declared_at is not None and to_rfc3339(declared_at) >= request.seen_at
            at = to_rfc3339(session.clock.now())
            word = DECLARED if is_first else JOINED
            store.answer(RequestAnswer(request.id, word, session.actor, at, session.incident.id))
        if failure is not None:
            raise failure

    def follow(self) -> None:
        """Take up what is new. What cannot be read or written is tried again, and holds nobody up."""
        session, now = self._session, self._session.clock.monotonic()
        if now < self._look_at or not session.driving or not session.incident.open:
            return
        self._look_at = now + _LOOK_S
        try:
            store = self._store()
            if (seen := store.changed_at()) != self._seen or now >= self._read_at:
                self._seen, self._read_at = seen, now + _READ_S
                self.take_up(store.pending())
        except (MidwatchError, OSError) as error:
            _LOG.warning("Requests of the watcher cannot be taken up: %s", error)

    def _store(self) -> RequestStore:
        """The requests of the runbook of now, which may have other locations than before."""
        store = RequestStore(self._session.runbook)
        if self._known_store is None or self._known_store.folder != store.folder:
            self._known_store = store
        return self._known_store


def request_note(request: DeclareRequest, clock: Clock) -> dict[str, str]:
    """The note of a request: the same for each try, so that no incident has it twice."""
    origin = f" [{request.id} on {request.host}]"
    text = f"{request.title}. {request.evidence}"
    if len(text) + len(origin) > TEXT_LIMIT:
        text = f"{text[: max(TEXT_LIMIT - len(origin) - 1, 0)]}…"
    return {"text": f"{text}{origin}"[:TEXT_LIMIT], "at": to_rfc3339(min(request.moment, clock.now()))}


def require_taken(taken: Taken, request: DeclareRequest) -> None:
    """Raise `Failed` for a note that is not in the journal."""
    if taken.refused or not taken.done:
        why = next(iter(taken.refused.values()), "there are too many notes at once")
        raise Failed(f"The request {request.id} was not taken: {why}", hint="Try again")
