"""What a check found: figures with thresholds and other problems give the state ok, warning, critical or unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from midwatch.api.action import Outcome
from midwatch.api.figures import Figure, Range
from midwatch.api.parameters import param
from midwatch.api.probe import Level
from midwatch.system.errors import BadInput, OutcomeUnknown
from midwatch.system.units import first_few

_EXAMPLES = {"%": "'80 %'", "s": "'26 h'", "B": "'10 GB'"}
_NAMED = 6
"""Findings that a summary names."""


@dataclass(slots=True)
class Findings:
    """What one evaluation of a check found."""

    summary: str = ""
    """One sentence for the state ok."""
    about: str = ""
    """A clause that is said behind the problems."""
    figures: list[Figure] = field(default_factory=list)
    problems: list[tuple[Level, str]] = field(default_factory=list)
    """What else speaks against the state ok, each with its own state."""
    values: dict[str, str] = field(default_factory=dict)
    """Values for later steps."""

    def warn(self, text: str) -> None:
        """Add a problem that is a warning."""
        self.problems.append((Level.WARN, text))

    def fail(self, text: str) -> None:
        """Add a problem that is critical."""
        self.problems.append((Level.CRITICAL, text))

    def unknown(self, text: str) -> None:
        """Add a part that could not be determined."""
        self.problems.append((Level.UNKNOWN, text))

    def outcome(self) -> Outcome:
        """The worst state, and what led to it.

        Raises:
            OutcomeUnknown: Nothing is worse than what could not be determined.
        """
        bad = [(item.level, str(item)) for item in self.figures if item.level is not Level.OK] + self.problems
        bad.sort(key=lambda problem: -problem[0].rank)
        level = bad[0][0] if bad else Level.OK
        texts = [text.removesuffix(".") for _, text in bad]
        summary = first_few(texts, _NAMED, "; ") + (f"; {self.about}" if self.about else "") if bad else self.summary
        if level is Level.UNKNOWN:
            raise OutcomeUnknown(summary)
        values = {"level": level.value, **self.values}
        return Outcome(level is Level.OK, summary, values, level, tuple(self.figures))


@dataclass(frozen=True)
class Thresholds:
    """The parameters of a check whose main figure has thresholds: `class CheckDisk(Thresholds, Check)`."""

    unit: ClassVar[str] = ""
    """The unit of the main figure: `%`, `s`, `B` or empty."""
    default_warning: ClassVar[str] = ""
    default_critical: ClassVar[str] = ""

    warning: str | None = param("the range without a warning, such as 80 or 5:10", default=None, kw_only=True)
    critical: str | None = param("the range that is not critical, such as 90 or 5:10", default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.ranges  # noqa: B018  # a range that cannot be read is refused before anything is measured

    @property
    def ranges(self) -> tuple[Range | None, Range | None]:
        """The thresholds of the main figure: warning and critical.

        Raises:
            BadInput: A range cannot be read.
        """
        return (
            read_range("warning", self.default_warning if self.warning is None else self.warning, self.unit),
            read_range("critical", self.default_critical if self.critical is None else self.critical, self.unit),
        )

    def main_figure(self, label: str, value: float, low: float | None = None, high: float | None = None) -> Figure:
        """Return the main figure of one object with the thresholds of this check."""
        return Figure(label, value, self.unit, *self.ranges, low, high)


def read_range(name: str, text: str, unit: str = "") -> Range | None:
    """Read the text of a threshold.

    Args:
        name: The name of the parameter for the error.
        text: The range; empty for none.
        unit: The unit of the figure.

    Returns:
        The range; None when the text is empty.

    Raises:
        BadInput: The text is no range.
    """
    if not text:
        return None
    found = Range.parse(text, unit=unit)
    if found is None:
        examples = ", ".join(dict.fromkeys((_EXAMPLES.get(unit, "80"), "10:", "~:10", "5:10", "@5:10")))
        raise BadInput(f"The {name} threshold {text!r} is not a range", hint=f"Write it like {examples}")
    return found
