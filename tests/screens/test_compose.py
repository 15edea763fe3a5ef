"""The composer on the screen: an audience, its draft, the preview, the confirmation, and what survives a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from textual.drivers.headless_driver import HeadlessDriver

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.runbook.loader import load
from tests.support.clocks import AheadClock
from tests.support.receivers import receiver, replies
from tests.support.screen_pilot import grid, opened, press, until

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: told
title: Told
severity: SEV-2
comms: {channel: "#inc", update_every: 15 min}
roles: {lead: {name: Tech Lead}}
channels:
  incident: {kind: file, path: said.jsonl}
  press: {kind: file, path: press.jsonl, outside: true}
  lead: {kind: file, path: lead.jsonl}
phases: [{title: Work, steps: [{id: tell, title: Tell the lead, notify: [lead]}]}]
"""


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test", clock=AheadClock())
    yield controller
    controller.leave()


def texts(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


async def test_message_to_an_audience_is_drafted_previewed_confirmed_and_sent(
    controller: IncidentController, here: Path
) -> None:
    async with opened(controller, (100, 30), sources=[]) as pilot:
        await press(pilot, "u")
        assert "It is sent to file (said.jsonl)" in grid(pilot)
        assert "SEV-2 Told, update 1" in grid(pilot)
        await press(pilot, *"All is well. ", "f3")
        assert "As its readers get it" in grid(pilot)
        assert f"[SEV-2] Told, {controller.incident.id}" in grid(pilot)
        await press(pilot, "escape", "shift+tab", "p")  # the other audience
        assert "People outside the team read it: file (press.jsonl)" in grid(pilot)
        assert "We have been working on it since" in grid(pilot)
        assert "All is well" not in grid(pilot)
        await press(pilot, "tab", *"Sorry; password=Zq81-very-secret. ", "ctrl+s")
        assert "Send this to people outside the team?" in grid(pilot)
        assert "Sorry; password=" in grid(pilot)
        assert "Zq81" not in grid(pilot)
        await press(pilot, "escape")  # nothing was sent, and nothing is lost
        assert "Sorry; password=" in grid(pilot)
        assert not [event for event in controller.events if event.kind == EventKind.MESSAGE_QUEUED][1:]
        await press(pilot, "ctrl+s", "y")
        assert "Queued for file (press.jsonl)" in grid(pilot)
        await until(pilot, lambda: texts(here / "press.jsonl"))
        await press(pilot, "u")
        assert "A draft of yours" in grid(pilot)  # what was typed for the team before
        assert "All is well. SEV-2 Told" in grid(pilot)
        await press(pilot, "f5")
        assert "All is well" not in grid(pilot)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: len(texts(here / "said.jsonl")) == 2)
        await press(pilot, "enter")  # the step that tells somebody offers a draft as well
        assert "What is sent to file (lead.jsonl)" in grid(pilot)
        await press(pilot, *"Read this: ", "ctrl+s")
        await until(pilot, lambda: texts(here / "lead.jsonl"))
    assert texts(here / "lead.jsonl")[0].startswith("Read this: SEV-2 Told, ")
    assert texts(here / "press.jsonl")[0].startswith("Sorry; password=")
    assert "Zq81" not in texts(here / "press.jsonl")[0]
    assert not list((controller.folder.path / "drafts").iterdir())


async def test_draft_survives_a_restart_and_one_key_sends_the_due_one(
    controller: IncidentController, here: Path
) -> None:
    clock = controller.clock
    assert isinstance(clock, AheadClock)
    async with opened(controller, (100, 30), sources=[]) as pilot:
        await press(pilot, "ctrl+u")
        assert controller.incident.last_update_at is None  # nothing is due
        await press(pilot, "u", *"password=Zq81-very-secret and more ")
        await until(pilot, lambda: controller.composer.draft().kept_at)  # by itself, before anything is pressed
        await press(pilot, "escape")
        assert "What you typed is kept" in grid(pilot)
    kept = controller.composer.file_of("incident")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "Zq81" not in kept.read_text(encoding="utf-8")
    clock.ahead = timedelta(minutes=46)
    async with opened(controller, (100, 30), sources=[]) as pilot:
        await until(pilot, lambda: "3 status updates are overdue" in grid(pilot))
        assert "press u, the draft is there" in grid(pilot)
        await press(pilot, "ctrl+u")  # not while another text was begun
        assert controller.incident.last_update_at is None
        await press(pilot, "u")
        assert "and more SEV-2 Told" in grid(pilot)
        await press(pilot, "f5", "escape")
        await until(pilot, lambda: "Ctrl+U sends the draft" in grid(pilot))
        await press(pilot, "ctrl+u")
        assert "Queued for file (said.jsonl): SEV-2 Told, update 1" in grid(pilot)
        await press(pilot, "ctrl+u")  # once
        await until(pilot, lambda: len(texts(here / "said.jsonl")) == 2)
    assert sum(event.kind == EventKind.UPDATE for event in controller.events) == 1


async def test_observer_edits_an_update_in_an_editor_and_the_screen_of_the_driver_sends_it(
    controller: IncidentController, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = here / "editor"
    editor.write_text('#!/bin/sh\necho "from the editor" >> "$1"\nexit $(cat code)\n', encoding="utf-8")
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    monkeypatch.setattr(HeadlessDriver, "can_suspend", True)
    observer = IncidentController.observe(controller.folder, actor="ben@test")
    async with opened(observer, (100, 30), sources=[]) as pilot:
        await press(pilot, "u")
        assert "The screen of ada@test does it for you." in " ".join(grid(pilot).split())
        (here / "code").write_text("1")
        await press(pilot, *"By ben. ", "f4")
        assert "ended with exit 1" in grid(pilot)
        assert "By ben. SEV-2 Told" in grid(pilot)
        (here / "code").write_text("0")
        await press(pilot, "f4")
        await until(pilot, lambda: "from the editor" in grid(pilot))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: "Queued for file (said.jsonl)" in grid(pilot))
    (update,) = [event for event in controller.events if event.kind == EventKind.UPDATE]
    assert update.body["message"].startswith("By ben. SEV-2 Told")
    assert update.body["message"].endswith("from the editor")


async def test_page_of_messages_sends_a_refused_one_again_and_gives_it_up(here: Path) -> None:
    with receiver(replies(404, "no_team"), replies(404, "no_team")) as server:
        text = RUNBOOK.replace("kind: file, path: said.jsonl", f"kind: webhook, url: '{server.url}'")
        (here / "runbook.yaml").write_text(text, encoding="utf-8")
        controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
        controller.composer.send("press", "First line\nSecond line", confirmed=True)

        def state(number: int) -> str:
            controller.poll()
            return str(list(controller.incident.deliveries.values())[number].state)

        async with opened(controller, (120, 30), sources=[]) as pilot:
            await until(pilot, lambda: (state(0), state(1)) == ("refused", "accepted"))
            await until(pilot, lambda: "was refused: @ sends it again or gives it up" in grid(pilot))
            await press(pilot, "at")
            assert "no_team" in grid(pilot)
            assert "Second line" in grid(pilot)  # of the chosen one
            await press(pilot, "r")  # that one arrived
            assert "Why?" not in grid(pilot)
            await press(pilot, "j", "r")
            assert "Send again message" in grid(pilot)
            await press(pilot, *"it is back", "enter")
            await until(pilot, lambda: len(server.requests) == 2 and state(0) == "refused")
            await until(pilot, lambda: "no_team" in grid(pilot))
            await press(pilot, "x", *"told by phone", "enter")
            await until(pilot, lambda: "given up" in grid(pilot))
            assert not controller.incident.undelivered
        controller.leave()


async def test_typed_text_is_in_view_on_a_tiny_terminal(controller: IncidentController) -> None:
    async with opened(controller, (30, 8), sources=[]) as pilot:
        await press(pilot, "u")
        assert "(*) incident\u0020" in grid(pilot)
        assert "( ) press, outside" in grid(pilot)
        await press(pilot, *"Seen. ")
        assert "Seen. SEV-2" in grid(pilot)
        await press(pilot, "down", "down", "down", "down", "Z")
        assert "Z" in grid(pilot)
        await press(pilot, "escape", "s", "X")
        assert "X" in grid(pilot)
