"""The recovery as a step of an incident: its undo, by plan, from the values that it reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.credentials.password_candidates import works
from drill.production import Production
from midwatch.api.action import Context
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from probes.postgres.role import read_role
from probes.postgres.routes import login_route, superuser_route
from tests.support.listening_server import arp
from tests.support.steps import ended

pytestmark = pytest.mark.postgres
RUNBOOK = """\
midwatch: 1
id: small
title: A lost password
severity: SEV-2
phases:
  - title: Recover
    steps: [{id: recover, title: Recover it, uses: reset-password, with: {target: arp-db-prod}}]
"""


@pytest.fixture
def controller(production: Production, here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK)
    pgpass = here / "pgpass"
    pgpass.write_text("# nothing that works\n127.0.0.1:1:*:somebody:else\n")
    pgpass.chmod(0o600)
    text = production.site.read_text()
    for place in ("home/.pgpass", "security/access-audit.log", "security/sealed"):
        assert place in text
        text = text.replace(place, str(here / Path(place).name.removeprefix(".")))
    (here / "site.yaml").write_text(text)
    monkeypatch.setenv("MIDWATCH_SITE", str(here / "site.yaml"))
    controller = IncidentController.declare(load(here / "runbook.yaml", site=here / "site.yaml"), actor="ada@test")
    yield controller
    controller.leave()


def run(controller: IncidentController, *, undo: bool = False) -> StepStatus:
    controller.start("recover", controller.plan("recover", undo=undo), undo=undo, reason="wrong one" if undo else "")
    return ended(controller, "recover")


def test_undo_of_the_step_brings_the_former_verifier_back(
    lost: Context, controller: IncidentController, here: Path
) -> None:
    way, route, before = (
        superuser_route(lost.runbook, arp(lost)),
        login_route(arp(lost)),
        (here / "pgpass").read_bytes(),
    )
    former = read_role(way, "arp_app")
    assert run(controller) is StepStatus.DONE
    assert not works(route, "gone-for-good")
    plan = controller.plan("recover", undo=True)
    assert plan.action == "undo-password-reset"
    assert run(controller, undo=True) is StepStatus.TODO
    assert read_role(way, "arp_app") == former
    assert works(route, "gone-for-good")
    assert (here / "pgpass").read_bytes() == before
    output = b"".join(path.read_bytes() for path in (controller.folder.path / "steps").rglob("output"))
    assert b"The former verifier of arp_app is in force again" in output
    assert former is not None
    for file in controller.folder.path.rglob("*"):
        assert not file.is_file() or former.verifier.encode() not in file.read_bytes()
