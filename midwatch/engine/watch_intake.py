"""Requests of the watcher become incidents: the first declares, the others join the incident that is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.note_delivery import hand_on
from midwatch.engine.repository import open_incident
from midwatch.engine.watch_request_notes import request_note, require_taken
from midwatch.incident.source_note import WATCHER
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from midwatch.system.clock import Clock, SystemClock, to_rfc3339
from midwatch.watch.requests import DISMISSED, JOINED, DeclareRequest, RequestAnswer, RequestStore


class WatchIntake:
    """Answers requests. What a killed process began is completed by the next one, and nothing is written twice."""

    def __init__(self, runbook: Runbook, *, actor: str, clock: Clock | None = None) -> None:
        self._runbook, self._actor, self._clock = runbook, actor, clock or SystemClock()
        self.store = RequestStore(runbook)

    def declare(
        self,
        requests: Sequence[DeclareRequest],
        *,
        severity: Severity | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> str:
        """Declare an incident for these requests, or join the open one; its id. Raises `BadInput`, `Refused` and
        `Failed`."""
        folder = open_incident(self._runbook.location_of("logs"), self._runbook.id)
        if folder is not None:
            for request in requests:
                note = request_note(request, self._clock)
                require_taken(hand_on(folder, WATCHER, [note], actor=self._actor, own=self._runbook), request)
                self._answer(request, JOINED, folder.id)
            return folder.id
        controller = IncidentController.declare(
            self._runbook, actor=self._actor, clock=self._clock, severity=severity, inputs=inputs
        )
        try:
            controller.take_up_requests(requests)
        finally:
            controller.leave()
        return controller.incident.id

    def dismiss(self, request: DeclareRequest, reason: str) -> None:
        """Answer that this is no incident. Raises `Failed`."""
        self._answer(request, DISMISSED, "", reason)

    def _answer(self, request: DeclareRequest, word: str, incident: str, reason: str = "") -> None:
        at = to_rfc3339(self._clock.now())
        self.store.answer(RequestAnswer(request.id, word, self._actor, at, incident, reason))
