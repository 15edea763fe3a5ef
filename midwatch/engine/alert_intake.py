"""Alerts from outside: one that is not known declares an incident, and what follows of the alert joins the incident."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from midwatch.engine.choices import ask_inputs
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.note_delivery import AGAIN_S, hand_on
from midwatch.engine.repository import events_of, incidents, is_open
from midwatch.incident.alert import ALERTS_AT_MOST, Alert, AlertState, KnownAlert, described, known_alerts, line_of
from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import IncidentFolder, incidents_folder
from midwatch.incident.permissions import open_file
from midwatch.reports.seen_before import seen_lines
from midwatch.runbook.model import Runbook
from midwatch.runbook.questions import misfit, tidy
from midwatch.runbook.severity import Severity
from midwatch.system.clock import Clock, SystemClock, to_rfc3339
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import Failed
from midwatch.system.file_locks import await_lock, release

_LOCK = ".alerts.lock"
_LOCK_LIMIT_S = 60.0
_ENDED_AT_MOST = 50
"""Incidents that have ended and are asked whether they knew the alert, the newest first."""


@dataclass(frozen=True, slots=True)
class _Home:
    """An incident and the alerts that it knows."""

    folder: IncidentFolder
    is_open: bool
    alerts: Mapping[str, KnownAlert]


class AlertIntake:
    """Takes the alerts of deliveries for one runbook. Two deliveries at once are taken one after the other."""

    def __init__(self, runbook: Runbook, *, actor: str, clock: Clock | None = None) -> None:
        self._runbook, self._actor, self._clock = runbook, actor, clock or SystemClock()

    def take(
        self,
        alerts: Sequence[Alert],
        *,
        join: bool = False,
        severity: Severity | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Declare an incident for the alerts that fire and are new, join the others; returns what was done, in words.

        With `join`, new ones join the open incident of the runbook, where there is one. Raises `BadInput` where an
        input is missing, and what `IncidentController.declare` and `hand_on` raise.
        """
        with self._alone():
            homes, said = self._homes(), list[str]()
            joining: dict[int, list[Alert]] = {}
            new: list[Alert] = []
            for alert in alerts[:ALERTS_AT_MOST]:
                home = next((n for n, home in enumerate(homes) if home.is_open and alert.sha256 in home.alerts), None)
                if home is not None:
                    joining.setdefault(home, []).append(alert)
                elif alert.state is not AlertState.FIRING:
                    said.append(f"No open incident has the alert {alert.name}; nothing was declared.")
                elif ended := _ended_with(alert, homes):
                    said.append(f"{ended.folder.id} had the alert {alert.name} and has ended; nothing was declared.")
                else:
                    new.append(alert)
            more = max(len(alerts) - ALERTS_AT_MOST, 0)
            host = next(iter(joining), None)
            if host is None and join:
                host = next((number for number, home in enumerate(homes) if home.is_open), None)
            if new and host is None:
                said += self._declare(new, more, severity, inputs or {})
            elif new and host is not None:
                joining.setdefault(host, []).extend(new)
            for number, group in joining.items():
                said += self._join(homes[number], group)
            return said

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of deliveries. Raises `Failed` when it cannot be had."""
        folder = incidents_folder(self._runbook.location_of("logs"))
        try:
            make_missing_folders(folder)
            descriptor = open_file(folder / _LOCK, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            sentence = f"{folder / _LOCK} cannot be opened: {error.strerror or error}"
            raise Failed(sentence, hint="See to the rights of the folder") from error
        try:
            if not await_lock(descriptor, _LOCK_LIMIT_S):
                raise Failed(f"Another delivery of alerts takes longer than {_LOCK_LIMIT_S:.0f} s")
            yield
        finally:
            release(descriptor)

    def _homes(self) -> list[_Home]:
        """The open incidents of the runbook and the newest that have ended."""
        found: list[_Home] = []
        for folder in incidents(self._runbook.location_of("logs"), self._runbook.id):
            events = events_of(folder)
            still_open = is_open(events)
            if still_open or sum(not home.is_open for home in found) < _ENDED_AT_MOST:
                found.append(_Home(folder, still_open, alerts_in(events)))
        return found

    def _declare(
        self, alerts: Sequence[Alert], more: int, severity: Severity | None, given: Mapping[str, str]
    ) -> list[str]:
        rules = self._runbook.alerts
        words = [rules.severity_of(alert.severity) for alert in alerts]
        meant = min(filter(None, words), default="")  # SEV-0 is the worst
        severity = severity or (Severity(meant) if meant else None)
        alert = {
            "source": alerts[0].source,
            "text": described(alerts, more),
            "alerts": [name for alert in alerts for name in alert.names()],
        }
        inputs = {**self._inputs(alerts), **given}
        controller = IncidentController.declare(
            self._runbook, actor=self._actor, clock=self._clock, severity=severity, inputs=inputs, alert=alert
        )
        controller.leave()
        said = f"{controller.incident.id} is declared, {controller.incident.severity}: {alerts[0].name}."
        earlier = seen_lines(self._runbook, self._clock.now(), controller.incident.id)
        return [said, *(f"Seen before: {line}." for line in earlier)]

    def _inputs(self, alerts: Sequence[Alert]) -> dict[str, str]:
        """The inputs that the labels give. One that does not fit is left out, unless the runbook requires it."""
        found: dict[str, str] = {}
        runbook = ask_inputs(self._runbook) if self._runbook.alerts.inputs else self._runbook
        for name, label in self._runbook.alerts.inputs.items():
            value = next((tidy(line_of(value)) for alert in alerts if (value := alert.value(label))), "")
            ask = runbook.input(name)
            if ask is not None and value and (ask.required or not misfit(ask, value)):
                found[name] = value
        return found

    def _join(self, home: _Home, alerts: Sequence[Alert]) -> list[str]:
        said, notes = list[str](), list[dict[str, Any]]()
        for alert in alerts:
            if words := _news(alert, home.alerts.get(alert.sha256)):
                at = to_rfc3339(alert.at or self._clock.now())
                notes.append({"text": words, "at": at, "url": alert.url, "alerts": alert.names()})
                said.append(f"{home.folder.id}: {words.splitlines()[0]}.")
            else:
                said.append(f"{home.folder.id} has the alert {alert.name} already.")
        source = alerts[0].source
        while notes:
            taken = hand_on(home.folder, source, notes, actor=self._actor, own=self._runbook)
            if taken.refused:
                raise Failed(f"{home.folder.id} did not take an alert: {next(iter(taken.refused.values()))}")
            notes = notes[taken.done :]
            time.sleep(AGAIN_S if notes else 0)
        return said


def alerts_in(events: Sequence[Event]) -> dict[str, KnownAlert]:
    """The alerts that declared an incident or joined it, as they were last said to be."""
    known: dict[str, KnownAlert] = {}
    for event in events:
        of = event.body.get("alert") if event.kind == EventKind.DECLARED else event.body
        if isinstance(of, Mapping) and "alerts" in of and event.kind in (EventKind.DECLARED, EventKind.NOTE):
            with contextlib.suppress(ValueError):
                for sha256, alert in known_alerts(of["alerts"]).items():
                    before = known.get(sha256)
                    changed = alert.state is AlertState.CHANGED and before is not None
                    known[sha256] = before if changed and before else alert
    return known


def _ended_with(alert: Alert, homes: Sequence[_Home]) -> _Home | None:
    """The ended incident that knew this very alert: it started at the same moment, and is sent again while it fires."""
    began = alert.to_json()["began"]
    return next((home for home in homes if began and (a := home.alerts.get(alert.sha256)) and a.began == began), None)


def _news(alert: Alert, known: KnownAlert | None) -> str:
    """What a delivery says that the incident does not know yet; empty for nothing."""
    if alert.state is AlertState.CHANGED:
        return f"Alert {alert.name}: {line_of(alert.change)}"
    if alert.state is AlertState.RESOLVED:
        return "" if known and known.state is AlertState.RESOLVED else f"Alert {alert.name} is resolved"
    if known is None:
        return f"Alert {described([alert])}"
    is_same = known.state is not AlertState.RESOLVED and known.began == alert.to_json()["began"]
    return "" if is_same else f"Alert {alert.name} fires again"
