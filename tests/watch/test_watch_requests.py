"""A request of the watcher while an incident is open: the driver takes it up, once, and whoever drives hears of it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.source_note import TEXT_LIMIT, is_from_outside
from midwatch.runbook.loader import load
from midwatch.system.clock import to_rfc3339
from midwatch.watch.requests import EVIDENCE_LIMIT, DeclareRequest, RequestAnswer, RequestStore
from tests.support.clocks import AheadClock
from tests.support.line_operator import Operator
from tests.support.screen_pilot import grid, opened, until
from tests.support.small_incident import RUNBOOK
from tui.plain.session import Session


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test", clock=AheadClock())
    yield controller
    controller.leave()


def leave_request(controller: IncidentController, number: int, **more: str) -> DeclareRequest:
    """What a watcher leaves when a trigger fires."""
    at = to_rfc3339(controller.clock.now())
    request = DeclareRequest(
        id=f"full-{number}",
        number=number,
        runbook="small",
        trigger="full",
        title="The disk is full",
        kind="fired",
        severity="SEV-2",
        evidence="backup.log:7: No space left",
        at=at,
        seen_at=at,
        host="bastion",
        joins=controller.incident.id,
    )
    request = dataclasses.replace(request, **more)
    RequestStore(controller.runbook).write(request)
    return request


def notes(controller: IncidentController) -> list[str]:
    return [str(event.body["text"]) for event in controller.events if is_from_outside(event)]


def test_driver_takes_up_each_request_once_whatever_is_in_it(controller: IncidentController) -> None:
    store = RequestStore(controller.runbook)
    controller.poll()
    leave_request(controller, 1)
    tomorrow = to_rfc3339(controller.clock.now() + timedelta(days=1))
    leave_request(controller, 2, at=tomorrow, evidence="its clock is ahead")
    leave_request(controller, 3, evidence="x" * EVIDENCE_LIMIT)
    leave_request(controller, 4, runbook="another")
    assert isinstance(controller.clock, AheadClock)
    controller.clock.ahead += timedelta(minutes=1)
    controller.poll()
    first = notes(controller)
    controller.clock.ahead += timedelta(minutes=1)
    controller.poll()
    assert notes(controller) == first
    assert [text.partition(".")[0] for text in first] == ["The disk is full"] * 3
    assert first[0] == "The disk is full. backup.log:7: No space left [full-1 on bastion]"
    assert len(first[2]) == TEXT_LIMIT
    assert first[2].endswith("x… [full-3 on bastion]")
    assert store.pending() == []
    assert [(answer := store.answer_to(f"full-{number}")) and answer.word for number in (1, 2, 3)] == ["joined"] * 3


def test_observer_takes_nothing_up(controller: IncidentController) -> None:
    observer = IncidentController.observe(controller.folder, actor="bob@test")
    leave_request(controller, 1)
    observer.poll()
    assert len(RequestStore(controller.runbook).pending()) == 1


def test_plain_lines_say_what_the_watcher_found(controller: IncidentController) -> None:
    leave_request(controller, 1)
    operator = Operator([])
    Session(controller, operator).run()
    assert "The watcher: The disk is full. backup.log:7: No space left [full-1 on bastion]." in operator.said


@pytest.mark.slow
async def test_open_screen_shows_what_the_watcher_found_and_rings(
    controller: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(controller, (120, 24), sources=[]) as pilot:
        titles: list[str] = []
        monkeypatch.setattr(pilot.app, "show_title", titles.append)
        leave_request(controller, 1)
        await until(pilot, lambda: "The watcher: The disk is full. backup.log:7" in grid(pilot))
        await until(pilot, lambda: any("The disk is full" in title for title in titles))


def test_pending_request_is_seen_among_many_that_were_answered_and_the_old_ones_are_forgotten(
    controller: IncidentController,
) -> None:
    store, old = RequestStore(controller.runbook), leave_request(controller, 0, id="a-pending")
    os.utime(store.folder / "a-pending.json", (1, 1))
    content = (store.folder / "a-pending.json").read_text()
    answer = RequestAnswer("", "dismissed", "ada", old.at)
    store.answers_folder.mkdir(mode=0o700)
    for number in range(550):
        name = f"z-{number}"
        (store.folder / f"{name}.json").write_text(content.replace("a-pending", name))
        (store.folder / f"{name}.json").chmod(0o600)
        (store.answers_folder / f"{name}.json").write_text(json.dumps(dataclasses.asdict(answer)))
        (store.answers_folder / f"{name}.json").chmod(0o600)
    assert [request.id for request in store.pending()] == ["a-pending"]
    os.utime(store.folder / "z-7.json", (1, 1))
    store.forget_before(2.0)
    assert not (store.folder / "z-7.json").exists()
    assert store.find("a-pending").id == "a-pending"
