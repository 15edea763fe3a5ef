"""Takes the readings of a runbook's panels, before and after a step, side by side and with a limit of time."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable

from midwatch.api.parameters import build
from midwatch.api.probe import Probe, Reading
from midwatch.api.registry import find_probe
from midwatch.runbook.model import Panel, Runbook
from midwatch.system.clock import Clock
from midwatch.system.side_by_side import side_by_side


def panel_probe(runbook: Runbook, name: str) -> Probe:
    """The probe of one panel with the runbook's parameters. Raises `KeyError` for a panel that is not there."""
    panel = panel_named(runbook, name)
    return build(find_probe(panel.probe), panel.with_, runbook)


def panel_named(runbook: Runbook, name: str) -> Panel:
    """The panel. Raises `KeyError` when it is not there."""
    panel = next((panel for panel in runbook.panels if panel.name == name), None)
    if panel is None:
        raise KeyError(name)
    return panel


def reading_of(probe: Probe, name: str, runbook: Runbook, clock: Clock) -> Reading:
    """One reading of a panel, under the panel's name."""
    return dataclasses.replace(probe.read(runbook, clock), probe=name)


def take_readings(runbook: Runbook, names: Iterable[str], clock: Clock, *, limit: float) -> list[Reading]:
    """One reading a panel, in order, within `limit` seconds. A probe that hangs or breaks gives a reading that says
    so."""
    calls = {name: functools.partial(_read, runbook, name, clock) for name in names}
    late = f"no answer within {limit:.0f} s"
    readings = side_by_side(calls, limit_s=limit, late=lambda name: Reading(name, clock.now(), error=late))
    return list(readings.values())


def _read(runbook: Runbook, name: str, clock: Clock) -> Reading:
    try:
        return reading_of(panel_probe(runbook, name), name, runbook, clock)
    except Exception as error:  # a plug-in's probe may break in any way; the step goes on and the reading says so
        return Reading(name, clock.now(), error=f"{type(error).__name__}: {error}")
