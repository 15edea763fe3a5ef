"""What tests of host actions and probes share: a runbook on a temporary folder, and a console that remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from midwatch.api.action import Context
from midwatch.api.plan import Plan, Verb
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.runbook.locations import LOCATIONS
from midwatch.runbook.model import Panel, Runbook
from midwatch.runbook.severity import Severity
from midwatch.runbook.targets import Target, TargetKind
from midwatch.runbook.triggers import Trigger
from midwatch.system.clock import SystemClock
from midwatch.system.errors import SourceLocation
from probes.postgres.embedded import VERSION, package_folder

PASSWORD = "a long enough password"
"""Of the role `arp_app` of the test server."""


@dataclass
class Heard:
    """What an action said."""

    lines: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        assert total is None or 0 <= done <= total

    def value(self, key: str, value: str) -> None:
        self.values[key] = value

    def secret(self, name: str, value: str) -> None:
        self.secrets[name] = value

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


HOLDER = """
import sys
file = open(sys.argv[1], "rb")
print(flush=True)
sys.stdin.read()
"""
"""A process that holds a file open until its input ends."""

BIN = package_folder() / VERSION / "bin"

MakeRunbook = Callable[..., Runbook]


@pytest.fixture
def make_runbook(tmp_path: Path) -> MakeRunbook:
    def make(
        *,
        disk: Mapping[str, Any] | None = None,
        docker: Mapping[str, Any] | None = None,
        triggers: tuple[Trigger, ...] = (),
        targets: Mapping[str, Target] | None = None,
        **changed: Any,
    ) -> Runbook:
        file = tmp_path / "runbook.yaml"
        panels = tuple(
            Panel(name, name, given, SourceLocation(str(file)))
            for name, given in (("disk", disk), ("docker", docker))
            if given is not None
        )
        return Runbook(
            "backup-failure",
            "Backup failure",
            Severity.SEV1,
            file,
            None,
            tmp_path,
            "0" * 64,
            locations=dict(LOCATIONS),
            panels=panels,
            triggers=triggers,
            targets=targets or {},
            **changed,
        )

    return make


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def make_context(make_runbook: MakeRunbook, heard: Heard) -> Callable[..., Context]:
    def make(*, incident: Path | None = None, step: str = "", actor: str = "ada@bastion", **given: Any) -> Context:
        return Context(make_runbook(**given), heard, SystemClock(), actor, incident, step)

    return make


def docker_target(container: str) -> dict[str, Target]:
    """The targets of a runbook whose ARP runs in this container."""
    return {"arp-db-prod": Target("arp-db-prod", TargetKind.DOCKER, "arp", "ARP", container=container)}


def going(plan: Plan) -> list[str]:
    """What a plan would remove, in its order."""
    return [effect.object for effect in plan.effects if effect.verb is Verb.REMOVE]


def declared_incident(base: Path) -> Path:
    """The folder of an incident whose journal has its declaration."""
    folder = IncidentFolder(base / "logs" / "incidents" / "INC-20261123-0200-backup-failure")
    folder.path.mkdir(parents=True)
    journal = Journal.create(folder.journal, actor="ada@bastion", clock=SystemClock())
    journal.append(
        EventKind.DECLARED,
        {
            "id": folder.id,
            "title": "Backup failure, PROD",
            "severity": "SEV-1",
            "runbook": "backup-failure",
            "runbook_sha256": "0" * 64,
            "base": str(base),
            "host": "bastion",
            "resumed_from": "",
        },
    )
    journal.close()
    return folder.path
