"""The state of an incident is the fold over its events, wherever one stops and goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.api.plan import Effect, Plan, Verb
from midwatch.incident.events import RETIRED_KINDS, Event, EventKind
from midwatch.incident.reducer import apply_event, reduce
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.condition_forms import AnswerIs, Outcome, OutcomeIs
from midwatch.runbook.model import Phase, Risk, Runbook, Step, StepKind
from midwatch.runbook.severity import Severity
from midwatch.runbook.value_sources import Reference
from midwatch.system.errors import BadInput, SourceLocation

BEGIN = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
HERE = SourceLocation("runbook.yaml")


def step(step_id: str, **more: Any) -> Step:
    return Step(step_id, "1.1", step_id, StepKind.RUN, Risk.CHANGE, HERE, **more)


STEPS = (
    step("dump"),
    step("check", depends_on=("dump",)),
    step("tell", when=OutcomeIs(Outcome.FAILED, ("dump", "check"))),
    step("report", when=AnswerIs((Reference("check", "risk"),), ("yes",))),
)
RUNBOOK = Runbook(
    id="x", title="X", severity=Severity.SEV1, file=Path("r"), site=None, base=Path("/"), sha256="",
    phases=(Phase("p", "P", "1", STEPS),),
)  # fmt: skip
PLAN = Plan("shell", {"a": "b"}, (Effect(Verb.REMOVE, "old", 5),), confirm_name="old")


def after(*told: tuple[str, Mapping[str, Any]]) -> Incident:
    return reduce(events(*told))


def events(*told: tuple[str, Mapping[str, Any]]) -> list[Event]:
    return [
        Event(n, BEGIN + timedelta(seconds=n), 100.0 + n, "boot", f"actor-{n}", kind, body)
        for n, (kind, body) in enumerate(told, start=1)
    ]


DECLARED = (EventKind.DECLARED, {"id": "INC-1", "title": "X", "severity": "SEV-1", "base": "/", "host": "h"})


def confirmed(step_id: str, attempt: int = 1, reason: str = "") -> tuple[str, Mapping[str, Any]]:
    return EventKind.CONFIRMED, {
        "step": step_id,
        "attempt": attempt,
        "plan": PLAN.to_json(),
        "digest": "",
        "reason": reason,
    }


def started(step_id: str, attempt: int = 1) -> tuple[str, Mapping[str, Any]]:
    return EventKind.STARTED, {"step": step_id, "attempt": attempt, "command": "run", "supervisor": {"pid": 1}}


def finished(step_id: str, outcome: str = "done", attempt: int = 1, **more: Any) -> tuple[str, Mapping[str, Any]]:
    body: dict[str, Any] = {
        "step": step_id,
        "attempt": attempt,
        "outcome": outcome,
        "exit": 0,
        "seconds": 2.0,
        "ended": None,
    }
    return EventKind.FINISHED, body | {"summary": "said", "values": {}, "output": {}, "notify": []} | more


def reading(step_id: str, when: str, attempt: int = 1) -> tuple[str, Mapping[str, Any]]:
    data = {"probe": "disk", "at": "2026-11-23T02:00:00.000000Z", "rows": [], "error": when}
    return EventKind.READING, {"step": step_id, "attempt": attempt, "when": when, "reading": data}


def by_hand(kind: str, step_id: str, **more: Any) -> tuple[str, Mapping[str, Any]]:
    return kind, {"step": step_id, "note": "manually", "reason": "because", "values": {}, **more}


def test_attempt_from_its_confirmation_to_its_result() -> None:
    incident = after(DECLARED, confirmed("dump", reason="again"), reading("dump", "before"), started("dump"))
    state = incident.step("dump")
    assert (state.status, state.actor, state.reason) == (StepStatus.RUNNING, "actor-2", "again")
    assert incident.running() == [state]
    assert state.last is not None
    assert state.last.plan == PLAN
    assert state.last.outcome is None
    incident = after(
        DECLARED,
        confirmed("dump"),
        reading("dump", "before"),
        started("dump"),
        finished("dump", ended="2026-11-23T02:30:00.000000Z", values={"file": "/x"}),
        reading("dump", "after"),
    )
    state = incident.step("dump")
    assert state.status is StepStatus.DONE
    assert state.last is not None
    assert state.last.ended_at == datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
    assert (state.last.before["disk"].error, state.last.after["disk"].error) == ("before", "after")
    assert incident.value("dump", "file") == "/x"
    assert incident.value("dump", "other") is incident.value("other", "file") is None
    assert incident.running() == []


@pytest.mark.parametrize(
    ("outcome", "status", "failed"),
    [
        ("done", StepStatus.DONE, False),
        ("failed", StepStatus.FAILED, True),
        ("timed out", StepStatus.FAILED, True),
        ("cancelled", StepStatus.FAILED, False),
        ("unknown", StepStatus.UNKNOWN, False),
    ],
)
def test_step_outcome_decides_the_steps_that_depend_on_it(outcome: str, status: StepStatus, failed: bool) -> None:
    incident = after(DECLARED, confirmed("dump"), finished("dump", outcome, notify=["boss"] if failed else []))
    assert incident.status(STEPS[0]) is status
    assert (incident.status(STEPS[2]) is StepStatus.TODO) is failed
    assert incident.to_notify == ({"boss": "dump failed"} if failed else {})
    assert incident.unmet_needs(STEPS[1], RUNBOOK) == ([] if outcome == "done" else [STEPS[0]])


def test_failure_counts_for_conditions_also_after_a_retry_that_worked() -> None:
    incident = after(
        DECLARED, confirmed("dump"), finished("dump", "failed"), confirmed("dump", 2), finished("dump", attempt=2)
    )
    assert incident.status(STEPS[0]) is StepStatus.DONE
    assert incident.status(STEPS[2]) is StepStatus.TODO
    assert [attempt.outcome for attempt in incident.step("dump").attempts] == ["failed", "done"]


def test_late_event_of_an_earlier_attempt_lands_there() -> None:
    incident = after(
        DECLARED, confirmed("dump"), finished("dump", "failed"), confirmed("dump", 2), reading("dump", "after", 1)
    )
    first, second = incident.step("dump").attempts
    assert list(first.after) == ["disk"]
    assert second.after == {}


def test_condition_on_answers_follows_each_answer() -> None:
    assert after(DECLARED).status(STEPS[3]) is StepStatus.NOT_NEEDED
    yes = by_hand(EventKind.MARKED_DONE, "check", values={"risk": "yes"})
    no = by_hand(EventKind.MARKED_DONE, "check", values={"risk": "no"})
    assert after(DECLARED, yes).status(STEPS[3]) is StepStatus.TODO
    assert after(DECLARED, yes, no).status(STEPS[3]) is StepStatus.NOT_NEEDED


def test_decision_taken_back_leaves_its_notification() -> None:
    assert after(DECLARED, by_hand(EventKind.MARKED_DONE, "dump")).step("dump").reason == "manually"
    skipped = after(DECLARED, by_hand(EventKind.SKIPPED, "dump"))
    assert skipped.status(STEPS[0]) is StepStatus.SKIPPED
    assert skipped.unmet_needs(STEPS[1], RUNBOOK) == []
    assert skipped.step("dump").concluded_at == BEGIN + timedelta(seconds=2)
    reopened = after(DECLARED, by_hand(EventKind.SKIPPED, "dump"), by_hand(EventKind.REOPENED, "dump"))
    assert reopened.status(STEPS[0]) is StepStatus.TODO
    assert reopened.step("dump").concluded_at is None
    failed = after(DECLARED, by_hand(EventKind.MARKED_FAILED, "dump", notify=["boss"]))
    assert failed.status(STEPS[0]) is StepStatus.FAILED
    assert failed.to_notify == {"boss": "dump failed"}


def test_next_step_waits_at_a_failure_and_passes_what_runs() -> None:
    assert after(DECLARED).next_step(RUNBOOK) == STEPS[0]
    assert after(DECLARED, confirmed("dump")).next_step(RUNBOOK) == STEPS[1]
    assert after(DECLARED, confirmed("dump"), finished("dump", "failed")).next_step(RUNBOOK) == STEPS[0]
    done = after(
        DECLARED, by_hand(EventKind.MARKED_DONE, "dump"), by_hand(EventKind.MARKED_DONE, "check", values={"risk": "no"})
    )
    assert done.next_step(RUNBOOK) is None


def test_drivers_severity_criteria_notes_and_the_end() -> None:
    incident = after(
        DECLARED,
        (EventKind.DRIVER_JOINED, {}),
        (EventKind.SEVERITY, {"from": "SEV-1", "to": "SEV-0", "reason": ""}),
        (EventKind.CRITERION, {"criterion": "disk", "met": None, "detail": "?"}),
        (EventKind.CRITERION, {"criterion": "disk", "met": True, "detail": "71 %"}),
        (EventKind.NOTE, {"text": "early", "at": "2026-11-23T01:00:00.000000Z"}),
        (EventKind.NOTIFICATION_RECORDED, {"role": "boss", "message": "hello"}),
        (EventKind.UPDATE, {"message": "all well", "channel": ""}),
    )
    assert incident.open
    assert (incident.id, incident.driver, incident.severity) == ("INC-1", "actor-2", Severity.SEV0)
    assert incident.criteria["disk"].met is True
    early, told, update = incident.notes
    assert early.at.hour == 1
    assert early.written_at == BEGIN + timedelta(seconds=6)
    assert (told.role, update.is_update, incident.last_update_at) == ("boss", True, BEGIN + timedelta(seconds=8))
    closed = reduce(
        [*events(DECLARED, (EventKind.DRIVER_JOINED, {}), (EventKind.CLOSED, {}), (EventKind.DRIVER_LEFT, {}))]
    )
    assert closed.last is not None
    assert (closed.open, closed.driver, closed.last.seq) == (False, "", 4)


def test_notified_person_is_owed_nothing_until_the_next_failure() -> None:
    failing = [DECLARED, confirmed("dump"), finished("dump", "failed", notify=["boss"])]
    told = (EventKind.NOTIFICATION_RECORDED, {"role": "boss", "message": "x"})
    assert after(*failing, told).to_notify == {}
    assert after(*failing, told, confirmed("dump", 2), finished("dump", "failed", 2, notify=["boss"])).to_notify != {}


def test_kinds_of_a_newer_version_change_nothing() -> None:
    known, new = after(DECLARED), after(DECLARED, ("moon.phase", {"step": 7}))
    assert new.last is not None
    assert new.last.seq == 2
    new.last, new.elapsed = known.last, known.elapsed
    assert new == known


POOL = [
    DECLARED, confirmed("dump"), started("dump"), reading("dump", "before"), finished("dump"), finished("dump",
    "failed"),
    confirmed("dump", 2), finished("dump", "unknown", 2), by_hand(EventKind.MARKED_DONE, "check",
    values={"risk": "yes"}),
    by_hand(EventKind.SKIPPED, "tell"), by_hand(EventKind.REOPENED, "check"), by_hand(EventKind.MARKED_FAILED,
    "report"),
    (EventKind.NOTE, {"text": "x", "at": None}), (EventKind.DRIVER_JOINED, {}), (EventKind.DRIVER_LEFT, {}),
    ("moon.phase", {}),
]  # fmt: skip


ALICE, BOB = (
    {"name": name, "uid": uid, "login": uid, "pid": uid, "seen": True} for name, uid in (("al", 1), ("bo", 2))
)
APPROVAL = {"step": "dump", "digest": "d"}
PEOPLE = [
    (EventKind.SEVERITY, {"from": "SEV-1", "to": "SEV-0", "reason": "r"}), (EventKind.STARRED, {"event": 2,
    "starred": False}),
    (EventKind.NOTIFICATION_RECORDED, {"role": "boss", "message": "m"}), (EventKind.CLOSED, {"reason": "",
    "unmet": []}),
    (EventKind.UPDATE, {"message": "m", "channel": "#c"}), (EventKind.CONTROL_REQUESTED, {"by": "bo"}),
    (EventKind.HANDOFF_OFFERED, {"to": "bo", "expires": "2026-11-23T03:00:00.000000Z", "summary": ["s"]}),
    (EventKind.HANDOFF_WITHDRAWN, {"to": "bo", "reason": ""}), (EventKind.APPROVAL_ASKED, {**APPROVAL, "by": ALICE}),
    (EventKind.PINNED, {"target": "arp", "system_identifier": "7", "role": "primary"}),
    (EventKind.CRITERION, {"criterion": "c", "met": True, "detail": "d"}), (EventKind.JOURNAL_FAILED_OVER,
    {"to": "/x"}),
    (EventKind.JOURNAL_FAILED_BACK, {}),
    (EventKind.OUTCOME_CHECKED, {"step": "dump", "attempt": 1, "holds": True, "detail": "d"}),
    (EventKind.TRIED, {"step": "dump", "attempt": 1, "try": 1, "of": 2, "exit": 3,
    "ended": "2026-11-23T03:00:00.000000Z"}),
    (EventKind.FINISHED, {**finished("dump", "failed")[1], "notify": ["boss"]}),
]  # fmt: skip
NUMBERED = st.one_of(
    st.builds(lambda n: (EventKind.STARRED, {"event": n, "starred": True}), st.integers(1, 20)),
    st.builds(lambda n: (EventKind.TEXT_CORRECTED, {"event": n, "text": f"not {n}"}), st.integers(1, 20)),
    st.builds(lambda n: (EventKind.APPROVAL_GIVEN, {**APPROVAL, "asked": n, "by": BOB}), st.integers(1, 20)),
    st.builds(lambda n: (EventKind.APPROVAL_DECLINED, {**APPROVAL, "asked": n, "by": BOB}), st.integers(1, 20)),
)


@given(st.lists(st.one_of(st.sampled_from(POOL), st.sampled_from(PEOPLE), NUMBERED), max_size=30))
def test_state_after_each_event_equals_a_full_replay_and_never_changes(
    told: list[tuple[str, Mapping[str, Any]]],
) -> None:
    every = events(DECLARED, *told)
    states, copies = [Incident()], [asdict(Incident())]
    for event in every:
        states.append(apply_event(states[-1], event))
        copies.append(asdict(states[-1]))
    for count, (state, copy) in enumerate(zip(states, copies, strict=True)):
        assert asdict(state) == copy == asdict(reduce(every[:count]))
    whole = states[-1]
    assert whole.last == every[-1]
    assert {state.id for state in whole.running()} == {
        s.id for s in whole.steps.values() if s.status is StepStatus.RUNNING
    }
    for one in RUNBOOK.steps():
        assert whole.status(one) in StepStatus


@pytest.mark.parametrize("kind", sorted(RETIRED_KINDS))
def test_journal_of_an_older_build_is_refused_in_one_sentence(kind: str) -> None:
    event = Event(7, datetime(2026, 11, 23, 2, tzinfo=UTC), 1.0, "boot", "ada@test", kind, {})
    with pytest.raises(BadInput) as refused:
        reduce([event])
    assert refused.value.sentence == (
        f"Event 7 of this journal ({kind}) comes from a build of Midwatch before its first release"
    )
