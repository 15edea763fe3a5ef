"""The probe `command`: a script of the runbook measures, and reports as monitoring plug-ins do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from midwatch.api.figures import Figure
from midwatch.api.parameters import param
from midwatch.api.probe import Level, Probe, Reading, Row
from midwatch.runbook.model import Runbook
from midwatch.system.clock import Clock
from midwatch.system.errors import MidwatchError
from midwatch.system.units import Seconds
from midwatch.system.units import figure as figure_text
from probes.monitoring.plugin_output import USUAL, Report, report_of, require_runnable

RESULT = "result"
"""The label of the row with the sentence, where the script reports several figures or none."""


@dataclass(frozen=True)
class CommandProbe(Probe):
    """The sentence and the figures that a script prints. A script with one figure has one row, any other one more.

    The state of the sentence is the exit status: 0 ok, 1 warning, 2 critical, everything else unknown. The state of a
    figure comes from its own thresholds.
    """

    name: ClassVar[str] = "command"
    title: ClassVar[str] = "Command"
    every: ClassVar[float] = 30.0

    run: str = param("the script, of bash or of its #! line; it observes only", literal=True)
    timeout: Seconds = param("when it is ended; then the reading is unknown", default=USUAL)
    env: Mapping[str, str] | None = param("variables of the script", default=None)

    def __post_init__(self) -> None:
        require_runnable(self.timeout, self.env or {})

    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        """Run the script and read what it reports."""
        try:
            report = report_of(self.run, runbook, limit=self.timeout, variables=self.env or {})
        except MidwatchError as error:
            return Reading(self.name, clock.now(), error=error.sentence)
        return Reading(self.name, clock.now(), tuple(_rows(report)))


def _rows(report: Report) -> Iterator[Row]:
    single = report.figures[0] if len(report.figures) == 1 else None
    unread = (("not read", f"{report.unread} items of performance data"),) if report.unread else ()
    facts = (*((("output", report.more),) if report.more else ()), *unread)
    if single:
        yield _row(single, report.sentence, report.level, (*facts, *_facts(single)))
        return
    yield Row(RESULT, report.sentence, report.level, facts=facts)
    for figure in report.figures:
        yield _row(figure, figure_text(figure.value, figure.unit), figure.level, _facts(figure))


def _row(figure: Figure, text: str, level: Level, facts: tuple[tuple[str, str], ...]) -> Row:
    edges = [found.edge for found in (figure.warn, figure.crit) if found is not None]
    limits = tuple(edge for edge in edges if edge is not None)
    return Row(figure.label, text, level, figure.value, figure.unit, facts=facts, limits=limits)


def _facts(figure: Figure) -> tuple[tuple[str, str], ...]:
    """The thresholds and bounds of a figure, as its script gives them."""
    ranges = [
        (label, f"{'inside' if found.inside else 'outside'} {_span(found.low, found.high, figure.unit)}")
        for label, found in (("warning", figure.warn), ("critical", figure.crit))
        if found is not None
    ]
    ends = [(name, end) for name, end in (("least", figure.low), ("greatest", figure.high)) if end is not None]
    return (*ranges, *((name, figure_text(end, figure.unit)) for name, end in ends))


def _span(low: float, high: float, unit: str) -> str:
    if math.isinf(low) or math.isinf(high):
        end, word = (high, "up to") if math.isinf(low) else (low, "from")
        return f"{word} {figure_text(end, unit)}"
    return f"{figure_text(low, unit)} to {figure_text(high, unit)}"
