"""Keeps each validation of a backup in the log of proofs. A log that takes nothing fails no action."""

from __future__ import annotations

import socket

from midwatch.api.action import Context
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import MidwatchError
from probes.backup.manifest import Manifest
from probes.backup.proof_log import RESTORED, Proof, append_proof


def keep_proof(
    context: Context,
    location: str,
    manifest: Manifest,
    depth: int,
    *,
    problem: str = "",
    seconds: float = 0.0,
    compared: str = "",
) -> bool:
    """Keep one validation of the backup at `location`; False, with a warning to the operator, when that fails.

    `seconds` is what the restore took; 0 without one.
    """
    proof = Proof(
        at=to_rfc3339(context.clock.now()),
        host=socket.gethostname(),
        actor=context.actor,
        incident=context.incident.name if context.incident is not None else "",
        target=manifest.target,
        database=manifest.database,
        backup=location,
        taken=manifest.started,
        sha256=manifest.sha256,
        bytes=manifest.bytes,
        depth=depth,
        problem=problem,
        rows=sum(manifest.rows.values()),
        tables=len(manifest.rows),
        digests=len(manifest.digests) if depth >= RESTORED else 0,
        seconds=round(seconds, 3),
        compared=compared,
    )
    try:
        append_proof(context.location("proofs"), proof)
    except MidwatchError as error:
        context.console.say(f"[WARN] {error}")
        return False
    return True
