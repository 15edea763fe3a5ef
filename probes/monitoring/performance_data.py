"""Performance data as the guidelines of monitoring plug-ins have it: `'label'=value[unit];[warn];[crit];[min];[max]`.

Whatever does not follow the guidelines is passed over and listed, and reading takes linear time.
"""

from __future__ import annotations

import re

from midwatch.api.figures import NUMBER, Figure, Range, read_number

MOST_FIGURES = 50
"""Figures that are read of one output."""
_LONGEST_LABEL = 80
_LONGEST_UNIT = 12
_VALUE = re.compile(rf"({NUMBER})([^0-9;]{{0,{_LONGEST_UNIT}}})")
_ITEM = re.compile(r"((?:'[^']*')+|[^\s'=]+)=(\S*)")
_WORD = re.compile(r"\S+")
_UNITS = {"s": (1.0, "s"), "ms": (1e-3, "s"), "us": (1e-6, "s"), "µs": (1e-6, "s"), "ns": (1e-9, "s"), "b": (1.0, "B")}
_UNITS |= {f"{prefix}b": (1000.0**n, "B") for n, prefix in enumerate("kmgtpe", start=1)}
_UNITS |= {f"{prefix}ib": (1024.0**n, "B") for n, prefix in enumerate("kmgtpe", start=1)}


def read_figures(text: str) -> tuple[tuple[Figure, ...], int]:
    """The figures of performance data, and the number of items that could not be read. Never raises.

    A value of `U`, which stands for a value that could not be determined, is no figure.
    """
    figures: list[Figure] = []
    unread = position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        item = _ITEM.match(text, position)
        if item is None:
            word = _WORD.match(text, position)
            unread, position = unread + 1, word.end() if word else len(text)
            continue
        position = item.end()
        figure = _figure(item[1], item[2]) if len(figures) < MOST_FIGURES else None
        if figure is not None:
            figures.append(figure)
        elif item[2].split(";")[0] != "U":
            unread += 1
    return tuple(figures), unread


def _figure(label: str, text: str) -> Figure | None:
    value, *limits = text.split(";")
    found = _VALUE.fullmatch(value)
    name = label[1:-1].replace("''", "'") if label.startswith("'") else label
    number = read_number(found[1]) if found else None
    if found is None or number is None or not name.strip():
        return None
    factor, unit = _UNITS.get(found[2].lower(), (1.0, found[2]))
    warn, crit, low, high, *_ = (*limits, "", "", "", "")
    return Figure(
        name.strip()[:_LONGEST_LABEL],
        number * factor,
        unit,
        Range.parse(warn, factor),
        Range.parse(crit, factor),
        _scaled(low, factor),
        _scaled(high, factor),
    )


def _scaled(text: str, factor: float) -> float | None:
    number = read_number(text)
    return None if number is None else number * factor
