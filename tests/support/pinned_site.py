"""A site whose servers are pinned, and an incident on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from tests.support.postgres import Server

RUNBOOK = """\
midwatch: 1
id: bound
title: A bound incident
severity: SEV-2
phases:
  - title: All of it
    steps:
      - {id: asked, title: Ask, questions: [{name: x, prompt: Which?}]}
      - {id: save, title: Save it, uses: emergency-backup, with: {target: arp}}
      - {id: recover, title: Recover it, uses: reset-password, with: {target: arp}}
      - {id: shell, title: Write it, run: echo "$X $C" >> ran, env: {X: {from: asked.x}, C: constant}, risk: change}
"""


def write_site(folder: Path, made: Server, *, socket: str | None = None, **target: Any) -> Path:
    """A site file whose target `arp` is this server; a `socket` of another one, or none, may be given."""
    at = {
        "kind": "local",
        "host": "127.0.0.1",
        "port": made.port,
        "socket": str(made.sockets) if socket is None else socket,
    }
    places = {name: str(folder / name) for name in ("emergency", "logs", "audit", "credential_backups", "pgpass")}
    places["pg_bin"] = str(Path(made.engine.program("pg_dump")).parent)
    given = {**at, "label": "ARP", "database": "postgres", "user": "postgres", "superuser": "postgres", **target}
    given = {name: value for name, value in given.items() if value != ""}
    site = {"midwatch-site": 1, "targets": {"arp": given}, "locations": places}
    (folder / "site.yaml").write_text(yaml.safe_dump(site))
    return folder / "site.yaml"


def declared(folder: Path) -> IncidentController:
    """A new incident of the runbook and the site in this folder."""
    (folder / "runbook.yaml").write_text(RUNBOOK)
    return IncidentController.declare(load(folder / "runbook.yaml", site=folder / "site.yaml"), actor="ada@test")


ONE_STEP = """\
midwatch: 1
id: bound
title: A bound incident
severity: SEV-2
phases:
  - title: All of it
    steps:
      - {id: save, title: Save it, uses: emergency-backup, with: {target: arp}}
"""
