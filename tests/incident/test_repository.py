"""Incidents are found by name, and a damaged one never hides the others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from midwatch.control.driver_lock import DriverLock
from midwatch.engine.repository import find, incidents, open_incident, summary
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput
from tui.cli import main

RUNBOOK = """\
midwatch: 1
id: fire
title: Fire
severity: SEV-2
phases:
  - title: Look
    section: "1"
    steps:
      - {id: one, title: One}
      - {id: two, title: Two}
      - {id: three, title: Three, when: {failed: two}}
"""


def declare(logs: Path, name: str, *, closed: bool = False, done: int = 0) -> IncidentFolder:
    folder = IncidentFolder(logs / "incidents" / name)
    folder.path.mkdir(parents=True)
    folder.runbook.write_text(RUNBOOK)
    journal = Journal.create(folder.journal, actor="ada@test", clock=SystemClock())
    body = {
        "id": name,
        "title": "Fire",
        "severity": "SEV-2",
        "runbook": "r",
        "runbook_sha256": "",
        "base": "/",
        "host": "h",
    }
    journal.append(EventKind.DECLARED, body)
    for step in ("one", "two")[:done]:
        journal.append(EventKind.MARKED_DONE, {"step": step, "note": "", "values": {}})
    if closed:
        journal.append(EventKind.CLOSED, {"reason": "", "unmet": [], "events": len(journal.events) + 1})
    journal.close(trim=closed)
    return folder


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    declare(tmp_path, "INC-20261101-0100-fire", closed=True)
    declare(tmp_path, "INC-20261102-0200-fire", done=1)
    declare(tmp_path, "INC-20261102-0200-fire-2", done=2)
    declare(tmp_path, "INC-20261102-0200-fire-10")
    declare(tmp_path, "INC-20261103-0100-flood")
    (tmp_path / "incidents" / "a file").write_text("")
    return tmp_path


def ids(folders: list[IncidentFolder]) -> list[str]:
    return [folder.id for folder in folders]


def test_incidents_are_listed_newest_first(logs: Path) -> None:
    assert ids(incidents(logs)) == [
        "INC-20261103-0100-flood",
        "INC-20261102-0200-fire-10",
        "INC-20261102-0200-fire-2",
        "INC-20261102-0200-fire",
        "INC-20261101-0100-fire",
    ]
    assert incidents(logs / "nowhere") == []


def test_incident_is_found_by_id_prefix_or_latest(logs: Path) -> None:
    assert find(logs, "latest").id == "INC-20261103-0100-flood"
    assert find(logs, "INC-20261102-0200-fire").id == "INC-20261102-0200-fire"
    assert find(logs, "INC-20261101").id == "INC-20261101-0100-fire"
    with pytest.raises(BadInput, match="is the beginning of 3 incidents: INC-20261102-0200-fire-10, "):
        find(logs, "INC-20261102")
    with pytest.raises(BadInput, match=r"Did you mean INC-20261103-0100-flood\?"):
        find(logs, "INC-20261103-0100-floods")
    for wrong in ("", "..", "../incidents", "zzz"):
        with pytest.raises(BadInput, match="There is no incident"):
            find(logs, wrong)
    with pytest.raises(BadInput, match="There are no incidents"):
        find(logs / "nowhere", "latest")


def test_open_incident_is_the_newest_of_its_runbook(logs: Path) -> None:
    found = open_incident(logs, "fire")
    assert found is not None
    assert found.id == "INC-20261102-0200-fire-10"
    assert open_incident(logs, "fir") is None
    assert open_incident(logs, "quake") is None


def test_incident_summary_has_one_line(logs: Path) -> None:
    before = datetime.now(UTC)
    told = summary(find(logs, "INC-20261102-0200-fire"))
    assert (told.title, told.severity, told.closed, told.driver, told.problem) == ("Fire", "SEV-2", None, "", "")
    assert told.steps is not None
    assert (told.steps.words, told.events) == ("1 done, 1 to do", 2)
    assert told.opened is not None
    assert told.opened < before
    lock = DriverLock.take(find(logs, "INC-20261102-0200-fire"), "bob@test")
    assert summary(find(logs, "INC-20261102-0200-fire")).driver == "bob@test"
    lock.release()
    assert summary(find(logs, "INC-20261101")).closed is not None


def test_damaged_one_is_listed_with_its_reason_and_hides_nobody(logs: Path) -> None:
    damaged = logs / "incidents" / "INC-20261104-0000-fire"
    for journal in (None, b"", b"rubbish\nrubbish\n", b'{"seq":1}\n', b"\xff" * 300_000):
        damaged.mkdir(exist_ok=True)
        if journal is not None:
            (damaged / "journal.jsonl").write_bytes(journal)
        assert incidents(logs)[0].path == damaged
        assert summary(IncidentFolder(damaged)).problem
        found = open_incident(logs, "fire")
        assert found is not None
        assert found.id == "INC-20261102-0200-fire-10"
        assert len([folder for folder in incidents(logs) if not summary(folder).problem]) == 5


def test_malformed_event_is_a_problem_and_no_traceback(logs: Path) -> None:
    folder = find(logs, "INC-20261103")
    journal = Journal.open(folder.journal, actor="a", clock=SystemClock())
    journal.append(EventKind.MARKED_DONE, {"step": "one"})
    journal.close()
    assert "(step.marked_done) was changed, or is damaged" in summary(folder).problem


def test_incident_without_its_runbook_is_still_listed(logs: Path) -> None:
    folder = find(logs, "INC-20261102-0200-fire-2")
    folder.runbook.write_text("midwatch: [")
    told = summary(folder)
    assert (told.steps, told.problem) == (None, "")


def test_latest_is_an_open_incident_that_was_declared_last(tmp_path: Path) -> None:
    """An id has no seconds, so the journals decide between two of one minute; a closed one does not count while one is
    open."""
    declare(tmp_path, "INC-20261103-0300-zebra")
    last = declare(tmp_path, "INC-20261103-0300-ant")
    assert find(tmp_path, "latest").id == last.id
    declare(tmp_path, "INC-20261103-0300-bee", closed=True)
    declare(tmp_path, "INC-20261104-0000-fire", closed=True)
    assert find(tmp_path, "latest").id == last.id


def test_latest_without_an_open_incident_is_the_last_of_all(tmp_path: Path) -> None:
    declare(tmp_path, "INC-20261103-0300-zebra", closed=True)
    last = declare(tmp_path, "INC-20261103-0300-ant", closed=True)
    assert find(tmp_path, "latest").id == last.id
    assert [folder.id for folder in incidents(tmp_path)] == [last.id, "INC-20261103-0300-zebra"]
    assert find(tmp_path, "latest", "zebra").id == "INC-20261103-0300-zebra"
    with pytest.raises(BadInput, match="no incidents of the runbook fire"):
        find(tmp_path, "latest", "fire")


def test_runbook_on_the_command_line_filters_the_incidents(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK)
    declare(here / "logs", "INC-20261103-0300-fire", closed=True)
    declare(here / "logs", "INC-20261103-0400-flood")
    for command in ("show", "incidents", "verify", "handoff"):
        assert main([command, "--runbook", "runbook.yaml"]) in (0, 1)
        said = capsys.readouterr()
        assert "flood" not in said.out + said.err, command
    assert main(["show"]) == 0
    assert "INC-20261103-0400-flood" in capsys.readouterr().out
