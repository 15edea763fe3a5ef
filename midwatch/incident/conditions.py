"""Evaluates the `when:` condition of a step: true, false, not known yet, or never to be known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from midwatch.incident.events import StepOutcome
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import INPUTS, Condition, Reference, Step, StepKind

if TYPE_CHECKING:
    from midwatch.incident.state import Incident


class Verdict(IntEnum):
    """The result of evaluating a condition. The highest verdict of several alternatives counts."""

    FALSE = 0
    UNDECIDED = 1
    """The step concluded without reporting the value, so a person decides."""
    PENDING = 2
    """The step that reports the value has not ended yet."""
    TRUE = 3


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A verdict and its reason, as a sentence without its end."""

    verdict: Verdict
    reason: str


def evaluate(condition: Condition, incident: Incident) -> Evaluation:
    """Whether the condition holds in this state of the incident."""
    if condition.failed:
        return _any(_failed(step_id, condition, incident) for step_id in condition.failed)
    if condition.answers:
        return _any(_answered(answer, condition, incident) for answer in condition.answers)
    return Evaluation(Verdict.TRUE, "there is no condition")


def _any(alternatives: Iterable[Evaluation]) -> Evaluation:
    return max(alternatives, key=lambda evaluation: evaluation.verdict)


def _failed(step_id: str, condition: Condition, incident: Incident) -> Evaluation:
    state = incident.steps.get(step_id)
    if state is not None and state.ever_failed:
        return Evaluation(Verdict.TRUE, f"{step_id} failed")
    status = _status(step_id, condition, incident)
    if not status.concluded:
        return Evaluation(Verdict.PENDING, f"{step_id} is {status}")
    last = state.last if state is not None else None
    if status is StepStatus.SKIPPED and last is not None and last.outcome is StepOutcome.UNKNOWN:
        return Evaluation(Verdict.UNDECIDED, f"{step_id} ended with an unknown outcome and was skipped")
    return Evaluation(Verdict.FALSE, f"{step_id} did not fail")


def _answered(answer: Reference, condition: Condition, incident: Incident) -> Evaluation:
    value = incident.value(answer.step, answer.key)
    if value is not None:
        return Evaluation(Verdict.TRUE if value in condition.any_of else Verdict.FALSE, f"{answer} is {value}")
    if answer.step == INPUTS:
        return Evaluation(Verdict.FALSE, f"{answer} was left empty")
    status = _status(answer.step, condition, incident)
    if not status.concluded:
        return Evaluation(Verdict.PENDING, f"{answer} is not known yet: {answer.step} is {status}")
    if status is StepStatus.NOT_NEEDED:
        return Evaluation(Verdict.FALSE, f"{answer.step} was not needed")
    source = condition.source(answer.step)
    if status is StepStatus.DONE and source is not None and _asks(source, answer.key):
        return Evaluation(Verdict.FALSE, f"{answer} was left empty")
    return Evaluation(
        Verdict.UNDECIDED, f"{answer} is not known: {answer.step} is {status} and did not report {answer.key}"
    )


def _asks(step: Step, key: str) -> bool:
    """Whether a person was asked for this value, so that an empty answer is an answer."""
    return step.kind is StepKind.MANUAL and any(question.name == key for question in step.questions)


def _status(step_id: str, condition: Condition, incident: Incident) -> StepStatus:
    source = condition.source(step_id)
    if source is not None:
        return incident.status(source)
    return incident.steps[step_id].status if step_id in incident.steps else StepStatus.TODO
