"""The checks that close an incident on paper: follow-ups and the post-mortem, from a real journal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from actions.checks.follow_ups import CheckFollowUps
from actions.checks.post_mortem import CheckPostMortem
from actions.write_post_mortem import WritePostMortem
from midwatch.api.action import Context
from midwatch.api.plan import Verb
from midwatch.incident.events import EventKind
from midwatch.incident.follow_ups import parse_follow_ups
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.reports.sections import TO_WRITE, Section
from midwatch.runbook.model import Phase, Risk, Step, StepKind
from midwatch.system.clock import SystemClock
from midwatch.system.errors import OutcomeUnknown, Refused, SourceLocation
from tests.support.host_world import Heard, declared_incident

PHASES = (
    Phase(
        "post-incident",
        "Post-incident actions",
        "8",
        tuple(
            Step(name, f"8.{number}", name, StepKind.MANUAL, Risk.OBSERVE, SourceLocation("runbook.yaml"))
            for number, name in enumerate(("write-post-mortem", "assign-follow-ups", "publish-post-mortem"), start=1)
        ),
    ),
)


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    """A declared incident."""
    return declared_incident(tmp_path)


def tick(incident: Path, step: str, **values: str) -> None:
    journal = Journal.open(IncidentFolder(incident).journal, actor="ada@bastion", clock=SystemClock())
    journal.append(EventKind.MARKED_DONE, {"step": step, "note": "", "values": values})
    journal.close()


def test_follow_ups_need_an_owner_and_a_date(make_context: Callable[..., Context], incident: Path) -> None:
    context = make_context(incident=incident)
    assert CheckFollowUps().evaluate(context).summary == "0 of 1 follow-up actions assigned"
    tick(incident, "assign-follow-ups", follow_ups="alert on disk at 85 %; ; 2026-12-01\nkeep the password; bob; soon")
    outcome = CheckFollowUps().evaluate(context)
    assert not outcome.ok
    assert outcome.summary == "follow-up 1 has no owner; follow-up 2 has no date such as 2026-12-01 (soon)"
    tick(
        incident,
        "assign-follow-ups",
        follow_ups="alert at 85 %; then page; ada; 2026-12-01\n\nkeep it; bob; 2026-12-08\n",
    )
    done = CheckFollowUps().evaluate(context)
    assert done.ok
    assert done.summary == "2 follow-up actions assigned: ada, bob"
    assert not CheckFollowUps(least=3).evaluate(context).ok


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("what; ada; 2026-12-01", ""),
        ("a; b; c; ada; 2026-12-01", ""),
        ("what", "has no owner"),
        ("what; ada", "has no due date"),
        ("what; ada; 2026-13-01", "has no date such as 2026-12-01 (2026-13-01)"),
        ("; ada; 2026-12-01", "says nothing"),
    ],
)
def test_follow_up_line_names_its_missing_parts(line: str, missing: str) -> None:
    assert [item.missing for item in parse_follow_ups(line)] == [missing]


def test_rca_outside_an_incident_and_before_it_is_written(make_context: Callable[..., Context], incident: Path) -> None:
    with pytest.raises(OutcomeUnknown, match="no incident"):
        CheckPostMortem().evaluate(make_context())
    assert CheckPostMortem().evaluate(make_context(incident=incident)).summary == "The post-mortem is not written yet"


def test_post_mortem_check_follows_the_answers_until_it_is_published(
    make_context: Callable[..., Context], incident: Path, heard: Heard
) -> None:
    context = make_context(incident=incident, step="export-post-mortem", phases=PHASES)
    action = WritePostMortem()
    plan = action.plan(context)
    assert [(effect.verb, effect.object) for effect in plan.effects] == [
        (Verb.CREATE, str(incident / "post-mortem.md"))
    ]
    assert action.apply(context, plan).values["complete"] == "no"
    assert "The post-mortem lacks" in CheckPostMortem().evaluate(context).summary
    answers = {f"why_{number}": f"because {number}" for number in range(1, 6)}
    tick(
        incident,
        "write-post-mortem",
        **answers,
        impact="no user noticed",
        fixes="made room",
        controls="an alert at 85 %",
    )
    tick(incident, "assign-follow-ups", follow_ups="alert at 85 %; ada; 2026-12-01")
    written = action.apply(context, action.plan(context)).values
    assert written["complete"] == "yes"
    assert written["post_mortem_sha256"] == hashlib.sha256((incident / "post-mortem.md").read_bytes()).hexdigest()
    assert (incident / "post-mortem.md.before").exists()
    assert CheckPostMortem().evaluate(context).summary == "The post-mortem is complete but not published"
    tick(incident, "publish-post-mortem", url="https://wiki.example/rca/17")
    outcome = CheckPostMortem().evaluate(context)
    assert outcome.ok
    assert outcome.values["published"] == "https://wiki.example/rca/17"
    assert "; still to be written: " in outcome.summary
    action.apply(context, action.plan(context))
    status = (incident / "post-mortem.md").read_text().splitlines()[2]
    assert status.startswith("**Status:** published at https")
    assert "; still to be written: " in status
    assert "Where we got lucky" in status


def test_post_mortem_written_again_keeps_what_people_wrote_and_shows_a_conflict(
    make_context: Callable[..., Context], incident: Path, heard: Heard
) -> None:
    context = make_context(incident=incident, step="export-post-mortem", phases=PHASES)
    action, document = WritePostMortem(), incident / "post-mortem.md"
    action.apply(context, action.plan(context))
    generated = document.read_text()
    lucky, impact = f"## {Section.LUCKY}\n\n{TO_WRITE}", f"## {Section.IMPACT}\n\n{TO_WRITE}"
    ours = generated.replace(lucky, f"## {Section.LUCKY}\n\nAda was awake.").replace(impact, "## Impact\n\nNone felt.")
    document.write_text(ours)
    assert next(effect.note for effect in action.plan(context).effects) == (
        "from the journal, with what people wrote in it"
    )
    tick(incident, "write-post-mortem", why_1="The disk was full", controls="an alert at 85 %")
    action.apply(context, action.plan(context))
    merged = document.read_text()
    assert "Ada was awake." in merged
    assert "None felt." in merged
    assert "The disk was full" in merged
    assert "<<<<<<<" not in merged
    assert (incident / "post-mortem.md.before").read_text() == ours
    tick(incident, "write-post-mortem", why_1="The disk was full", controls="an alert at 85 %", impact="Imports waited")
    outcome = action.apply(context, action.plan(context))
    both = "<<<<<<< as people wrote it\nNone felt.\n=======\nImports waited\n>>>>>>> as the journal says now\n"
    assert both in document.read_text()
    assert "1 conflict to resolve" in outcome.summary
    assert "Impact" in outcome.summary
    assert "1 conflict that nobody has resolved" in CheckPostMortem().evaluate(context).summary
    action.apply(context, action.plan(context))
    assert document.read_text().count(both) == 1


def test_post_mortem_without_an_incident_is_refused(make_context: Callable[..., Context]) -> None:
    assert "no incident" in WritePostMortem().plan(make_context()).refusal
    with pytest.raises(Refused):
        WritePostMortem().apply(make_context(), WritePostMortem().draft().plan())
