"""Whom a watcher tells: its channel, by a process of its own; in a rehearsal nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.receivers import receiver
from tests.support.waiting import wait_for
from tests.watch.watched_runbook import LOGS, WatchedRunbook
from tui.cli import main

TELLING = """\
environment: ENVIRONMENT
channels: {incident: {kind: webhook, url: "URL"}}
watch: {ping: "URL"}
"""


def watched(folder: Path, url: str, environment: str) -> None:
    text = TELLING.replace("URL", url).replace("ENVIRONMENT", environment)
    place = WatchedRunbook(folder, text + LOGS)
    place.look()
    place.watcher.close()
    place.log("[FAILURE] stopped")
    assert main(["watch", str(folder / "runbook.yaml"), "--once"]) == 0


@pytest.mark.slow
def test_channel_hears_of_a_request_and_a_service_outside_that_the_watcher_lives(tmp_path: Path) -> None:
    with receiver() as server:
        watched(tmp_path, server.url, "production")
        wait_for(lambda: len(server.requests) == 3, "start, success and message")
        told = [str(request.body["text"]) for request in server.requests if request.body]
    assert len(told) == 1
    assert told[0].startswith("The backup stopped, ")
    assert "midwatch declare --request stopped-" in told[0]


@pytest.mark.slow
def test_rehearsal_tells_a_file_and_pings_nobody(tmp_path: Path) -> None:
    with receiver() as trap:
        watched(tmp_path, trap.url, "rehearsal")
        file = tmp_path / "logs/watch/outbox/rehearsal.jsonl"
        wait_for(lambda: file.exists() and file.read_text().endswith("\n"), "the message in the file")
        assert trap.requests == []
    assert json.loads(file.read_text())["subject"].startswith("REHEARSAL, not real: ")
