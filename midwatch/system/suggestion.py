"""Suggests the name that was probably meant. A near name is suggested, never taken."""

from __future__ import annotations

from collections.abc import Iterable

_COMPARED_LIMIT = 1000
"""Names that are compared at most: the comparison of more is slower than a reader of the message waits."""
_LISTED_LIMIT = 12


def near_names(name: str, known: Iterable[str], *, limit: int = 1, cutoff: float = 0.6) -> list[str]:
    """The known names that are most like this name, nearest first; `cutoff`: how alike, from 0 to 1."""
    import difflib

    names = list(known)
    return difflib.get_close_matches(name, names, n=limit, cutoff=cutoff) if len(names) <= _COMPARED_LIMIT else []


def did_you_mean(name: str, known: Iterable[str], otherwise: str, *, cutoff: float = 0.6) -> str:
    """A hint that suggests the nearest known name as a person types the name, or the hint `otherwise`."""
    near = near_names(name, known, cutoff=cutoff)
    return f"Did you mean {near[0]}?" if near else otherwise


def suggest(name: str, known: Iterable[str], label: str) -> str:
    """A hint that suggests the nearest known name in quotes, or lists the known names after `label`."""
    names = list(known)
    if near := near_names(name, names):
        return f"Did you mean {near[0]!r}?"
    more = f" and {len(names) - _LISTED_LIMIT} more" if len(names) > _LISTED_LIMIT else ""
    return f"{label}: {', '.join(names[:_LISTED_LIMIT]) or 'nothing'}{more}"
