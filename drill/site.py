"""The site file of a drill, which points the runbook to the drill's targets and locations."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from drill.scenarios import Scenario
from drill.servers.databases import DrillDatabase
from drill.state import DrillState
from midwatch.system.errors import Failed
from probes.containers.client import engine as docker_engine
from probes.postgres.embedded import Engine

HEAD = """\
# A drill: nothing in here is real, and all of it is removed when the drill ends.
"""
CHANNELS: dict[str, Any] = {
    "incident": {"kind": "slack", "url": {"variable": "DRILL_SLACK_URL"}},
    "tech-lead": {"kind": "pagerduty", "key": {"variable": "DRILL_PAGERDUTY_KEY"}},
    **{
        role: {"kind": "email", "to": f"{role}@example.org", "from": "midwatch@example.org"}
        for role in ("head-of-engineering", "compliance", "security-officer", "audit-liaison")
    },
}
"""Receivers that the drill never reaches: a file in the folder of the incident takes their place."""
ANSWERS = Path(__file__).parent / "answers.yaml"
"""What a person would decide in the reference drill; its last part names what is confirmed."""


def write_site(
    record: DrillState, bases: Sequence[DrillDatabase], engine: Engine, scenario: Scenario, budget: str
) -> None:
    """Write `site.yaml`, the bastion's password file and the answers, each where the functions below say."""
    pgpass = pgpass_of(record)
    pgpass.parent.mkdir(mode=0o700)
    write_pgpass(pgpass, bases, scenario)
    disk: dict[str, Any] = {"paths": ["backups", "/"], "warn": "80 %", "critical": "95 %"}
    if budget:
        disk["budgets"] = [budget]
    data = {
        "midwatch-site": 1,
        "environment": "rehearsal",
        "targets": {base.server.name: base.server.as_target(base.label) for base in bases},
        "locations": {
            "backups": "backups/prod",
            "emergency": "emergency-backup",
            "logs": "logs",
            "audit": "security/access-audit.log",
            "pgpass": "home/.pgpass",
            "freeze": "security/freeze.json",
            "credential_backups": "security/sealed",
            "pg_bin": str(engine.bin),
        },
        "channels": CHANNELS,
        "panels": {"disk": disk, **({"docker": {"label": record.label}} if record.label else {})},
    }
    site_of(record).write_text(HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    if record.engine:
        _write_answers(record)


def site_of(record: DrillState) -> Path:
    """The site file of this production."""
    return Path(record.folder) / "site.yaml"


def pgpass_of(record: DrillState) -> Path:
    """The bastion's password file."""
    return Path(record.folder) / "home" / ".pgpass"


def answers_of(record: DrillState) -> Path:
    """What a person decides in the reference drill; with containers a copy that also names the engine that is
    cleaned."""
    return Path(record.folder) / ANSWERS.name if record.engine else ANSWERS


def environment_of(record: DrillState) -> dict[str, str]:
    """What makes a process work on this production; without containers a rehearsal never reaches the real engine."""
    return {
        "MIDWATCH_SITE": str(site_of(record)),
        "PGPASSFILE": str(pgpass_of(record)),
        "DOCKER_HOST": record.engine or f"unix://{record.folder}/no-docker-in-this-drill.sock",
    }


def _write_answers(record: DrillState) -> None:
    with docker_engine(address=record.engine) as client:
        name = str(client.info()["Name"])
    text = f"{ANSWERS.read_text(encoding='utf-8')}  clean-docker: {json.dumps(name)}\n"
    answers_of(record).write_text(text, encoding="utf-8")


def write_pgpass(file: Path, bases: Sequence[DrillDatabase], scenario: Scenario) -> None:
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
