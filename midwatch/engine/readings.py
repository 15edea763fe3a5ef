"""Takes the readings of a runbook's panels, before and after a step, side by side and with a limit of time."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable

from midwatch.api.parameters import build
from midwatch.api.probe import Probe, Reading
from midwatch.api.registry import find_probe
from midwatch.runbook.model import Runbook
from midwatch.system.clock import Clock


def panel_probe(runbook: Runbook, name: str) -> Probe:
    """The probe of one panel with the runbook's parameters. Raises `KeyError` for a panel that is not there."""
    panel = next((panel for panel in runbook.panels if panel.probe == name), None)
    if panel is None:
        raise KeyError(name)
    return build(find_probe(name), panel.with_, runbook)


def take_readings(runbook: Runbook, names: Iterable[str], clock: Clock, *, limit: float) -> list[Reading]:
    """One reading a panel, in order, within `limit` seconds. A probe that hangs or breaks gives a reading that says so."""
    wanted = list(names)
    if not wanted:
        return []
    pool = concurrent.futures.ThreadPoolExecutor(len(wanted), thread_name_prefix="reading")
    futures = [pool.submit(_read, runbook, name, clock) for name in wanted]
    done, _ = concurrent.futures.wait(futures, timeout=limit)
    pool.shutdown(wait=False, cancel_futures=True)  # a probe that hangs must not hold the step up
    late = f"no answer within {limit:.0f} s"
    return [
        future.result() if future in done else Reading(name, clock.now(), error=late)
        for name, future in zip(wanted, futures, strict=True)
    ]


def _read(runbook: Runbook, name: str, clock: Clock) -> Reading:
    try:
        return panel_probe(runbook, name).read(runbook, clock)
    except Exception as error:  # a plug-in's probe may break in any way; the step goes on and the reading says so
        return Reading(name, clock.now(), error=f"{type(error).__name__}: {error}")
