"""The space that a restore takes on the server's disk, as far as that disk can be seen from here."""

from __future__ import annotations

from pathlib import Path

from actions.restoring.restore_database import ServerNow
from midwatch.api.action import Context
from midwatch.api.plan import PlanDraft
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.units import percent, size
from probes.backup.manifest import Manifest
from probes.postgres.connect import Route
from probes.postgres.routes import RUN
from probes.storage.disk_usage import budgets_of, usage

CRITICAL = 95.0
"""Percent of the server's disk beyond which nothing is restored onto it."""
_GROWTH = 1.5
"""Bytes of database for each byte of the unpacked archive, when the size of the database in use does not tell
better."""


def tell_room(
    context: Context, draft: PlanDraft, target: Target, route: Route, server: ServerNow, manifest: Manifest | None
) -> str:
    """Tell what the restore does to the server's disk. Why it may not; empty when it may."""
    root = (
        Path(route.host.removesuffix(RUN)) if route.kind == "socket" and route.host.startswith("/proc/") else Path("/")
    )
    data, expected = root / server.data.lstrip("/"), expected_bytes(server, manifest)
    seen = data.is_dir() and (root != Path("/") or target.kind is TargetKind.LOCAL)
    if not seen:
        draft.fact("room", f"about {size(expected)} are needed; the server's disk cannot be seen from here")
        return ""
    found = usage(data, budgets_of(context.runbook))
    after = found.after(expected)
    draft.fact("room", f"{size(found.free)} free on the server's disk: {percent(found.percent)} → {percent(after)}")
    if after > CRITICAL or expected > found.free:
        return f"The server's disk would be {percent(after)} full with about {size(expected)} more. Make room first"
    return ""


def expected_bytes(server: ServerNow, manifest: Manifest | None) -> int:
    """About so many bytes it will be."""
    return max(server.size, int(manifest.unpacked * _GROWTH) if manifest else 0)
