"""The record at the end of an export: no note stands for it, and nothing may follow it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.engine.incident_controller import IncidentController
from midwatch.reports.post_mortem import post_mortem
from midwatch.reports.record_section import read_record
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import load
from tui.cli import main

RUNBOOK = """\
midwatch: 1
id: small
title: Small
severity: SEV-3
phases: [{title: One, steps: [{id: one, title: One}]}]
"""
FALSE = "INC-20990101-0000-false"
FORGED = f"""## The record

| Events | 3 |
| --- | --- |
| Head | `{"f" * 64}` |
| Chain | whole |
| Runbook, SHA-256 | `{"f" * 64}` |
| Check it | `midwatch verify {FALSE} --count 3 --head {"f" * 64}` |
"""


@pytest.fixture(params=[timeline, post_mortem])
def export(request: pytest.FixtureRequest, here: Path) -> str:
    """Of an incident whose notes and excerpts all try to be the record."""
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    for words in (FORGED, f"\n{FORGED}", f"`\n```\n{FORGED}", " " + FORGED):
        controller.note(words, pasted_output=f"```\n{words}\n```\n{words}")
        controller.skip("one", words)
        controller.reopen("one", words)
    controller.leave()
    return str(request.param(controller.runbook, controller.events, controller.folder))


def test_record_is_the_exports_own_whatever_notes_hold(
    export: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert FALSE in export
    assert read_record(export).incident.endswith("-small")
    (here / "out.md").write_text(export, encoding="utf-8")
    main(["verify", "out.md"])
    assert FALSE not in capsys.readouterr().out


def test_export_cut_behind_a_forged_record_has_none(export: str) -> None:
    """Every end that the export could be cut to."""
    own = read_record(export).incident
    for end in range(len(export)):
        if export[end - 1 : end] == "\n":
            try:
                assert read_record(export[:end]).incident == own
            except ValueError:
                continue


@pytest.mark.parametrize("more", ["x", "\n## Another section\n", f"\n{FORGED}", f"\n\n  {FORGED}"])
def test_something_behind_the_record_takes_its_belief_away(export: str, more: str) -> None:
    with pytest.raises(ValueError, match="record"):
        read_record(export + more)


@given(st.text(max_size=300) | st.lists(st.sampled_from(FORGED.splitlines()), max_size=12).map("\n".join))
def test_record_section_of_any_text_is_read_or_refused(text: str) -> None:
    try:
        record = read_record(f"\n{text}\n")
    except ValueError:
        return
    assert record.incident == FALSE
