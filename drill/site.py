"""The site file: the same runbook, with this production's targets and places instead of the real ones."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from drill.bases import Base
from drill.record import Record
from drill.scenarios import Scenario
from midwatch.errors import Failed
from probes.docker_engine import engine as docker_engine
from probes.postgres.embedded import Engine

HEAD = """\
# A drill: nothing in here is real, and all of it is removed when the drill ends.
"""
ANSWERS = Path(__file__).parent / "answers.yaml"
"""What a person would decide in the reference drill; its last part names what is confirmed."""


def write_site(
    record: Record, bases: Sequence[Base], engine: Engine, scenario: Scenario, budget: str, mounted: bool
) -> dict[str, Any]:
    """Write `site.yaml` and the bastion's password file. Returns the facts that a `Production` is made of."""
    folder = Path(record.folder)
    site, pgpass = folder / "site.yaml", folder / "home" / ".pgpass"
    pgpass.parent.mkdir(mode=0o700)
    write_pgpass(pgpass, bases, scenario)
    disk: dict[str, Any] = {"paths": ["backups", "/"], "warn": "80 %", "critical": "95 %"}
    if budget:
        disk["budgets"] = [budget]
    data = {
        "midwatch-site": 1,
        "targets": {base.server.name: base.server.as_target(base.label) for base in bases},
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
        "panels": {"disk": disk, **({"docker": {"label": record.label}} if record.label else {})},
    }
    site.write_text(HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return {
        "site": str(site),
        "runbook": str(reference_runbook()),
        "bin": str(engine.bin),
        "mounted": mounted,
        "answers": str(_write_answers(record)),
        "environment": {
            "MIDWATCH_SITE": str(site),
            "PGPASSFILE": str(pgpass),
            # Without containers a rehearsal never reaches the real engine.
            "DOCKER_HOST": record.engine or f"unix://{folder}/no-docker-in-this-drill.sock",
        },
    }


def _write_answers(record: Record) -> Path:
    """What the on-call engineer says in the reference drill; with containers also the name of the engine that is cleaned."""
    if not record.label:
        return ANSWERS
    with docker_engine(address=record.engine) as client:
        name = str(client.info()["Name"])
    mine = Path(record.folder) / ANSWERS.name
    mine.write_text(f"{ANSWERS.read_text(encoding='utf-8')}  clean-docker: {json.dumps(name)}\n", encoding="utf-8")
    return mine


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
