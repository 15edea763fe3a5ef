"""Requests of the watcher become incidents: the first declares, the others join the incident that is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.note_delivery import hand_on
from midwatch.engine.repository import open_incident
from midwatch.engine.source_notes import Taken
from midwatch.runbook.model import Runbook, Severity
from midwatch.system.clock import Clock, SystemClock, to_rfc3339
from midwatch.system.errors import Failed
from midwatch.system.identity import Identity
from midwatch.watch.requests import DECLARED, DISMISSED, JOINED, DeclareRequest, RequestAnswer, RequestStore

_SOURCE = "watcher"


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
                _require_taken(
                    hand_on(folder, _SOURCE, [_note(request)], actor=self._actor, own=self._runbook), request
                )
                self._answer(request, JOINED, folder.id)
            return folder.id
        controller = IncidentController.declare(
            self._runbook, actor=self._actor, clock=self._clock, severity=severity, inputs=inputs
        )
        try:
            self.take_up(controller, requests)
        finally:
            controller.leave()
        return controller.incident.id

    def take_up(self, controller: IncidentController, requests: Sequence[DeclareRequest]) -> None:
        """Write requests into the timeline of an incident that is driven from here. Raises `Refused` and `Failed`."""
        declared_at = controller.incident.declared_at
        for request in requests:
            _require_taken(controller.add_source_notes(_SOURCE, [_note(request)], Identity.current()), request)
            is_first = declared_at is not None and to_rfc3339(declared_at) >= request.seen_at
            self._answer(request, DECLARED if is_first else JOINED, controller.incident.id)

    def dismiss(self, request: DeclareRequest, reason: str) -> None:
        """Answer that this is no incident. Raises `Failed`."""
        self._answer(request, DISMISSED, "", reason)

    def _answer(self, request: DeclareRequest, word: str, incident: str, reason: str = "") -> None:
        at = to_rfc3339(self._clock.now())
        self.store.answer(RequestAnswer(request.id, word, self._actor, at, incident, reason))


def _note(request: DeclareRequest) -> dict[str, str]:
    """The same for each try, so that no incident has it twice."""
    return {"text": f"{request.title}. {request.evidence} [{request.id} on {request.host}]", "at": request.at}


def _require_taken(taken: Taken, request: DeclareRequest) -> None:
    if taken.refused or not taken.done:
        why = next(iter(taken.refused.values()), "there are too many notes at once")
        raise Failed(f"The request {request.id} was not taken: {why}", hint="Try again")
