"""`midwatch update` and `midwatch messages`: messages from a shell, and decisions on those that did not arrive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.outbox.store import OutboxStore
from midwatch.runbook.loader import load
from tests.support.program import midwatch
from tests.support.receivers import dies, receiver, replies
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: told
title: Told
severity: SEV-2
channels:
  incident: {kind: webhook, url: "URL"}
  press: {kind: file, path: press.jsonl, outside: true}
phases: [{title: Work, steps: [{id: look, title: Look}]}]
"""


def said(here: Path, *arguments: str) -> tuple[int, str]:
    done = midwatch(*arguments, cwd=here)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_shell_sends_updates_and_decides_on_messages_also_after_the_end(here: Path) -> None:
    with receiver(dies, replies(404, "no_team"), replies(200)) as server:
        (here / "runbook.yaml").write_text(RUNBOOK.replace("URL", server.url), encoding="utf-8")
        controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
        controller.leave()
        store = OutboxStore(controller.folder.outbox)
        wait_for(lambda: [item for item in store.own() if item.state.concluded], "the first fate")
        assert "\nImpact: not assessed yet\n" in said(here, "update")[1]  # the draft; nothing is sent
        code, text = said(here, "update", "--text", "All is well")
        assert (code, text) == (0, f"Queued for webhook ({server.url}).\n")
        code, text = said(here, "update", "--to", "press", "--text", "We are sorry")
        assert code == 1
        assert "People outside the team would read this: file (press.jsonl)\n    [SEV-2] Told, " in text
        assert "\n    We are sorry\n" in text
        assert not (here / "press.jsonl").exists()
        assert said(here, "update", "--to", "press", "--text", "We are sorry", "--yes")[0] == 0
        wait_for(lambda: len([item for item in store.own() if item.state.concluded]) == 3, "every fate")
        shown = json.loads(said(here, "messages", "--json")[1])["messages"]
        assert [message["state"] for message in shown] == ["unsure", "refused", "accepted"]
        unsure, refused = shown[0]["id"], shown[1]["id"]
        code, text = said(here, "messages")
        assert f"{refused} to webhook ({server.url}), refused: HTTP 404: no_team" in text
        assert "3 messages, 2 not delivered." in text
        assert said(here, "messages", "--retry", "99.1", "--reason", "x")[1].startswith("midwatch: There is no message")
        assert said(here, "messages", "--give-up", unsure, "--reason", "ben has read it")[0] == 0
        assert f"message {refused} to webhook" in said(here, "show")[1]
        assert f"{refused} to webhook" in said(here, "handoff")[1]
        code, text = said(here, "close", "--reason", "done")
        assert code == 0, text
        assert f"Message {refused} to webhook" in text
        assert said(here, "messages", "--retry", refused, "--reason", "the channel is back")[0] == 0
        wait_for(lambda: (found := store.read(refused)) and found.state == "accepted", "the delivery after the end")
        exported = said(here, "export")[1]
    assert "## Messages by channels" in exported
    rows = [line for line in exported.splitlines() if line.startswith(f"| {refused} |")]
    assert len(rows) == 1
    assert "accepted at " in rows[0]
    assert f"Message {unsure} is not sent any more: ben has read it" in exported


def test_a_driver_sends_and_decides_for_the_same_person_at_another_terminal(here: Path) -> None:
    with receiver(replies(404), replies(200)) as server:
        (here / "runbook.yaml").write_text(RUNBOOK.replace("URL", server.url), encoding="utf-8")
        controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")

        def has_refused() -> bool:
            controller.poll()
            return controller.incident.undelivered[0].state == "refused"

        wait_for(has_refused, "the refusal")
        (refused,) = controller.incident.undelivered
        assert said(here, "messages", "--retry", refused.id, "--reason", "it is back") == (
            0,
            f"Message {refused.id} is sent anew.\n",
        )
        assert said(here, "update", "--text", "All is well")[0] == 0
        assert said(here, "update", "--to", "press", "--text", "Sorry", "--yes")[0] == 0
        assert "no channel 'prss'" in said(here, "update", "--to", "prss", "--text", "Sorry")[1]
        assert said(here, "messages", "--retry", "99.1", "--reason", "x")[0] == 1

        def is_delivered() -> bool:
            controller.poll()
            return len(controller.incident.deliveries) == 3 and not controller.incident.undelivered

        wait_for(is_delivered, "every message")
        assert controller.driving
        controller.leave()
    assert json.loads((here / "press.jsonl").read_text(encoding="utf-8"))["text"] == "Sorry"
