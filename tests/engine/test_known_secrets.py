"""What is known as a secret before a step starts: where it is found, what is refused as one, and what is learnt
later."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.reports.event_text import describe
from midwatch.reports.timeline import timeline
from midwatch.runbook.model import Runbook
from midwatch.runbook.secret_sources import known_secrets, too_short
from tests.support.steps import ended
from tests.support.waiting import wait_for


def test_file_that_libpq_is_pointed_to_is_read_too(runbook: Runbook, here: Path) -> None:
    (here / "pointed-to").write_text("h:1:d:u:from-the-file\n")
    assert known_secrets(runbook, {"PGPASSFILE": str(here / "pointed-to")}) == {"PGPASSFILE line 1": "from-the-file"}
    os.mkfifo(here / "pipe")
    assert known_secrets(runbook, {"PGPASSFILE": str(here / "pipe")}) == {}, "and nothing is waited for"
    assert known_secrets(runbook, {"PGPASSFILE": "\0"}) == {}
    assert known_secrets(runbook, {"PGPASSFILE": str(here)}) == {}, "a folder holds none, and hinders nobody"


def test_password_in_a_uri_is_known_before_anything_parses_it(runbook: Runbook) -> None:
    known = known_secrets(
        runbook, {"DATABASE_URL": "postgresql://app:pa/ss%40wo@rd@db:5432/arp", "HOME_PAGE": "https://h:80/x@y"}
    )
    assert set(known.values()) >= {"pa/ss%40wo@rd", "pa/ss@wo@rd"}
    assert set(known) == {"DATABASE_URL password", "DATABASE_URL password, decoded"}


def test_secret_that_is_too_short_is_refused_and_named(runbook: Runbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT_TOKEN", "12345")
    monkeypatch.setenv("EMPTY_TOKEN", "")
    assert too_short(runbook) == ["SHORT_TOKEN"]
    assert "SHORT_TOKEN" not in known_secrets(runbook)
    controller = IncidentController.declare(runbook, actor="ada@test")
    controller.leave()
    again = IncidentController.resume(controller.folder, actor="ada@test")
    again.leave()
    (event,) = (event for event in again.events if event.kind == EventKind.SECRETS_TOO_SHORT)
    assert event.body == {"names": ["SHORT_TOKEN"]}, "once, however often somebody comes"
    sentence = "Too short to be masked, so it would be shown as it is: SHORT_TOKEN"
    assert sentence in describe(event, runbook)
    assert sentence in timeline(runbook, again.events, again.folder)


def test_password_that_a_step_made_is_known_once_it_has_ended(
    runbook: Runbook, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = "old-password-1", "new-password-2"
    monkeypatch.setenv("HOME", str(here))
    file = here / ".pgpass"
    file.write_text(f"h:1:d:u:{old}\n")
    controller = IncidentController.declare(runbook, actor="ada@test")
    controller.start("work", controller.plan("work"))
    file.write_text(f"h:1:d:u:{new}\n")
    assert ended(controller, "work") is StepStatus.DONE
    wait_for(lambda: new in controller.session.secrets.values())
    controller.note(f"it was {old}, and is {new} now")
    controller.leave()
    assert (
        controller.incident.notes[-1].text == "it was [secret pgpass line 1, before], and is [secret pgpass line 1] now"
    )
