"""Leaves the requests of a watcher, tells its channel of them, and follows their answers."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime

from midwatch.redaction import mask
from midwatch.runbook.model import Runbook
from midwatch.runbook.secret_sources import known_secrets
from midwatch.runbook.triggers import Trigger
from midwatch.runbook.windows import is_within
from midwatch.system.clock import Clock, to_rfc3339
from midwatch.system.sanitize import safe_text
from midwatch.system.shortened import shortened
from midwatch.watch.condition import Condition
from midwatch.watch.requests import EVIDENCE_LIMIT, DeclareRequest, RequestStore
from midwatch.watch.watch_messages import WatchMessages
from midwatch.watch.watch_state import WatchState

_KEPT_S = 30 * 86400.0
"""Seconds for which answered requests and their messages are kept."""
_DAY_S = 86400.0


class RequestWriter:
    """Does what the state says is to be done. Doing it twice, after a restart, changes nothing."""

    def __init__(
        self, runbook: Runbook, clock: Clock, state: WatchState, store: RequestStore, open_incident: Callable[[], str]
    ) -> None:
        self._runbook, self._clock, self._state, self._store = runbook, clock, state, store
        self._open_incident = open_incident
        self._messages = WatchMessages(runbook, runbook.location_of("watch"), clock)
        self._forgot_at = -_DAY_S

    def request(self, trigger: Trigger, title: str, kind: str, condition: Condition) -> None:
        """Make a request, unless the same thing waits for an answer already, or its incident is open."""
        incident = self._open_incident()
        known = [*self._state.leaving, *self._store.every()]
        for request in known:
            if (request.trigger, request.kind, request.title) == (trigger.id, kind, title):
                answer = self._store.answer_to(request.id)
                if answer is None or (incident and answer.incident == incident):
                    condition.request = request.id
                    return
        now = self._clock.now()
        self._state.number += 1
        request = DeclareRequest(
            id=_free_id(trigger.id, now, {request.id for request in known}),
            number=self._state.number,
            runbook=self._runbook.id,
            trigger=trigger.id,
            title=title,
            kind=kind,
            severity=self._runbook.severity.value,
            evidence=self._clean(condition.evidence),
            at=condition.at,
            seen_at=to_rfc3339(now),
            host=socket.gethostname(),
            joins=incident,
        )
        condition.request = request.id
        self._state.leaving.append(request)

    def finish(self) -> list[DeclareRequest]:
        """Put the requests on disk, and tell of them unless the quiet hours last; the new ones. Raises `OSError`."""
        state, left = self._state, []
        for request in list(state.leaving):
            if self._store.answer_to(request.id) is None:
                self._store.write(request)
                left.append(request)
                if request.id not in (*state.untold, *state.told):
                    state.untold.append(request.id)
            state.leaving.remove(request)
        if state.untold and not is_within(self._runbook.watch.quiet_hours, self._clock.now()):
            pending = {request.id: request for request in self._store.pending()}
            for name in list(state.untold):
                if name in pending:
                    self._messages.tell(pending[name])
                    state.told.append(name)
                state.untold.remove(name)
        return left

    def follow(self) -> None:
        """Resolve at the pagers what was answered, see that messages are sent, and forget what is old. Raises
        `UntrustedFile` and `OSError`."""
        requests = {request.id: request for request in self._store.every()} if self._state.told else {}
        for name in list(self._state.told):
            answer = self._store.answer_to(name)
            if answer is not None and name in requests:
                self._messages.resolve(requests[name], f"{answer.word} by {answer.by} {answer.incident}".strip())
            if answer is not None or name not in requests:
                self._state.told.remove(name)
        self._messages.keep_sending()
        if self._clock.monotonic() - self._forgot_at >= _DAY_S:
            self._forgot_at = self._clock.monotonic()
            moment = self._clock.now().timestamp() - _KEPT_S
            self._store.forget_before(moment)
            self._messages.forget_before(moment)

    def _clean(self, evidence: str) -> str:
        return shortened(safe_text(mask(evidence, known_secrets(self._runbook))), EVIDENCE_LIMIT)


def _free_id(trigger_id: str, now: datetime, taken: set[str]) -> str:
    name = f"{trigger_id}-{now.astimezone(UTC):%Y%m%d-%H%M%S}"
    numbers = (f"{name}-{number}" for number in range(2, 1000))
    return next(free for free in (name, *numbers) if free not in taken)
