"""The preventive controls of a runbook: evaluated in a step, by a check, and named in the post-mortem."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from actions.checks.controls import CheckControls
from actions.review_controls import ReviewControls
from actions.write_post_mortem import WritePostMortem
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.model import CheckSpec, Phase, Risk, Step, StepKind
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, SourceLocation
from tests.support.backup_sets import write_set
from tests.support.host_world import Heard, declared_incident

STEPS = "phases: [{title: P, steps: [{title: Look, id: look, run: 'true', risk: observe}]}]\n"
WHERE = SourceLocation("runbook.yaml")
CONTROLS = (
    CheckSpec("young", "Backups are young", "backup-age", {}, WHERE),
    CheckSpec("copies", "There are two copies", "backup-redundancy", {}, WHERE),
    CheckSpec("room", "Jobs have room", "disk-guardrail", {"paths": "nowhere"}, WHERE),
    CheckSpec("mine", "My own", "command", {"run": "echo so it is; exit 2"}, WHERE),
)
REVIEW = Step("policy", "8.2", "Review", StepKind.USES, Risk.OBSERVE, WHERE, uses="review-controls")


@pytest.fixture
def context(make_context: Callable[..., Context], tmp_path: Path) -> Context:
    write_set(tmp_path / "backups" / "prod", 1, b"dump")
    incident = declared_incident(tmp_path)
    targets = {"arp-db-prod": Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP")}
    phases = (Phase("after", "Afterwards", "8", (REVIEW,)),)
    return make_context(targets=targets, controls=CONTROLS, incident=incident, step="policy", phases=phases)


def test_review_reports_the_state_of_each_control_and_the_post_mortem_lists_them(
    context: Context, heard: Heard
) -> None:
    action = ReviewControls()
    plan = action.plan(context)
    assert next(effect.object for effect in plan.effects) == "what the check backup-age looks at: Backups are young"
    outcome = action.apply(context, plan)
    assert (outcome.ok, outcome.summary) == (True, "1 of 4 controls hold, not: copies, room, mine")
    assert outcome.values == {
        "young": "OK: newest good backups: ARP 1 h old",
        "copies": "WARNING: ARP good backups 1, below 2",
        "room": outcome.values["room"],
        "mine": "CRITICAL: so it is",
        "failing": "copies, room, mine",
    }
    assert outcome.values["room"].startswith("UNKNOWN: ")
    assert "copies: WARNING: ARP good backups 1, below 2" in heard.lines
    assert context.incident is not None
    journal = Journal.open(IncidentFolder(context.incident).journal, actor="ada@bastion", clock=SystemClock())
    journal.append(EventKind.MARKED_DONE, {"step": "policy", "note": "", "values": dict(outcome.values)})
    journal.close()
    WritePostMortem().apply(context, WritePostMortem().plan(context))
    section = (context.incident / "post-mortem.md").read_text().partition("## Preventive controls")[2]
    row = "| There are two copies | copies | backup-redundancy | WARNING: ARP good backups 1, below 2 |\n"
    assert row in section.partition("\n## ")[0]


def test_check_of_controls_has_the_state_of_the_worst(context: Context) -> None:
    outcome = CheckControls().evaluate(context)
    assert (outcome.state, outcome.figures[0].value) == (Level.CRITICAL, 1)
    assert outcome.summary.startswith("mine: so it is; ")
    assert CheckControls(controls=("young", "copies")).evaluate(context).state is Level.WARN
    assert CheckControls(controls=("young",)).evaluate(context).summary == "1 control holds"
    with pytest.raises(BadInput, match="no control 'yuong'") as error:
        CheckControls(controls=("yuong",)).evaluate(context)
    assert "young" in error.value.hint


@pytest.mark.parametrize(
    ("controls", "sentence"),
    [
        ("[{title: t, check: no-such}]", "There is no action 'no-such'"),
        ("[{title: t, check: freeze}]", "freeze is not a check: it changes something"),
        ("[{title: t, check: disk, with: {path: {from: look.x}}}]", "of a control's check cannot come from a step"),
        ("[{title: '{{ look.x }}', check: disk, with: {path: /}}]", "No value is known where this text is shown"),
        ("[{id: a, title: t, check: nightly-set}, {id: a, title: u, check: nightly-set}]", "'a'"),
        ("[{title: t}]", "needs the key 'check'"),
    ],
)
def test_control_that_cannot_be_evaluated_any_day_is_refused_by_lint(
    tmp_path: Path, controls: str, sentence: str
) -> None:
    file = tmp_path / "runbook.yaml"
    file.write_text("midwatch: 1\nid: b\ntitle: B\nseverity: SEV-3\n" + STEPS + f"controls: {controls}\n")
    with pytest.raises(RunbookErrors) as errors:
        load(file, environment={})
    assert sentence in str(errors.value)
