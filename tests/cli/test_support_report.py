"""The support report: a page without secrets, also on a machine where much is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from midwatch.system.errors import MidwatchError
from tests.support.users import MALLORY, needs_root, run_as
from tui.cli import main

SECRET = "Tr0ub4dor-and-3"
RUNBOOK = """\
midwatch: 1
id: small
title: Small
severity: SEV-2
phases: [{title: One, steps: [{id: a, title: A, run: "true", risk: observe}]}]
"""


@pytest.fixture
def incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The folder of an incident that was declared and left."""
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.runbook.loader import load

    monkeypatch.chdir(tmp_path)
    (tmp_path / "runbook.yaml").write_text(RUNBOOK)
    controller = IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="ada@bastion")
    controller.leave()
    return controller.folder.path


def page(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["support-report", *arguments]) == 0
    return capsys.readouterr().out


def test_report_of_an_incident_names_versions_disks_driver_and_journal(
    incident: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (incident / "debug.log").write_text("2026 the last line\n")
    sections = json.loads(page(capsys, "--json"))
    assert sections["versions"]["midwatch"]
    assert sections["disk of the incident"]["path"] == str(incident)
    assert sections["driver"]["incident"] == incident.name
    assert int(sections["journal"]["events"]) >= 2
    assert sections["journal"]["problem"] == "none"
    assert sections["debug log"] == {"01": "2026 the last line"}
    assert "trouble" not in sections
    assert "## journal\nevents: " in page(capsys)


def test_report_with_a_secret_in_each_source_shows_none(
    incident: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (incident / "debug.log").write_text(f"connect with {SECRET} and pgpass-Secret-1 failed\n")
    (tmp_path / "pgpass").write_text("h:5432:d:u:pgpass-Secret-1\n")
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    monkeypatch.setenv("TERM_PROGRAM", SECRET)
    monkeypatch.setenv("LANG", "pgpass-Secret-1")
    program = tmp_path / "bin" / "psql"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho psql {SECRET}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    for arguments in ((), ("--json",)):
        shown = page(capsys, *arguments)
        assert SECRET not in shown
        assert "pgpass-Secret-1" not in shown
        assert shown.count("[secret DB_PASSWORD]") == 3


@pytest.mark.slow
def test_report_with_a_dead_engine_says_so_within_its_limit(
    incident: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    assert "docker: no answer within 1.5 s" in page(capsys)


def test_report_without_runbook_and_incident_is_printed_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = page(capsys)
    assert "There is no runbook.yaml in this folder" in shown
    assert "There are no incidents in" in shown
    assert "kernel: Linux" in shown


def test_report_journal_that_is_damaged_names_the_damage(incident: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (incident / "journal.jsonl").read_bytes()
    (incident / "journal.jsonl").write_bytes(content.replace(b"small", b"smell", 1))
    assert json.loads(page(capsys, "--json"))["journal"]["problem"] != "none"


@needs_root
def test_report_by_an_ordinary_user_says_what_that_user_may_not_see(incident: Path, reachable: Path) -> None:
    from tui.support_report import report

    def read() -> str:
        from midwatch.incident.paths import IncidentFolder

        try:
            return json.dumps(report({"logs": incident.parent}, IncidentFolder(incident), {}, {}))
        except MidwatchError as error:
            return str(error)

    sections = json.loads(run_as(MALLORY, read))
    assert sections["machine"]["user"].startswith(f"uid {MALLORY}")
    assert "ermission" in json.dumps([sections["journal"], sections["disk of logs"], sections["driver"]])
