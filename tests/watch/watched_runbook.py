"""A runbook with logs that a test writes to, and a watcher that can die between any two writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from midwatch.api.action import Context
from midwatch.engine.planning import SilentConsole
from midwatch.incident import permissions
from midwatch.outbox import store as outbox_store
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.runbook.triggers import Trigger
from midwatch.watch.requests import DeclareRequest, RequestAnswer
from midwatch.watch.watcher import Watcher
from tests.support.clocks import AheadClock

HEAD = """\
midwatch: 1
id: night
title: The night
severity: SEV-2
phases: [{title: P, steps: [{title: Look around}]}]
"""
LOGS = """\
triggers:
  - {id: stopped, title: The backup stopped, log: logs/backup.log, match: '\\[FAILURE\\]'}
  - {id: full, title: The disk is full, log: logs/backup.log, match: 'No space left'}
  - {id: ci, title: A job failed, log: logs/ci.log, match: 'job .* failed'}
"""


class Killed(BaseException):
    """The watcher died here."""


class WatchedRunbook:
    """A runbook on disk, and its watcher on a clock that the test sets ahead."""

    def __init__(self, folder: Path, text: str = LOGS) -> None:
        (folder / "runbook.yaml").write_text(HEAD + text)
        (folder / "logs").mkdir(exist_ok=True)
        self.folder, self.clock, self.open_incident = folder, AheadClock(), ""
        self.runbook: Runbook = load(folder / "runbook.yaml", environment={})
        for path in {self.runbook.resolve(trigger.log) for trigger in self.runbook.triggers if trigger.log}:
            path.touch()
        self.watcher = self.start()

    def start(self) -> Watcher:
        context = Context(self.runbook, SilentConsole(), self.clock, "watcher")
        return Watcher(context, open_incident=lambda: self.open_incident)

    def restart(self) -> None:
        self.watcher.close()
        self.watcher = self.start()

    def look(self, minutes: float = 0.0) -> list[str]:
        """The triggers of the requests that were left, each with its kind unless it fired."""
        self.clock.ahead += timedelta(minutes=minutes)
        return [r.trigger if r.kind == "fired" else f"{r.trigger} {r.kind}" for r in self.watcher.look()]

    def log(self, line: str, name: str = "backup.log", at: datetime | None = None) -> None:
        with (self.folder / "logs" / name).open("a") as file:
            file.write(f"{at or self.clock.now():%Y-%m-%d %H:%M:%S}Z {line}\n")

    def requests(self) -> list[DeclareRequest]:
        return self.watcher.store.every()

    def answer(self, incident: str = "", word: str = "declared") -> None:
        """Answer every request that waits."""
        for request in self.watcher.store.pending():
            self.watcher.store.answer(RequestAnswer(request.id, word, "ada", request.seen_at, incident))

    def with_triggers(self, *triggers: Trigger) -> None:
        self.runbook = dataclasses.replace(self.runbook, triggers=triggers)


@contextmanager
def killed_at(number: int, *, after: bool) -> Iterator[list[int]]:
    """Dies at the write of this number, before or after it is on disk."""
    count = [0]
    real = permissions.atomic_write

    def write(path: Path, content: bytes, **options: object) -> None:
        count[0] += 1
        if count[0] == number and not after:
            raise Killed
        real(path, content, **options)  # type: ignore[arg-type]
        if count[0] == number:
            raise Killed

    with patch.object(permissions, "atomic_write", write), patch.object(outbox_store, "atomic_write", write):
        yield count
