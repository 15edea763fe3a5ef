"""A driver that is killed between the event, the file of the outbox and the process that sends: nothing is lost, and
nothing is sent twice."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.repository import find
from midwatch.incident.events import EventKind
from midwatch.outbox.delivery_start import DeliveryStart
from midwatch.outbox.store import OutboxStore
from midwatch.runbook.loader import load
from tests.support.waiting import wait_for

RUNBOOK = """\
midwatch: 1
id: told
title: Told
severity: SEV-2
channels: {incident: {kind: file, path: said.jsonl}}
phases: [{title: Work, steps: [{id: look, title: Look}]}]
"""
WRITING = ((JournalSession, "append"), (OutboxStore, "add"), (DeliveryStart, "ensure"))


def killed_at(point: int, left: list[int], call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, with a point before and a point behind it."""

    def passes() -> None:
        left[0] += 1
        if left[0] == point:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    def counted(*args: Any, **kwargs: Any) -> Any:
        passes()
        result = call(*args, **kwargs)
        passes()
        return result

    return counted


def is_killed(folder: Path, point: int) -> bool:
    """Send a status update in a process of its own that is killed at this point; False once there is none."""
    child = os.fork()
    if child == 0:
        controller = IncidentController.declare(load(folder / "runbook.yaml"), actor="ada")
        left = [0]
        for owner, name in WRITING:
            setattr(owner, name, killed_at(point, left, getattr(owner, name)))
        controller.update("All is well")
        controller.poll()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.slow
def test_driver_killed_between_event_file_and_process_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    point, was_killed = 0, True
    while was_killed:
        point += 1
        folder = tmp_path / str(point)
        folder.mkdir()
        (folder / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
        was_killed = is_killed(folder, point)
        controller = IncidentController.resume(find(folder / "logs", "latest"), actor="ada")

        def is_delivered(controller: IncidentController = controller) -> bool:
            controller.poll()
            return len(controller.incident.deliveries) > 0 and not controller.incident.undelivered

        wait_for(is_delivered, f"every message after a kill at point {point}")
        texts = [json.loads(line)["text"] for line in (folder / "said.jsonl").read_text(encoding="utf-8").splitlines()]
        updates = [event for event in controller.events if event.kind == EventKind.UPDATE]
        assert texts == ["Incident declared by ada: Told, SEV-2.", *["All is well"] * len(updates)], point
        assert len(updates) == 1 or point <= 1
        controller.leave()
    assert point > 8
