"""Small real actions and a probe, and a runbook's head that fits them, so that these tests depend on no other room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from midwatch.api.action import Action, Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan
from midwatch.api.probe import Probe, Reading
from midwatch.runbook.model import Risk, Runbook
from midwatch.runbook.targets import Target
from midwatch.system.clock import Clock
from midwatch.system.errors import BadInput
from midwatch.system.units import Percent

HEAD = """\
midwatch: 1
title: Trial
severity: SEV-2
targets:
  db: {kind: local, host: localhost, database: app}
roles:
  boss: {name: Boss}
panels:
  gauge: {}
"""

Errors = Callable[..., list[str]]
Loaded = Callable[..., Runbook]


@dataclass(frozen=True)
class Sweep(Action):
    """Destroys nothing, but would be one that does."""

    name: ClassVar[str] = "sweep"
    summary: ClassVar[str] = "Sweep a target"
    risk: ClassVar[Risk] = Risk.DESTROY

    target: Target = param("what is swept")
    keep: int = param("how many are kept", default=2)
    paths: tuple[Path, ...] = param("folders", default=())

    def __post_init__(self) -> None:
        if self.keep < 2:
            raise BadInput("Fewer than two cannot be kept", hint="Keep two or more")

    def plan(self, context: Context) -> Plan:
        return self.draft().plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        return Outcome(True, "swept")


@dataclass(frozen=True)
class Level(Check):
    """Holds when the level is low."""

    name: ClassVar[str] = "level"
    summary: ClassVar[str] = "Look at the level"

    below: Percent = param("it holds below this")

    def evaluate(self, context: Context) -> Outcome:
        return Outcome(True, "low")


@dataclass(frozen=True)
class Gauge(Probe):
    """A reading without rows."""

    name: ClassVar[str] = "gauge"
    title: ClassVar[str] = "Gauge"
    every: ClassVar[float] = 1.0

    paths: tuple[Path, ...] = param("what is read", default=())
    warn: Percent = param("warning from here on", default=Percent(80))

    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        return Reading(self.name, clock.now())
