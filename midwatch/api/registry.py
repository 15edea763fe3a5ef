"""Finds actions and probes by name through entry points, so that the core imports neither."""

from __future__ import annotations

import difflib
import functools
from importlib.metadata import EntryPoint, entry_points

from midwatch.api.action import Action
from midwatch.api.probe import Probe
from midwatch.system.errors import BadInput

ACTIONS = "midwatch.actions"
PROBES = "midwatch.probes"


@functools.cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}


def action_names() -> list[str]:
    """Every action that is installed, by name."""
    return list(_points(ACTIONS))


def probe_names() -> list[str]:
    """Every probe that is installed, by name."""
    return list(_points(PROBES))


def find_action(name: str) -> type[Action]:
    """The action with this name. Raises `BadInput` that suggests the nearest name."""
    found = _load(ACTIONS, name, "action")
    assert issubclass(found, Action)
    return found


def find_probe(name: str) -> type[Probe]:
    """The probe with this name. Raises `BadInput` that suggests the nearest name."""
    found = _load(PROBES, name, "probe")
    assert issubclass(found, Probe)
    return found


def _load(group: str, name: str, what: str) -> type:
    points = _points(group)
    if name not in points:
        near = difflib.get_close_matches(name, points, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Installed: {', '.join(points) or 'none'}"
        raise BadInput(f"There is no {what} {name!r}", hint=hint)
    try:
        found = points[name].load()
    except Exception as error:
        raise BadInput(
            f"The {what} {name!r} cannot be loaded: {error}", hint="Reinstall the package it comes from"
        ) from error
    if not isinstance(found, type):
        raise BadInput(f"The {what} {name!r} is not a class", hint="Its package is faulty; tell its author")
    return found
