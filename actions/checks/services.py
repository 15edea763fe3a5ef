"""The check `services`: every target runs, answers queries, and accepts logins of the services that depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.credentials.dependents import ask_dependents
from actions.support.each_target import ask_each
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.units import first_few
from probes.containers.health import health
from probes.postgres.activity import Activity, read_activity


@dataclass(frozen=True)
class CheckServices(Check):
    """Holds when each target (or those named) is healthy by its container's own check where it has one, answers a query
    of its application's user over TCP, is not in recovery, and lets in what the runbook names as its `dependents`.

    Each is looked at side by side, within about ten seconds, and dependents within their own time. What does not hold
    is named; unknown only when the runbook names no target. An engine that cannot be asked is said, and counts for
    nothing where the server answers.
    """

    name: ClassVar[str] = "services"
    summary: ClassVar[str] = "Every database answers its application, and what depends on it gets in"
    outputs: ClassVar[tuple[str, ...] | None] = ()

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())

    def evaluate(self, context: Context) -> Outcome:
        """Check all targets in parallel."""
        found = ask_each(context.runbook, self.targets, lambda target: _state(context.runbook, target))
        bad = [_named(target, text) for target, (ok, text) in found if not ok]
        if bad:
            return Outcome(False, first_few(bad, 10, "; "))
        good = (f"{target.label} {text}" for target, (_, text) in found)
        return Outcome(True, first_few(good, 10, "; "))


def _named(target: Target, text: str) -> str:
    """What is wrong, and with which target; what a login says begins with that already."""
    return text if text.startswith(target.label) else f"{target.label}: {text}"


def _state(runbook: Runbook, target: Target) -> tuple[bool, str]:
    aside = ""
    if target.kind is TargetKind.DOCKER:
        try:
            found = health(target.container)
            if not found.ok:
                return False, safe_text(str(found))
            aside = f", {found}" if found.check else ""
        except Failed as error:
            aside = f", its container cannot be asked: {error.sentence}"
    try:
        activity: Activity = read_activity(runbook, target)
    except MidwatchError as error:
        return False, error.sentence
    if activity.in_recovery:
        return False, "in recovery: it takes no writes"
    out = [f"{one.name} does not get in ({one.text})" for one in ask_dependents(runbook, target) if not one.ok]
    if out:
        return False, first_few(out, between="; ")
    return True, f"ok, PostgreSQL {activity.version}{aside}"
