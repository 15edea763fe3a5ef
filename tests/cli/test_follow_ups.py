"""Follow-up actions over all incidents: listed by urgency, changed, and their tickets opened once."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from midwatch.engine.follow_up_list import Listed, follow_ups_in, open_ticket
from midwatch.incident.follow_ups import FollowUp, parse_follow_ups
from midwatch.incident.paths import IncidentFolder
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, Failed, MidwatchError, OutcomeUnknown
from tests.reports import night
from tests.support.program import midwatch_text
from tests.support.receivers import dies, receiver, replies

RUNBOOK = """\
midwatch: 1
id: backup-failure
title: T
severity: SEV-1
phases: [{title: P, steps: [{title: S, instructions: Do it, expect: Done}]}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    """An incident below `logs` of a runbook."""
    (tmp_path / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (tmp_path / "logs" / "incidents").mkdir(parents=True)
    return night.journal(tmp_path / "logs" / "incidents", night.events())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a; ada; 2026-12-01", FollowUp("a", "ada", "2026-12-01")),
        ("a; b; ada; 2026-12-01; p1; Detect; OPS-7", FollowUp("a; b", "ada", "2026-12-01", "P1", "detect", "OPS-7")),
        ("a; ada; 2026-12-01; prevent", FollowUp("a", "ada", "2026-12-01", kind="prevent")),
        ("since 2026-11-01; do b; ada; 2026-12-01;", FollowUp("since 2026-11-01; do b", "ada", "2026-12-01")),
        ("a; ada; soon", FollowUp("a", "ada", "soon")),
        ("a", FollowUp("a")),
        ("2026-12-01", FollowUp("2026-12-01")),
    ],
)
def test_line_of_a_follow_up_has_its_parts(line: str, expected: FollowUp) -> None:
    assert parse_follow_ups(line) == [expected]


def test_days_late_are_those_since_the_due_date_of_what_is_open() -> None:
    item = FollowUp("a", "ada", "2026-12-01")
    assert [item.days_late(date(2026, 12, day)) for day in (1, 2, 31)] == [0, 1, 30]
    assert FollowUp("a", "ada", "2026-12-01", done="yesterday").days_late(date(2027, 1, 1)) == 0
    assert FollowUp("a", "ada", "soon").days_late(date(2027, 1, 1)) == 0


@pytest.mark.slow
def test_command_lists_changes_and_finds_what_is_overdue(folder: IncidentFolder, tmp_path: Path) -> None:
    def said(*arguments: str, code: int = 0) -> str:
        found = midwatch_text(*arguments, cwd=tmp_path)
        assert found.returncode == code, found.stderr
        return found.stdout + found.stderr

    for number, due in ((1, "2999-12-01"), (2, "2999-12-02")):
        said("follow-ups", "--due", f"{folder.id}/{number}", due)
    assert [line.split()[0] for line in said("follow-ups").splitlines()] == [f"{folder.id}/1", f"{folder.id}/2"]
    assert "none overdue" in said("check", "follow-ups")
    with folder.follow_ups.open("a") as file:
        file.write('{"at": "torn')
    said("follow-ups", "--add", "latest", "Rehearse it; a restore; cy; 2020-01-31; P0; prevent")
    late = said("follow-ups", "--overdue")
    assert f"{folder.id}/3  due 2020-01-31, " in late
    assert "OVERDUE, cy, P0, prevent: Rehearse it; a restore" in late
    assert len(late.splitlines()) == 1
    assert json.loads(said("follow-ups", "--json"))[0]["name"] == f"{folder.id}/3"
    assert "is 2" in said("check", "follow-ups", code=2)
    assert "done 2" in said("follow-ups", "--done", f"{folder.id}/3")
    assert said("follow-ups", "--overdue") == "No follow-up action is overdue.\n"
    assert f"{folder.id}/3" in said("follow-ups", "--all")
    said("follow-ups", "--reopen", f"{folder.id}/3")
    assert "OPS-4" in said("follow-ups", "--ticket", f"{folder.id}/3", "OPS-4")
    assert "none is number '9'" in said("follow-ups", "--done", f"{folder.id}/9", code=2)
    assert "is no date" in said("follow-ups", "--due", f"{folder.id}/1", "soon", code=2)
    damaged = folder.path.with_name("INC-20261124-0200-damaged")
    shutil.copytree(folder.path, damaged)
    (damaged / "journal.jsonl").write_bytes(b"{}")
    assert "INC-20261124-0200-damaged is damaged" in said("follow-ups")
    assert "is damaged" in said("follow-ups", "--add", damaged.name, "a; ada; 2026-12-01", code=1)
    assert "has no owner" in said("follow-ups", "--add", folder.id, "Only this", code=2)


def ticket_of(folder: IncidentFolder, opener: str, number: int = 1) -> tuple[Listed, MidwatchError | str]:
    listed = follow_ups_in(folder)[number - 1]
    try:
        answer: MidwatchError | str = open_ticket(listed, opener, "Bearer x", SystemClock(), "ada@bastion")
    except MidwatchError as error:
        answer = error
    return follow_ups_in(folder)[number - 1], answer


def test_command_opens_a_ticket_from_the_follow_up_and_its_number_is_kept(folder: IncidentFolder) -> None:
    listed, answer = ticket_of(folder, """sh -c 'grep -q "\\"owner\\": \\"ada\\"" && echo opening && echo OPS-12'""")
    assert (answer, listed.item.ticket, listed.item.opening) == ("OPS-12", "OPS-12", "")
    listed, answer = ticket_of(folder, "sh -c 'echo no such project; exit 3'", 2)
    assert isinstance(answer, Failed)
    assert "exit 3): no such project" in str(answer)
    assert (listed.item.ticket, listed.item.opening) == ("", "")


@pytest.mark.parametrize(
    ("answer", "ticket"),
    [
        ('{"key": "OPS-1", "id": "1000"}', "OPS-1"),
        ('{"number": 17, "html_url": "https://git.example/issues/17"}', "https://git.example/issues/17"),
        ("OPS-9\n", "OPS-9"),
    ],
)
def test_webhook_opens_a_ticket_and_its_number_is_kept(answer: str, ticket: str, folder: IncidentFolder) -> None:
    with receiver(replies(201, answer)) as server:
        listed, _ = ticket_of(folder, server.url)
    assert listed.item.ticket == ticket
    [request] = server.requests
    assert request.body["what"] == "Watch mounts"
    assert request.headers["Authorization"] == "Bearer x"
    assert request.headers["Idempotency-Key"]


def test_ticket_whose_answer_was_lost_is_never_opened_a_second_time(folder: IncidentFolder) -> None:
    with receiver(dies, replies(500), replies(201, "OPS-2")) as server:
        listed, answer = ticket_of(folder, server.url)
        assert isinstance(answer, OutcomeUnknown)
        assert listed.item.opening
        _, answer = ticket_of(folder, server.url)
        assert isinstance(answer, BadInput)
        assert "nobody knows whether it was opened" in str(answer)
        assert len(server.requests) == 1
        listed, answer = ticket_of(folder, server.url, 2)
        assert isinstance(answer, Failed)
        assert ticket_of(folder, server.url, 2)[1] == "OPS-2"
    with receiver(replies(201, "{}")) as server:
        assert isinstance(ticket_of(folder, server.url, 1)[1], BadInput)
