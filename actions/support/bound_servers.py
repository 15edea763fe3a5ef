"""Binds a plan to its servers: the plan shows their identities, which must be the same when the action runs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from midwatch.api.action import Context
from midwatch.api.plan import ROLE, SYSTEM_IDENTIFIER, PlanDraft
from midwatch.runbook.targets import Target, TargetKind
from probes.containers.client import short
from probes.postgres.identity import ServerIdentity, read_identity

_SIDE_BY_SIDE = 8


def bind_servers(draft: PlanDraft, context: Context, targets: Sequence[Target]) -> None:
    """Ask each target's server who it is, show it, and bind the plan to it; an unknown one is shown as such.

    Refuses where the ways to a target lead to different servers.
    """
    if not targets:
        return
    with ThreadPoolExecutor(min(len(targets), _SIDE_BY_SIDE), thread_name_prefix="identity") as pool:
        found = list(pool.map(lambda target: read_identity(context.runbook, target), targets))
    for target, identity in zip(targets, found, strict=True):
        draft.bind(f"{SYSTEM_IDENTIFIER}{target.name}", identity.system_identifier)
        draft.bind(f"{ROLE}{target.name}", identity.role)
        if target.kind is TargetKind.DOCKER:
            draft.bind(f"container of {target.name}", identity.container)
        draft.fact("server", _words(target, identity))
        if identity.divided:
            draft.wrong_server = f"{target.label} is not one server: {identity.problem}"


def _words(target: Target, identity: ServerIdentity) -> str:
    inside = f", container {short(identity.container)}" if identity.container else ""
    if identity.divided:
        return f"{target.label}: identity of the server: unknown, {identity.problem}{inside}"
    if not identity.is_known:
        return f"{target.label}: identity of the server: unknown, nobody can log in{inside}"
    return f"{target.label}: {identity.role}, system identifier {identity.system_identifier}{inside}"
