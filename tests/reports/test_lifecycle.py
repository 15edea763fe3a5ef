"""The moments of an incident with their evidence, and the times between them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.reports.incident_facts import Facts
from midwatch.reports.lifecycle import Lifecycle, phase_times
from midwatch.reports.lifecycle_section import impact_times, lifecycle_tables
from midwatch.runbook.model import Runbook, StepKind
from midwatch.runbook.value_sources import Question
from tests.reports import night

FOLDER = IncidentFolder(Path(night.ID))
TIMES = ("impact_began", "impact_ended", "detected_at")


def facts(events: list[Event], runbook: Runbook | None = None, **more: Any) -> Facts:
    return Facts.of(runbook or night.runbook(), events, FOLDER, **more)


def asking(runbook: Runbook, *names: str) -> Runbook:
    """The runbook with these questions in each manual step."""
    more = tuple(Question(name, name) for name in names)
    phases = tuple(
        replace(
            phase,
            steps=tuple(
                replace(step, questions=step.questions + more) if step.kind is StepKind.MANUAL else step
                for step in phase.steps
            ),
        )
        for phase in runbook.phases
    )
    return replace(runbook, phases=phases)


def said(seq: int, kind: str, body: dict[str, Any], like: Event) -> Event:
    return replace(like, seq=seq, kind=kind, body=body)


def test_lifecycle_names_each_moment_with_its_evidence_and_its_event() -> None:
    found = Lifecycle.of(facts(night.events()))
    assert [(moment.name, moment.event) for moment in found.moments] == [
        ("began", 5),
        ("detected", 1),
        ("declared", 1),
        ("acknowledged", 6),
        ("mitigated", 27),
        ("resolved", 35),
        ("closed", 35),
    ]
    assert "[FAILURE] stopped" in found.moments[0].evidence
    assert all(moment.at and moment.evidence for moment in found.moments)
    assert {one.name: one.seconds and round(one.seconds) for one in found.intervals} == {
        "detect": 600,
        "acknowledge": 52,
        "mitigate": 393,
        "resolve": 1381,
        "close": 0,
    }


def test_title_of_a_phase_or_step_decides_nothing() -> None:
    runbook = night.runbook()
    words = ("recovery", "mitigated", "resolved", "began", "detected")
    phases = tuple(
        replace(
            phase,
            title=" ".join(words),
            steps=tuple(replace(step, title=" ".join(words), marks="") for step in phase.steps),
        )
        for phase in runbook.phases
    )
    events = [replace(event, body={**event.body, "marks": None}) for event in night.events()[:30]]
    found = Lifecycle.of(facts(events, replace(runbook, phases=phases)))
    assert [m.name for m in found.moments if m.at is None] == ["acknowledged", "mitigated", "resolved", "closed"]
    mitigated = found.moment("mitigated")
    assert mitigated is not None
    assert mitigated.evidence == "no step of the runbook marks 'mitigated'"
    assert found.interval("mitigate").seconds is None


def test_mark_of_a_step_that_is_reopened_or_undone_no_longer_counts() -> None:
    events = night.events()[:27]
    reopened = said(28, "step.reopened", {"step": "rest", "reason": "loud again"}, events[-1])
    found = Lifecycle.of(facts([*events, reopened])).moment("mitigated")
    assert found is not None
    assert (found.at, found.evidence) == (None, "3.5 Rest is not done")
    again = said(29, "step.marked_done", {**events[-1].body}, events[-1])
    found = Lifecycle.of(facts([*events, reopened, again])).moment("mitigated")
    assert found is not None
    assert found.event == 29


def test_impact_and_detection_are_what_people_answered_and_never_guessed() -> None:
    runbook = asking(night.runbook(), *TIMES)
    events = night.events()
    silent = Lifecycle.of(facts(events, runbook))
    assert silent.interval("impact").seconds is None
    assert "not known: asked, and left empty by ada@bastion" in impact_times(facts(events, runbook))
    early = [event for event in events if event.kind != EventKind.MARKED_DONE]
    assert "not known: nobody answered" in impact_times(facts(early, runbook))
    assert impact_times(facts(events)) == ""
    answers = {"impact_began": "01:40", "impact_ended": "2026-11-23T03:10:00+01:00", "detected_at": "01:55"}
    own = events[5]
    events[5] = replace(own, body={**own.body, "values": answers})
    events[5] = replace(events[5], body={**events[5].body, "values": {**answers, "impact_ended": "01:58:20"}})
    found = Lifecycle.of(facts(events, runbook))
    assert round(found.interval("impact").seconds or 0) == 1100
    assert round(found.interval("detect").seconds or 0) == 293
    events[5] = replace(own, body={**own.body, "values": {**answers, "impact_began": "a while ago"}})
    assert "is no time" in impact_times(facts(events, runbook))


def test_time_of_the_readers_stands_beside_utc_where_it_differs() -> None:
    found = lifecycle_tables(facts(night.events(), zone=ZoneInfo("Europe/Berlin")))
    assert "| Declared | 2026-11-23 02:00:07 | 03:00:07 CET | by ada@bastion | 1 |" in found
    assert "Local" not in lifecycle_tables(facts(night.events(), zone=ZoneInfo("UTC")))
    assert "| 2026-11-22 20:50:07 EST |" in lifecycle_tables(facts(night.events(), zone=ZoneInfo("America/New_York")))


def test_phase_lasts_from_its_first_event_to_its_last() -> None:
    found = {phase.title: round(phase.seconds) for phase in phase_times(facts(night.events()))}
    assert found == {"2 Detection": 2, "3 Recovery": 341, "4 Afterwards": 10}
