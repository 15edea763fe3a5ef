"""One sample of a trigger that a check or a panel decides: the action `trigger` and the watcher use the same."""

from __future__ import annotations

from dataclasses import dataclass

from midwatch.api.action import Check, Context
from midwatch.api.parameters import build
from midwatch.api.probe import Level, Probe
from midwatch.api.registry import find_action, find_probe
from midwatch.runbook.model import Runbook
from midwatch.runbook.triggers import Trigger
from midwatch.system.errors import Failed, OutcomeUnknown
from midwatch.system.units import first_few


@dataclass(frozen=True, slots=True)
class TriggerSample:
    """Whether it is happening, and what was seen."""

    detected: bool
    evidence: str


def sample_trigger(trigger: Trigger, context: Context) -> TriggerSample:
    """Evaluate the check, or read the panel. Raises `OutcomeUnknown` when neither can tell, and other errors."""
    if trigger.check:
        outcome = check_of(trigger, context.runbook).evaluate(context)
        return TriggerSample(not outcome.ok, outcome.summary)
    reading = probe_of(trigger, context.runbook).read(context.runbook, context.clock)
    if reading.error:
        raise OutcomeUnknown(reading.error)
    wanted = Level(trigger.level)
    rows = [row for row in reading.rows if row.level is not Level.UNKNOWN and row.level.rank >= wanted.rank]
    if not rows and reading.level is Level.UNKNOWN:
        unknown = [f"{row.label}: {row.text}" for row in reading.rows if row.level is Level.UNKNOWN]
        raise OutcomeUnknown(first_few(unknown) or "there is nothing to read")
    shown = rows or reading.rows
    return TriggerSample(bool(rows), first_few([f"{row.label}: {row.text}" for row in shown], between="; "))


def check_of(trigger: Trigger, runbook: Runbook) -> Check:
    """The check that decides. Raises `Failed` where the name is that of an action which is none."""
    check = build(find_action(trigger.check), trigger.with_, runbook)
    if not isinstance(check, Check):
        raise Failed(f"The trigger {trigger.id!r} names {trigger.check}, which is no check", place=trigger.place)
    return check


def probe_of(trigger: Trigger, runbook: Runbook) -> Probe:
    """The probe of the panel that decides."""
    panel = next(panel for panel in runbook.panels if panel.name == trigger.panel)
    return build(find_probe(panel.probe), panel.with_, runbook)
