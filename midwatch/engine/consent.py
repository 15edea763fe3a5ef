"""What consent is bound to beside what the action itself says: the incident's copies of runbook and site, and each
target."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace

from midwatch.api.action import Action, Context
from midwatch.api.plan import Plan
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target, TargetKind

NONE = "none"


def planned(action: Action, context: Context) -> Plan:
    """The action's plan now, bound to runbook, site and the address of each target among its parameters."""
    plan = action.plan(context)
    return replace(plan, bindings={**plan.bindings, **bindings_of(action, context.runbook)})


def bindings_of(action: Action, runbook: Runbook) -> dict[str, str]:
    """What every plan of this action is bound to, as far as the runbook alone says it."""
    return {**files(runbook), **{f"address of {target.name}": address(target) for target in targets_of(action)}}


def files(runbook: Runbook) -> dict[str, str]:
    """The digests of the files that say what a step is, as they were read."""
    return {"SHA-256 of the runbook": runbook.sha256, "SHA-256 of the site file": runbook.site_sha256 or NONE}


def targets_of(action: Action) -> Iterator[Target]:
    """Every target among the action's parameters."""
    for item in dataclasses.fields(action):
        value = getattr(action, item.name)
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, Target):
                yield one


def address(target: Target) -> str:
    """Where the runbook says that the target is, and as whom it is logged in to: everything but a password."""
    docker = target.kind is TargetKind.DOCKER
    parts = {
        "container": target.container if docker else "",
        "host": f"{target.host}:{target.port}" if target.host else "",
        "port": str(target.port) if not target.host else "",
        "socket": target.socket,
        "database": target.database,
        "user": target.user,
        "superuser": target.superuser,
        "password file": target.password_file,
        "secret store": target.secret_store.command if target.secret_store else "",
    }
    return ", ".join([target.kind.value, *(f"{name} {value}" for name, value in parts.items() if value)])
