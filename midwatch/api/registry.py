"""The registry of installed actions and probes: finds them by name through entry points.

Because of the registry, the core imports neither `actions` nor `probes`.
"""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points

from midwatch.api.action import Action
from midwatch.api.probe import Probe
from midwatch.system.errors import BadInput
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import suggest

ACTIONS = "midwatch.actions"
PROBES = "midwatch.probes"


@functools.cache
def points_of(group: str) -> dict[str, list[EntryPoint]]:
    """Name → the entry points of this name; more than one where two packages claim the name."""
    found: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        if point.value not in (other.value for other in found.setdefault(point.name, [])):
            found[point.name].append(point)
    return found


def action_names() -> list[str]:
    """Return the names of all installed actions, sorted."""
    return list(points_of(ACTIONS))


def find_action(name: str) -> type[Action]:
    """Load an action.

    Args:
        name: The name of an entry point of the group `midwatch.actions`.

    Returns:
        The class of the action.

    Raises:
        BadInput: No action has this name (the hint suggests a similar name), or the action cannot be loaded.
    """
    found = _load(ACTIONS, name, "action")
    assert issubclass(found, Action)
    return found


def find_probe(name: str) -> type[Probe]:
    """Load a probe.

    Args:
        name: The name of an entry point of the group `midwatch.probes`.

    Returns:
        The class of the probe.

    Raises:
        BadInput: No probe has this name (the hint suggests a similar name), or the probe cannot be loaded.
    """
    found = _load(PROBES, name, "probe")
    assert issubclass(found, Probe)
    return found


def _load(group: str, name: str, what: str) -> type:
    points = points_of(group)
    if name not in points:
        raise BadInput(f"There is no {what} {shortened(name)!r}", hint=suggest(name, points, "Installed"))
    if len(points[name]) > 1:
        claimed = " and ".join(f"{point.dist.name if point.dist else '?'} ({point.value})" for point in points[name])
        raise BadInput(f"Two packages provide the {what} {name!r}: {claimed}", hint="Remove the one that is not wanted")
    try:
        found = points[name][0].load()
    except Exception as error:
        raise BadInput(
            f"The {what} {name!r} cannot be loaded: {error}", hint="Reinstall the package that provides it"
        ) from error
    if not isinstance(found, type):
        raise BadInput(f"The {what} {name!r} is not a class", hint="Report the fault to the author of the package")
    return found
