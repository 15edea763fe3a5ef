"""The check `services`: every target runs, answers queries, and accepts logins of the services that depend on it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from actions.credentials.dependents import ask_dependents
from actions.support.each_target import ask_each
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.units import Seconds, counted, duration, first_few
from probes.containers.health import Health, health
from probes.postgres.activity import read_activity

_HOUR = Seconds(3600)


@dataclass(slots=True)
class _State:
    """What one target answered."""

    bad: str = ""
    """What does not hold; empty while all does."""
    good: str = ""
    seconds: float | None = None
    """How long the login and the query took."""
    container: Health | None = None


@dataclass(frozen=True)
class CheckServices(Thresholds, Check):
    """Holds when each target (or those named) is healthy by its container's own check where it has one, answers a query
    of its application's user over TCP, is not in recovery unless its role is that of a standby, and lets in what the
    runbook names as its `dependents`.

    Each is looked at side by side, within about ten seconds, and dependents within their own time. What does not hold
    is named, and critical. A container that its engine started again within `restarted_within`, and an answer slower
    than the warning, are warnings. Unknown only when the runbook names no target. An engine that cannot be asked is
    said, and counts for nothing where the server answers.
    """

    name: ClassVar[str] = "services"
    summary: ClassVar[str] = "Every database answers its application, and what depends on it gets in"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    unit: ClassVar[str] = "s"
    default_warning: ClassVar[str] = "5 s"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())
    restarted_within: Seconds = param("a warning when the engine restarted a container in this time", default=_HOUR)

    def evaluate(self, context: Context) -> Outcome:
        """Check all targets in parallel."""
        findings, good = Findings(), []
        for target, state in ask_each(context.runbook, self.targets, lambda target: _state(context.runbook, target)):
            if state.bad:
                findings.fail(state.bad if state.bad.startswith(target.label) else f"{target.label}: {state.bad}")
            else:
                good.append(f"{target.label} {state.good}")
            if state.seconds is not None:
                findings.figures.append(self.main_figure(f"{target.label} answers in", state.seconds, 0))
            if state.container is not None:
                self._restarts(target.label, state.container, context.clock.now(), findings)
        findings.summary = first_few(good, 10, "; ")
        return findings.outcome()

    def _restarts(self, label: str, container: Health, now: datetime, findings: Findings) -> None:
        findings.figures.append(Figure(f"{label} restarts", container.restarts, low=0))
        ago = (now - container.started).total_seconds() if container.started else 0.0
        if container.restarts and ago < self.restarted_within:
            again = f"{label} ended by itself and was started again {counted(container.restarts, 'time')}"
            findings.warn(f"{again}, the last {duration(max(0.0, ago))} ago")


def _state(runbook: Runbook, target: Target) -> _State:
    state, aside = _State(), ""
    if target.kind is TargetKind.DOCKER:
        try:
            found = state.container = health(target.container)
            if not found.ok:
                state.bad = safe_text(str(found))
                return state
            aside = f", {found}" if found.check else ""
        except Failed as error:
            aside = f", its container cannot be asked: {error.sentence}"
    began = time.monotonic()
    try:
        activity = read_activity(runbook, target)
    except MidwatchError as error:
        state.bad = error.sentence
        return state
    state.seconds = time.monotonic() - began
    out = [f"{one.name} does not get in ({one.text})" for one in ask_dependents(runbook, target) if not one.ok]
    if activity.in_recovery and target.role != "standby":
        state.bad = "in recovery: it takes no writes"
    elif out:
        state.bad = first_few(out, between="; ")
    state.good = f"ok, PostgreSQL {activity.version}{aside}"
    return state
