"""A condition is true, false, pending or undecided by what the incident recorded, in any combination."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.incident.conditions import Verdict, evaluate
from midwatch.incident.events import StepOutcome
from midwatch.incident.persistent import PersistentList
from midwatch.incident.state import Incident
from midwatch.incident.step_state import Attempt, StepState
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.condition_forms import (
    AllOf,
    AnswerCompares,
    AnswerIs,
    AnyOf,
    CheckHolds,
    Condition,
    Negation,
    Outcome,
    OutcomeIs,
    Relation,
)
from midwatch.runbook.measures import Measure
from midwatch.runbook.model import CheckSpec
from midwatch.runbook.value_sources import Reference
from midwatch.system.errors import SourceLocation

DAYS = Reference("read", "days")
CONCLUDED = (StepStatus.DONE, StepStatus.SKIPPED)


def incident_with(status: StepStatus, *, unknown: bool = False, ever_failed: bool = False, **values: str) -> Incident:
    """An incident in which the step `read` has this status and has reported these values."""
    attempt = Attempt(1, "ada", datetime(2026, 11, 23, 2, 0, tzinfo=UTC), outcome=StepOutcome.UNKNOWN)
    attempts: PersistentList[Attempt] = PersistentList()
    if unknown:
        attempts = attempts.appended(attempt)
    return Incident(steps={"read": StepState("read", status, attempts, ever_failed=ever_failed, values=values)})


def compares(**limits: str) -> AnswerCompares:
    return AnswerCompares((DAYS,), tuple((Relation(key), Measure.parse(text)) for key, text in limits.items()))


@pytest.mark.parametrize(
    ("limits", "value", "verdict"),
    [
        ({"below": "7"}, "6.9", Verdict.TRUE),
        ({"below": "7"}, "7", Verdict.FALSE),
        ({"at_most": "7"}, "7", Verdict.TRUE),
        ({"above": "7"}, "7", Verdict.FALSE),
        ({"at_least": "7"}, "7", Verdict.TRUE),
        ({"above": "-1", "below": "1"}, "0", Verdict.TRUE),
        ({"above": "-1", "below": "1"}, "-1.5", Verdict.FALSE),
        ({"below": "7 d"}, "167 h", Verdict.TRUE),
        ({"below": "7 d"}, "604799", Verdict.TRUE),
        ({"at_least": "2 GiB"}, "2147483647", Verdict.FALSE),
        ({"above": "80 %"}, "96 %", Verdict.TRUE),
        ({"above": "80 %"}, "96", Verdict.TRUE),
        ({"above": "80 %"}, "96 GB", Verdict.UNDECIDED),
        ({"below": "7"}, "6 d", Verdict.UNDECIDED),
        ({"below": "7"}, "n/a", Verdict.UNDECIDED),
        ({"below": "7"}, "", Verdict.UNDECIDED),
        ({"below": "7"}, "nan", Verdict.UNDECIDED),
        ({"below": "7"}, "9" * 5000, Verdict.UNDECIDED),
    ],
)
def test_value_compared_with_limits_by_quantity_or_undecided(
    limits: dict[str, str], value: str, verdict: Verdict
) -> None:
    assert evaluate(compares(**limits), incident_with(StepStatus.DONE, days=value)).verdict is verdict


@pytest.mark.parametrize(
    ("outcome", "state", "verdict"),
    [
        (Outcome.DONE, {"status": StepStatus.DONE}, Verdict.TRUE),
        (Outcome.DONE, {"status": StepStatus.SKIPPED}, Verdict.FALSE),
        (Outcome.DONE, {"status": StepStatus.FAILED}, Verdict.PENDING),
        (Outcome.DONE, {"status": StepStatus.SKIPPED, "unknown": True}, Verdict.UNDECIDED),
        (Outcome.FAILED, {"status": StepStatus.DONE, "ever_failed": True}, Verdict.TRUE),
        (Outcome.FAILED, {"status": StepStatus.DONE}, Verdict.FALSE),
        (Outcome.FAILED, {"status": StepStatus.RUNNING}, Verdict.PENDING),
        (Outcome.FAILED, {"status": StepStatus.SKIPPED, "unknown": True}, Verdict.UNDECIDED),
        (Outcome.UNKNOWN, {"status": StepStatus.UNKNOWN, "unknown": True}, Verdict.TRUE),
        (Outcome.UNKNOWN, {"status": StepStatus.SKIPPED, "unknown": True}, Verdict.TRUE),
        (Outcome.UNKNOWN, {"status": StepStatus.DONE, "unknown": True}, Verdict.FALSE),
        (Outcome.SKIPPED, {"status": StepStatus.SKIPPED}, Verdict.TRUE),
        (Outcome.SKIPPED, {"status": StepStatus.DONE}, Verdict.FALSE),
        (Outcome.SKIPPED, {"status": StepStatus.TODO}, Verdict.PENDING),
    ],
)
def test_outcome_of_step_evaluated_from_its_state(outcome: Outcome, state: dict[str, Any], verdict: Verdict) -> None:
    assert evaluate(OutcomeIs(outcome, ("read",)), incident_with(**state)).verdict is verdict


@pytest.mark.parametrize(
    ("status", "values", "verdict"),
    [
        (StepStatus.DONE, {"days": "3"}, Verdict.TRUE),
        (StepStatus.DONE, {"days": " "}, Verdict.FALSE),
        (StepStatus.DONE, {}, Verdict.FALSE),
        (StepStatus.SKIPPED, {}, Verdict.FALSE),
        (StepStatus.TODO, {}, Verdict.PENDING),
    ],
)
def test_value_is_present_once_it_was_reported(status: StepStatus, values: dict[str, str], verdict: Verdict) -> None:
    assert evaluate(AnswerIs((DAYS,)), incident_with(status, **values)).verdict is verdict


LEAF = {
    Verdict.TRUE: OutcomeIs(Outcome.DONE, ("done",)),
    Verdict.FALSE: OutcomeIs(Outcome.SKIPPED, ("done",)),
    Verdict.PENDING: OutcomeIs(Outcome.DONE, ("later",)),
    Verdict.UNDECIDED: AnswerIs((Reference("done", "key"),), ("yes",)),
    Verdict.DUE: CheckHolds(CheckSpec("disk-1", "the check disk", "disk", {}, SourceLocation("r.yaml"))),
}
STATE = Incident(steps={"done": StepState("done", StepStatus.DONE)})
VERDICTS = st.sampled_from(list(Verdict))


def leaf_of(verdict: Verdict) -> Condition:
    assert evaluate(LEAF[verdict], STATE).verdict is verdict
    return LEAF[verdict]


@given(st.lists(VERDICTS, min_size=1, max_size=5))
def test_several_conditions_joined_as_three_valued_logic_with_pending(verdicts: list[Verdict]) -> None:
    conditions = tuple(map(leaf_of, verdicts))
    every, some = evaluate(AllOf(conditions), STATE).verdict, evaluate(AnyOf(conditions), STATE).verdict
    assert (every is Verdict.TRUE) == all(verdict is Verdict.TRUE for verdict in verdicts)
    assert (every is Verdict.FALSE) == (Verdict.FALSE in verdicts)
    assert (some is Verdict.TRUE) == (Verdict.TRUE in verdicts)
    assert (some is Verdict.FALSE) == all(verdict is Verdict.FALSE for verdict in verdicts)
    # De Morgan: "not all" is "any not", for every verdict
    negated = AnyOf(tuple(Negation(condition) for condition in conditions))
    assert evaluate(Negation(AllOf(conditions)), STATE).verdict is evaluate(negated, STATE).verdict
    if Verdict.PENDING in verdicts and every is not Verdict.FALSE:
        assert every is Verdict.PENDING, "a pending condition may yet decide, so nobody is asked before"
