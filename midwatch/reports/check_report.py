"""The result of one check for monitoring: the line of a plug-in, and metrics in the formats of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from midwatch.api.figures import Figure
from midwatch.api.probe import Level

CODES = {Level.OK: 0, Level.WARN: 1, Level.CRITICAL: 2, Level.UNKNOWN: 3}
"""Exit codes of monitoring plug-ins (Monitoring Plugins Development Guidelines, "Plugin return codes")."""
WORDS = {Level.OK: "OK", Level.WARN: "WARNING", Level.CRITICAL: "CRITICAL", Level.UNKNOWN: "UNKNOWN"}
_UNITS = {"%": "percent", "s": "seconds", "B": "bytes"}
_HELP = {
    "midwatch_check_state": "State of the check: 0 ok, 1 warning, 2 critical, 3 unknown.",
    "midwatch_check_run_timestamp_seconds": "Time at which the check was evaluated.",
    "midwatch_check_duration_seconds": "Time that the evaluation took.",
    "midwatch_check_figure": "A figure that the check measured, in its unit.",
    "midwatch_check_threshold": "An end of a range outside of which (inside of which: kind within) a figure alerts.",
}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One evaluation of a check."""

    check: str
    parameters: Mapping[str, str]
    """Those that differ from their defaults; they tell two uses of one check apart."""
    level: Level
    summary: str
    figures: tuple[Figure, ...]
    at: datetime
    duration_s: float

    @property
    def code(self) -> int:
        """The exit code."""
        return CODES[self.level]

    def line(self) -> str:
        """The line that a monitoring plug-in prints: name, state, sentence and performance data."""
        text = f"{self.check} {WORDS[self.level]}: {self.summary.replace('|', '¦')}"
        data = " ".join(figure.performance_data for figure in self.figures)
        return f"{text} | {data}" if data else text

    def metrics(self, *, is_openmetrics: bool) -> str:
        """The same as metrics: OpenMetrics, or the text format that the textfile collector reads."""
        given = ",".join(f"{name}={value}" for name, value in sorted(self.parameters.items()))
        labels = {"check": self.check, "parameters": given}
        samples: dict[str, list[tuple[dict[str, str], float]]] = {name: [] for name in _HELP}
        samples["midwatch_check_state"].append((labels, self.code))
        samples["midwatch_check_run_timestamp_seconds"].append((labels, self.at.timestamp()))
        samples["midwatch_check_duration_seconds"].append((labels, round(self.duration_s, 6)))
        for figure in {(item.label, item.unit): item for item in reversed(self.figures)}.values():
            own = labels | {"figure": figure.label, "unit": _UNITS.get(figure.unit, figure.unit)}
            samples["midwatch_check_figure"].append((own, figure.value))
            samples["midwatch_check_threshold"] += [(own | more, end) for more, end in _ends(figure)]
        lines = [line for name, found in samples.items() if found for line in _family(name, found)]
        return "\n".join([*lines, *(["# EOF"] if is_openmetrics else []), ""])


def _ends(figure: Figure) -> Iterator[tuple[dict[str, str], float]]:
    for level, found in (("warning", figure.warn), ("critical", figure.crit)):
        if found is not None:
            kind = "within" if found.inside else "outside"
            for end, value in (("low", found.low), ("high", found.high)):
                yield {"level": level, "kind": kind, "end": end}, value


def _family(name: str, samples: list[tuple[dict[str, str], float]]) -> Iterator[str]:
    yield f"# HELP {name} {_HELP[name]}"
    yield f"# TYPE {name} gauge"
    for labels, value in samples:
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{shown}}} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return {float("inf"): "+Inf", float("-inf"): "-Inf"}.get(value, f"{value:.17g}")
