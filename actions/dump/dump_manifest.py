"""Creates the manifest of a dump, emergency or nightly."""

from __future__ import annotations

from collections.abc import Sequence

from actions.dump.dump_stream import Dumped
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.clock import to_rfc3339
from probes.backup.age_keys import Recipient
from probes.backup.manifest import Manifest
from probes.postgres.connect import Route


def manifest_of(
    context: Context,
    target: Target,
    found: Dumped,
    *,
    began: str,
    server: str,
    tool: str,
    route: Route,
    roles: str,
    recipients: Sequence[Recipient],
    depth: int,
    location: str = "",
    left_out: Sequence[str] = (),
) -> Manifest:
    """What is known of a dump that ends now. `location` is empty for one that the manifest will lie beside."""
    ended = to_rfc3339(context.clock.now())
    return Manifest(
        target=target.name,
        database=target.database,
        started=began,
        ended=ended,
        bytes=found.bytes,
        sha256=found.sha256,
        unpacked=found.unpacked,
        server=server,
        tool=tool,
        route=str(route),
        location=location,
        lsn=found.lsn,
        rows=found.rows,
        uncounted=found.uncounted,
        digests=found.digests,
        left_out=tuple(left_out),
        globals_sha256=roles,
        actor=context.actor,
        incident=context.incident.name if context.incident else "",
        recipients=tuple(one.text for one in recipients),
        depth=depth,
        streamed=found.depth,
        validated=ended,
    )
