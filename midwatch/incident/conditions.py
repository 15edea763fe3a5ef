"""Evaluates the `when:` condition of a step: true, false, not known yet, or never to be known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from midwatch.incident.events import StepOutcome
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
)
from midwatch.runbook.model import CheckSpec, Step, StepKind
from midwatch.runbook.value_sources import INPUTS, Reference

if TYPE_CHECKING:
    from midwatch.incident.state import Incident
    from midwatch.incident.step_state import CriterionState


class Verdict(IntEnum):
    """The result of evaluating a condition. The highest verdict of several alternatives counts."""

    FALSE = 0
    UNDECIDED = 1
    """The step concluded without reporting a usable value, so a person decides."""
    DUE = 2
    """A check has to be evaluated."""
    PENDING = 3
    """The step that reports the value has not ended yet."""
    TRUE = 4


_ALL_ORDER = (Verdict.FALSE, Verdict.PENDING, Verdict.DUE, Verdict.UNDECIDED, Verdict.TRUE)
"""The first of these among several requirements counts: a pending one may yet turn out false."""
_FOUND = {True: Verdict.TRUE, False: Verdict.FALSE, None: Verdict.UNDECIDED}
CHECK_WORDS = {True: "holds", False: "does not hold", None: "cannot be evaluated"}
"""What a check found, as a sentence goes on behind the check."""
_OPPOSITE = {Verdict.FALSE: Verdict.TRUE, Verdict.TRUE: Verdict.FALSE}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A verdict and its reason, as a sentence without its end."""

    verdict: Verdict
    reason: str


def evaluate(condition: Condition, incident: Incident, step_id: str = "") -> Evaluation:
    """Whether the condition of this step holds in this state of the incident."""
    match condition:
        case OutcomeIs():
            named = (found for name in condition.steps for found in _named(name, condition.sources))
            return _any(_outcome(condition.outcome, name, source, incident) for name, source in named)
        case AnswerIs() | AnswerCompares():
            judge = _is_word(condition) if isinstance(condition, AnswerIs) else _compares(condition)
            values = (
                _value(condition, Reference(name, answer.key), source, incident, judge)
                for answer in condition.answers
                for name, source in _named(answer.step, condition.sources)
            )
            return _any(values)
        case AnyOf():
            return _any(evaluate(inner, incident, step_id) for inner in condition.conditions)
        case AllOf():
            return _all(evaluate(inner, incident, step_id) for inner in condition.conditions)
        case Negation():
            inner = evaluate(condition.condition, incident, step_id)
            return Evaluation(_OPPOSITE.get(inner.verdict, inner.verdict), inner.reason)
        case CheckHolds():
            return _check(condition.check, incident.step(step_id).checked.get(condition.check.id))


def _check(check: CheckSpec, found: CriterionState | None) -> Evaluation:
    if found is None:
        return Evaluation(Verdict.DUE, f"{check.title} is not evaluated yet")
    words = f"{check.title} {CHECK_WORDS[found.met]}: {found.detail.rstrip('.')}"
    return Evaluation(_FOUND[found.met], words)


def _named(step_id: str, sources: Mapping[str, Step]) -> Iterator[tuple[str, Step | None]]:
    """The step with this id, or of a loop whose items are known the step of each item."""
    source = sources.get(step_id)
    if source is None or source.loop is None or source.loop.items is None:
        yield step_id, source
    else:
        yield from ((step.id, step) for step in source.loop.steps)


def _any(alternatives: Iterable[Evaluation]) -> Evaluation:
    none = Evaluation(Verdict.FALSE, "there are no items")
    return max(alternatives, key=lambda evaluation: evaluation.verdict, default=none)


def _all(requirements: Iterable[Evaluation]) -> Evaluation:
    found = list(requirements)
    decisive = min(found, key=lambda evaluation: _ALL_ORDER.index(evaluation.verdict))
    if decisive.verdict is not Verdict.TRUE:
        return decisive
    return Evaluation(Verdict.TRUE, " and ".join(dict.fromkeys(evaluation.reason for evaluation in found)))


def _outcome(outcome: Outcome, step_id: str, source: Step | None, incident: Incident) -> Evaluation:
    status = _status(step_id, source, incident)
    state = incident.steps.get(step_id)
    last = state.last if state is not None else None
    ended_unknown = last is not None and last.outcome is StepOutcome.UNKNOWN
    match outcome:
        case Outcome.FAILED:
            holds = state is not None and state.ever_failed
            undecided = status is StepStatus.SKIPPED and ended_unknown
        case Outcome.UNKNOWN:
            holds = status is StepStatus.UNKNOWN or (status is StepStatus.SKIPPED and ended_unknown)
            undecided = False
        case Outcome.DONE:
            holds, undecided = status is StepStatus.DONE, status is StepStatus.SKIPPED and ended_unknown
        case Outcome.SKIPPED:
            holds, undecided = status is StepStatus.SKIPPED, False
    if holds:
        word = outcome if outcome is Outcome.FAILED else f"is {outcome}"
        return Evaluation(Verdict.TRUE, f"{step_id} {word}")
    if not status.concluded:
        return Evaluation(Verdict.PENDING, f"{step_id} is {status}")
    if undecided:
        return Evaluation(Verdict.UNDECIDED, f"{step_id} ended with an unknown outcome and was skipped")
    reason = "did not fail" if outcome is Outcome.FAILED else f"is {status}"
    return Evaluation(Verdict.FALSE, f"{step_id} {reason}")


def _value(
    condition: AnswerIs | AnswerCompares,
    answer: Reference,
    source: Step | None,
    incident: Incident,
    judge: Callable[[Reference, str], Evaluation],
) -> Evaluation:
    value = incident.value(answer.step, answer.key)
    if value is not None:
        return judge(answer, value)
    if answer.step == INPUTS:
        return Evaluation(Verdict.FALSE, f"{answer} was left empty")
    status = _status(answer.step, source, incident)
    if not status.concluded:
        return Evaluation(Verdict.PENDING, f"{answer} is not known yet: {answer.step} is {status}")
    if status is StepStatus.NOT_NEEDED:
        return Evaluation(Verdict.FALSE, f"{answer.step} was not needed")
    if isinstance(condition, AnswerIs) and not condition.words:
        return Evaluation(Verdict.FALSE, f"{answer} is not present: {answer.step} is {status}")
    if status is StepStatus.DONE and source is not None and _asks(source, answer.key):
        return Evaluation(Verdict.FALSE, f"{answer} was left empty")
    return Evaluation(
        Verdict.UNDECIDED, f"{answer} is not known: {answer.step} is {status} and did not report {answer.key}"
    )


def _is_word(condition: AnswerIs) -> Callable[[Reference, str], Evaluation]:
    def judge(answer: Reference, value: str) -> Evaluation:
        if not condition.words:
            present = bool(value.strip())
            return Evaluation(
                Verdict.TRUE if present else Verdict.FALSE, f"{answer} is {'present' if present else 'empty'}"
            )
        return Evaluation(Verdict.TRUE if value in condition.words else Verdict.FALSE, f"{answer} is {value}")

    return judge


def _compares(condition: AnswerCompares) -> Callable[[Reference, str], Evaluation]:
    def judge(answer: Reference, value: str) -> Evaluation:
        for relation, limit in condition.limits:
            number = limit.value_of(value)
            if number is None:
                return Evaluation(
                    Verdict.UNDECIDED,
                    f"{answer} is {value!r}, which cannot be compared with the {limit.quantity} {limit}",
                )
            if not relation.holds(number, limit.value):
                return Evaluation(Verdict.FALSE, f"{answer} is {value}, not {relation.words} {limit}")
        reached = " and ".join(f"{relation.words} {limit}" for relation, limit in condition.limits)
        return Evaluation(Verdict.TRUE, f"{answer} is {value}, {reached}")

    return judge


def _asks(step: Step, key: str) -> bool:
    """Whether a person was asked for this value, so that an empty answer is an answer."""
    return step.kind is StepKind.MANUAL and any(question.name == key for question in step.questions)


def _status(step_id: str, source: Step | None, incident: Incident) -> StepStatus:
    if source is not None:
        return incident.status(source)
    return incident.steps[step_id].status if step_id in incident.steps else StepStatus.TODO
