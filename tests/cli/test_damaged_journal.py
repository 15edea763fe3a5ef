"""A journal that was emptied, or changed so that every line still reads as one: said to be so, and no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import midwatch_text as midwatch
from tui.cli import main

RUNBOOK = """\
midwatch: 1
title: Fire
severity: SEV-2
roles: {boss: {name: The boss}}
phases:
  - title: Put it out
    steps:
      - {id: look, title: Look, run: 'true', risk: observe}
      - {id: ask, title: Ask, notify: [boss]}
closure:
  - {title: Room, check: disk, with: {path: ., below: 100 %}}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The journal of an incident that went well."""
    monkeypatch.chdir(tmp_path)
    Path("runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    Path("answers.yaml").write_text("default_manual: {note: done}\n", encoding="utf-8")
    assert midwatch("run", "runbook.yaml", "--headless", "--answers", "answers.yaml", cwd=tmp_path).returncode == 0
    return next(Path("logs/incidents").glob("*/journal.jsonl"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_event_that_means_nothing_is_named(journal: Path, run: Run) -> None:
    journal.write_bytes(journal.read_bytes().replace(b'"outcome":"done"', b'"outcome":"gone"'))
    for arguments in (["show"], ["export"], ["export", "--post-mortem"], ["handoff"]):
        code, _, error = run(*arguments)
        assert code == 2, arguments
        assert "(step.finished) was changed, or is damaged" in error
        assert "midwatch verify INC-" in error
        assert len(error.splitlines()) == 1
    assert run("verify")[0] == 1
    assert "damaged" in run("incidents")[1]


def test_body_without_what_only_an_export_reads(journal: Path, run: Run) -> None:
    journal.write_bytes(journal.read_bytes().replace(b'"host":', b'"hast":', 1))
    code, _, error = run("export")
    assert code == 2
    assert "An event of its journal was changed, or is damaged: KeyError 'host'" in error


def test_emptied_journal_is_not_whole(journal: Path, run: Run) -> None:
    journal.write_bytes(b"")
    code, said, _ = run("verify")
    assert code == 1
    assert "NOT whole: it has no events" in said
    code, said, _ = run("verify", "--json")
    assert code == 1
    assert '"ok": false' in said
    found = midwatch("--plain", cwd=Path(), stdin="n\n")
    assert "cannot be read, and may be open. " in found.stdout
    assert "Declare one now" in found.stdout


def test_missing_event_is_said_beside_the_state(journal: Path, run: Run) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    gone = next(number for number, line in enumerate(lines) if b'"kind":"step.confirmed"' in line)
    journal.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    code, said, _ = run("show")
    assert code == 0
    assert "The journal is NOT whole, so this may not be so: event" in said
    code, said, _ = run("export", "--post-mortem")
    assert code == 0
    assert "| The boss | " in said
    assert "**NOT" in said or "missing" in said
