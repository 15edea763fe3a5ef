"""What the journals of earlier incidents say at the next one of the same runbook."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from midwatch.incident.events import EventKind
from midwatch.reports.post_mortem import post_mortem
from midwatch.reports.seen_before import last_done, seen_before
from tests.reports import night
from tests.support.program import midwatch_text


def test_earlier_incidents_of_the_runbook_are_told_with_cause_fix_and_what_is_open(tmp_path: Path) -> None:
    folder = night.journal(tmp_path, night.events())
    for name in ("20261101-0200-backup-failure", "20261102-0200-backup-failure-2", "20261103-0200-other",
                 "20261201-0200-backup-failure", "20261105-0200-backup-failure"):  # fmt: skip
        shutil.copytree(folder.path, folder.path.with_name(f"INC-{name}"))
    (folder.path.with_name("INC-20261105-0200-backup-failure") / "journal.jsonl").write_bytes(b"torn")
    (tmp_path / "INC-20261104-0200-backup-failure").symlink_to(folder.path)
    runbook = replace(night.runbook(), id="backup-failure")
    past = seen_before(folder, runbook.id)
    assert [one.id for one in past] == ["INC-20261102-0200-backup-failure-2", "INC-20261101-0200-backup-failure"]
    line = past[0].line(past[0].declared_at + timedelta(days=12))
    assert ", 12 days ago, SEV-" in line
    assert "; cause: Because 5; fixed by: Mounted; 2 follow-up actions open" in line
    assert (
        last_done(past, "clean", night.BEGIN + timedelta(days=12, hours=1)) == "last done 12 days ago, took 1 min 35 s"
    )
    assert last_done(past, "never", night.BEGIN) == ""
    section = post_mortem(runbook, night.events(), folder).split("## Seen before")[1].split("\n## ")[0]
    assert "| INC-20261102-0200-backup-failure-2 | SEV-0 | 23 min 1 s | Because 5 | Mounted |" in section
    assert section.count("Watch mounts") == 2


def test_corrected_words_and_opened_steps_are_candidates_for_surprises(tmp_path: Path) -> None:
    events = night.events()[:-2]
    for kind, body in (
        (EventKind.REOPENED, {"step": "clean", "reason": "It filled up again"}),
        (EventKind.TEXT_CORRECTED, {"event": 24, "text": "ARP was not safe"}),
    ):
        events.append(replace(events[-1], seq=len(events) + 1, kind=kind, body=body))
    found = post_mortem(night.runbook(), events, night.journal(tmp_path, events))
    section = found.split("## What surprised us")[1].split("\n## ")[0]
    assert "3.3 Clean up was opened again: It filled up again" in section
    assert "Event 24 was corrected to: ARP was not safe" in section


def test_declaration_and_open_incident_say_what_was_seen_before(tmp_path: Path) -> None:
    incidents = tmp_path / "logs" / "incidents"
    incidents.mkdir(parents=True)
    past = night.journal(incidents, night.events())
    step = "{id: clean, title: S, instructions: Do it, expect: Done}"
    text = f"midwatch: 1\nid: backup-failure\ntitle: T\nseverity: SEV-1\nphases: [{{title: P, steps: [{step}]}}]\n"
    (tmp_path / "runbook.yaml").write_text(text, encoding="utf-8")
    (past.path / "runbook.yaml").write_text(f"{text}environment: rehearsal\n", encoding="utf-8")
    assert f"Seen before: {past.id}, " in midwatch_text("declare", cwd=tmp_path).stdout
    shown = midwatch_text("show", cwd=tmp_path).stdout
    assert f"seen before: {past.id}, " in shown
    assert "SEV-0 in a rehearsal, lasted" in shown
    assert "S  last done " in shown
    assert "in a rehearsal, took 1 min 35 s" in shown
