"""`kill -9` of the screen in the middle of the emergency backup, in a real terminal: the dump goes on, and runs
once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import psycopg
import pytest

from drill.production import Production, build
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind, StepOutcome
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.supervisor.status import Running, inspect_attempt
from tests.support.program import MIDWATCH
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]
STEP = "emergency-backup"


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> Iterator[Production]:
    built = build("reference", linger=0)
    for name, value in built.environment.items():
        monkeypatch.setenv(name, value)
    yield built
    built.tear_down()


@pytest.fixture
def runbook(production: Production) -> Runbook:
    return load(production.runbook, site=production.site)


@pytest.fixture
def folder(runbook: Runbook) -> IncidentFolder:
    """An incident in which the emergency backup is next."""
    controller = IncidentController.declare(runbook, actor="ada@test")
    for step in runbook.steps():
        if step.id == STEP:
            break
        controller.skip(step.id, "not part of this test")
    controller.leave()
    return controller.folder


def state(folder: IncidentFolder) -> Incident:
    return reduce(read(folder.journal))


@contextmanager
def held(runbook: Runbook) -> Iterator[None]:
    """A lock that a migration forgot: the dump waits for it."""
    target = runbook.targets["arp-db-prod"]
    where = {"host": target.socket, "port": target.port, "user": "postgres", "dbname": target.database}
    with psycopg.connect(**where) as connection:
        connection.execute("LOCK TABLE public.payments IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def screen(production: Production) -> pexpect.spawn[str]:
    environment = os.environ | production.environment | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    child = pexpect.spawn(
        str(MIDWATCH), [str(production.runbook)], env=environment, dimensions=(24, 80), encoding="utf-8", timeout=60
    )
    child.expect("Emergency backup")
    return child


def drain(child: pexpect.spawn[str]) -> None:
    """Read what the screen draws, so that it never waits for its terminal."""
    try:
        while True:
            child.read_nonblocking(65536, timeout=0.05)
    except (pexpect.TIMEOUT, pexpect.EOF):
        return


def test_dump_outlives_the_screen(production: Production, runbook: Runbook, folder: IncidentFolder) -> None:
    with held(runbook):
        first = screen(production)

        def started() -> bool:
            if state(folder).step(STEP).attempts:
                return any(event.kind == EventKind.STARTED for event in read(folder.journal))
            first.send("\r")
            time.sleep(0.5)  # a dialog is deaf to its first keys on purpose; what is waited for is the journal
            first.send("y")
            drain(first)
            return False

        wait_for(started, "the step starts")
        attempt = folder.attempt(STEP, 1)
        first.kill(signal.SIGKILL)
        first.wait()
        assert isinstance(inspect_attempt(attempt), Running)
        assert state(folder).step(STEP).status is StepStatus.RUNNING
        second = screen(production)
        wait_for(
            lambda: [e.kind for e in read(folder.journal)].count(EventKind.DRIVER_JOINED) == 3,
            "the second screen drives",
        )
        assert isinstance(inspect_attempt(attempt), Running)

    def finished() -> bool:
        drain(second)
        return state(folder).step(STEP).status is not StepStatus.RUNNING

    wait_for(finished, "the step ends")
    found = state(folder).step(STEP)
    assert [one.outcome for one in found.attempts] == [StepOutcome.DONE]
    assert b"[OK] Backup saved: emergency-backup/arp-prod-" in attempt.output.read_bytes()
    assert len(list(runbook.location_of("emergency").glob("arp-prod-*.sql.gz"))) == 1
    second.kill(signal.SIGTERM)
    wait_for(lambda: not second.isalive(), "the second screen ends")
    assert Path(found.values["path"]).is_file()


def test_hang_up_leaves_the_step_and_the_record_whole(
    production: Production, runbook: Runbook, folder: IncidentFolder
) -> None:
    child = screen(production)
    child.kill(signal.SIGHUP)
    wait_for(lambda: (drain(child), not child.isalive())[1], "the screen ends")
    kinds = [event.kind for event in read(folder.journal)]
    assert kinds[-1] == EventKind.DRIVER_LEFT
    assert state(folder).open
