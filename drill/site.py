"""The site file: the same runbook, with this production's targets and places instead of the real ones."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from drill.bases import Base
from drill.scenarios import Scenario
from midwatch.errors import Failed
from probes.postgres.embedded import Engine

HEAD = """\
# A drill: nothing in here is real, and all of it is removed when the drill ends.
"""


def write_site(
    folder: Path, bases: Sequence[Base], engine: Engine, scenario: Scenario, budget: str, mounted: bool
) -> dict[str, Any]:
    """Write `site.yaml` and the bastion's password file. Returns the facts that a `Production` is made of."""
    site, pgpass = folder / "site.yaml", folder / "home" / ".pgpass"
    pgpass.parent.mkdir(mode=0o700)
    write_pgpass(pgpass, bases, scenario)
    disk: dict[str, Any] = {"paths": ["backups", "/"], "warn": "80 %", "critical": "95 %"}
    if budget:
        disk["budgets"] = [budget]
    data = {
        "midwatch-site": 1,
        "targets": {base.server.name: _target(base) for base in bases},
        "places": {
            "backups": "backups/prod",
            "emergency": "emergency-backup",
            "logs": "logs",
            "audit": "security/access-audit.log",
            "pgpass": "home/.pgpass",
            "freeze": "security/freeze.json",
            "sealed": "security/sealed",
            "pg_bin": str(engine.bin),
        },
        "panels": {"disk": disk},
    }
    site.write_text(HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return {
        "site": str(site),
        "runbook": str(reference_runbook()),
        "bin": str(engine.bin),
        "mounted": mounted,
        "environment": {
            "MIDWATCH_SITE": str(site),
            "PGPASSFILE": str(pgpass),
            "DOCKER_HOST": f"unix://{folder}/no-docker-in-this-drill.sock",  # a rehearsal never reaches the real engine
        },
    }


def _target(base: Base) -> dict[str, Any]:
    server = base.server
    return {
        "kind": "local",
        "label": base.label,
        "host": "127.0.0.1",
        "port": server.port,
        "socket": str(server.socket),
        "database": server.database,
        "user": server.role,
        "log": str(server.log),
    }


def write_pgpass(file: Path, bases: Sequence[Base], scenario: Scenario) -> None:
    """The bastion's own passwords; where one is lost, what stands there is the one from before."""
    lines = ["# The bastion's own. Rotated by svc-rotation."]
    for base in bases:
        lost = scenario.password_lost and base.server.database == "arp"
        password = secrets.token_urlsafe(18) if lost else base.password
        lines.append(f"127.0.0.1:{base.server.port}:*:{base.server.role}:{password}")
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def reference_runbook() -> Path:
    """The runbook that came with the program. Raises `Failed` when the installation lacks it."""
    here = Path(__file__).resolve().parent
    for place in (here / "runbook.yaml", here.parent / "runbook.yaml"):  # in the wheel; in the repository
        if place.is_file():
            return place
    raise Failed("The reference runbook is missing from this installation", hint="Install midwatch again")
