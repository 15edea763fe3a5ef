"""Numbers, durations, sizes and percentages that conditions and typed questions compare."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from midwatch.system.units import Percent, Seconds, Size

_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?\s*")


class Quantity(StrEnum):
    """What a measure measures."""

    NUMBER = "number"
    DURATION = "duration"
    SIZE = "size"
    PERCENTAGE = "percentage"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its quantity; `text` is how the author wrote the measure."""

    value: float
    """Seconds of a duration, bytes of a size, percent of a percentage."""
    quantity: Quantity
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `7`, `-1.5`, `30 min`, `2 GiB` or `80 %`. Raises `ValueError` for any other text."""
        if _NUMBER.fullmatch(text):
            return cls(float(text), Quantity.NUMBER, text.strip())
        for quantity, unit in (
            (Quantity.DURATION, Seconds),
            (Quantity.SIZE, Size),
            (Quantity.PERCENTAGE, Percent),
        ):
            try:
                return cls(float(unit.parse(text)), quantity, text.strip())
            except ValueError:
                continue
        raise ValueError(f"{text!r} is no number, duration, size or percentage")

    def value_of(self, text: str) -> float | None:
        """The value of another text in the unit of this measure; None when the text cannot be compared with this
        measure.

        A number without a unit counts as seconds, bytes or percent, because scripts report such numbers.
        """
        try:
            other = Measure.parse(text)
        except ValueError:
            return None
        return other.value if other.quantity in (self.quantity, Quantity.NUMBER) else None

    def __str__(self) -> str:
        return self.text
