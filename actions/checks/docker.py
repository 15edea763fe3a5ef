"""The check `docker`: the containers of the targets run and are healthy, and the engine holds little that is unused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.api.probe import Level
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.sanitize import safe_text
from midwatch.system.units import first_few
from probes.docker import DockerProbe


@dataclass(frozen=True)
class CheckDocker(Thresholds, Check):
    """Holds while the container of each target runs and its own health check passes, as in the panel `docker`.

    Critical: a container that is missing, does not run or is unhealthy. Warning: a health check that has not passed
    yet, and more than 10 GB that `clean-docker` could free. Unknown: an engine that does not answer.
    """

    name: ClassVar[str] = "docker"
    summary: ClassVar[str] = "The containers of the targets run and are healthy"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    unit: ClassVar[str] = "B"
    default_warning: ClassVar[str] = "10 GB"

    label: str = param("count only what carries this label (KEY or KEY=VALUE)", default="")

    def evaluate(self, context: Context) -> Outcome:
        """Read the panel's rows and judge each."""
        reading = DockerProbe(self.label).read(context.runbook, context.clock)
        if reading.error:
            raise OutcomeUnknown(reading.error)
        engine, *containers = reading.rows
        findings = Findings(first_few((f"{row.label} {safe_text(row.text)}" for row in reading.rows), 10, "; "))
        if engine.number is not None:
            findings.figures.append(self.main_figure("unused", engine.number, 0))
        for row in reading.rows:
            if row.level is not Level.OK:
                findings.problems.append((row.level, f"{row.label}: {safe_text(row.text)}"))
        running = sum(row.level is Level.OK for row in containers)
        findings.figures.append(Figure("healthy containers", running, low=0))
        return findings.outcome()
