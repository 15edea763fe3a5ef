"""Builds a target of the model from the fields that were read, with what logs in to it."""

from __future__ import annotations

from typing import Any

from midwatch.runbook.fields import Fields
from midwatch.runbook.targets import Dependent, ExternalCommand, Target, TargetKind


def build_target(name: str, fields: Fields) -> Target:
    given: dict[str, Any] = {key: fields.get(key) for key in fields}
    kind = TargetKind(given.pop("kind", TargetKind.LOCAL))
    if kind is TargetKind.DOCKER:
        given.setdefault("container", name)
    for key in ("secret_store", "backup_report"):
        if command := given.get(key):
            given[key] = ExternalCommand(**{"command": ""} | {part: command.get(part) for part in command})
    given["dependents"] = tuple(_dependent(item.value) for item in fields.items("dependents"))
    given["migration_roles"] = fields.values("migration_roles")
    given["extensions"] = fields.values("extensions")
    return Target(**({"name": name, "kind": kind, "database": "", "label": name} | given))


def _dependent(fields: Fields) -> Dependent:
    return Dependent(**{"name": ""} | {key: fields.get(key) for key in fields})
