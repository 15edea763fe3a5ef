"""Drafts of messages: whose they are, what they hold, and what an editor makes of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from midwatch.system.errors import BadInput, Failed, Refused
from tests.support.users import MALLORY, needs_root, run_as

RUNBOOK = """\
midwatch: 1
id: told
title: Told
severity: SEV-2
comms:
  templates: {press: "{{ title }}: {{ impact }}"}
roles: {lead: {name: Tech Lead}, officer: {name: Press officer, channel: press}}
channels:
  press: {kind: file, path: press.jsonl, outside: true}
  lead: {kind: file, path: lead.jsonl}
phases:
  - title: Work
    steps:
      - {id: ask, title: Ask, questions: [{name: bad, prompt: Is it bad?, kind: yes-no}]}
      - {id: tell, title: Tell the lead, notify: [lead]}
      - {id: beg, title: Tell the press, notify: [officer]}
      - {id: again, title: Tell the lead again, notify: [lead], when: {answer: [ask.bad], is: yes}}
"""


@pytest.fixture
def controller(reachable: Path) -> Iterator[IncidentController]:
    (reachable / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(reachable / "runbook.yaml"), actor="ada")
    yield controller
    controller.leave()


def edited_by(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this shell script the editor."""
    editor = folder / "editor"
    editor.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    editor.chmod(0o700)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{editor} -f")


def test_each_audience_has_a_draft_of_its_template_and_only_a_confirmed_text_leaves_the_team(
    controller: IncidentController,
) -> None:
    composer = controller.composer
    assert composer.audiences() == ["incident", "press", "lead"]
    assert composer.draft("press").text == "Told: not assessed yet"
    assert (composer.draft().receivers, composer.draft("press").outside) == ((), True)
    with pytest.raises(BadInput, match="no channel 'prss'"):
        composer.draft("prss")
    with pytest.raises(Refused, match="needs a text"):
        composer.preview("press", " ")
    composer.keep("press", "Sorry")
    with pytest.raises(Refused, match="outside the team"):
        composer.send("press", "Sorry")
    assert composer.draft("press").text == "Sorry"
    composer.send("press", "Sorry", confirmed=True)
    assert composer.draft("press").kept_at is None
    with pytest.raises(Refused, match="no draft"):
        composer.send_due_draft()  # nobody receives it


@needs_root
def test_draft_is_read_by_its_writer_only_and_a_file_of_another_user_is_not_taken(
    controller: IncidentController,
) -> None:
    controller.folder.path.chmod(0o2777)
    composer = controller.composer
    composer.keep("press", "Nobody else reads this\x1b[2J; token=ghp_abcdefghijklmnopqrstuvwxyz0123456789")
    file = composer.file_of("press")
    assert file.stat().st_mode & 0o077 == 0
    text = file.read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert "ghp_" not in text
    file.unlink()
    file.parent.chmod(0o2777)

    def put() -> None:
        file.write_text("We pay everybody", encoding="utf-8")
        file.chmod(0o644)

    run_as(MALLORY, put)
    assert composer.draft("press").text == "Told: not assessed yet"
    composer.keep("press", "Mine")
    assert composer.draft("press").text == "Mine"
    assert file.stat().st_uid == os.geteuid()


def test_editor_gets_the_draft_and_one_that_fails_changes_nothing(
    controller: IncidentController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composer = controller.composer
    edited_by('echo "and $1 more" >> "$2"; [ "$1" = -f ]; kill -INT $PPID', tmp_path, monkeypatch)
    assert composer.edit("press", "One thing") == "One thing\nand -f more"  # Ctrl+C is the editor's
    edited_by('echo rubbish > "$2"; exit 1', tmp_path, monkeypatch)
    with pytest.raises(Failed, match="ended with exit 1"):
        composer.edit("press", "One thing")
    assert composer.draft("press").text == "One thing"
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("EDITOR", "no-such-editor")
    with pytest.raises(Failed, match="There is no editor"):
        composer.edit("press", "One thing")


def test_step_that_tells_by_a_channel_sends_its_note_or_the_draft_for_these_readers(
    controller: IncidentController, reachable: Path
) -> None:
    composer, steps = controller.composer, {step.id: step for step in controller.runbook.steps()}
    offered = composer.draft_for(steps["tell"])
    assert offered is not None
    assert offered.receivers == ("file (lead.jsonl)",)
    assert "What happened: Told" in offered.text
    assert composer.draft_for(steps["ask"]) is None
    assert composer.draft_for(steps["beg"]) is None  # a person tells whoever is outside the team
    controller.mark_done("ask", values={"bad": "no"})
    assert composer.draft_for(steps["again"]) is None  # not needed: the note says why it was done
    controller.mark_done("tell")
    controller.mark_done("again", note="Nothing more to do")
    controller.poll()
    first, second = controller.incident.deliveries.values()
    assert (first.channel, second.text) == ("lead", "Nothing more to do")
    assert first.text.startswith("SEV-2 Told, ")
    assert "update 1" not in first.text  # of the template for readers inside the team
