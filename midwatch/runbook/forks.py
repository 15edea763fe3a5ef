"""Forks: the answer to a `choice` of a manual step decides which later steps are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from midwatch.runbook.condition_forms import AllOf, AnswerIs, AnyOf, Condition
from midwatch.runbook.model import Runbook, Step, StepKind
from midwatch.runbook.value_sources import Question, Reference
from midwatch.system.units import first_few


@dataclass(frozen=True, slots=True)
class Fork:
    """One question that decides on the way, and the steps of each way."""

    question: Question
    ways: Mapping[str, tuple[Step, ...]]
    """Answer → the steps that it makes needed; none for an answer that no condition names. Where a command gives the
    options, the answers are those that conditions name."""


def forks_of(step: Step, runbook: Runbook) -> list[Fork]:
    """The forks at this step; none where no later step depends on one of its choices."""
    if step.kind is not StepKind.MANUAL or not any(question.kind == "choice" for question in step.questions):
        return []
    branches = [(branch, found) for branch in _entries(runbook) if (found := branch_of(branch)) is not None]
    forks = []
    for question in step.questions:
        named = [(branch, words) for branch, (answer, words) in branches if answer == Reference(step.id, question.name)]
        if named:
            answers = question.options or dict.fromkeys(word for _, words in named for word in words)
            ways = {answer: tuple(branch for branch, words in named if answer in words) for answer in answers}
            forks.append(Fork(question, ways))
    return forks


def branch_of(step: Step) -> tuple[Reference, tuple[str, ...]] | None:
    """The choice on which this step depends, and the answers with which it is needed; None for any other step."""
    return next(_choices(step.when), None) if step.when is not None else None


def way_words(fork: Fork, answer: str) -> str:
    """Which way was taken and which were not: `Way roll-back: 2.3. Not taken: go-on (2.4)`."""
    others = [f"{word} ({_numbers(steps)})" for word, steps in fork.ways.items() if word != answer]
    taken = f"Way {answer}: {_numbers(fork.ways.get(answer, ()))}"
    return f"{taken}. Not taken: {'; '.join(others)}" if others else taken


def open_words(fork: Fork) -> str:
    """The ways that are open: `roll-back: 2.3; go-on: 2.4`."""
    return "; ".join(f"{word}: {_numbers(steps)}" for word, steps in fork.ways.items())


def ways_taken(step_id: str, answers: Mapping[str, str], runbook: Runbook) -> str:
    """The ways that these answers have chosen, in a sentence; empty where nothing hangs on them."""
    step = runbook.steps_by_id.get(step_id)
    forks = forks_of(step, runbook) if step is not None else []
    return ". ".join(way_words(fork, answers[fork.question.name]) for fork in forks if answers.get(fork.question.name))


def _entries(runbook: Runbook) -> Iterable[Step]:
    return (step for phase in runbook.phases for step in runbook.entries(phase))


def _choices(condition: Condition) -> Iterator[tuple[Reference, tuple[str, ...]]]:
    match condition:
        case AnswerIs(answers=(answer,), words=words) if words and _is_choice(answer, condition.sources):
            yield answer, words
        case AllOf() | AnyOf():
            for inner in condition.conditions:
                yield from _choices(inner)


def _is_choice(answer: Reference, sources: Mapping[str, Step]) -> bool:
    source = sources.get(answer.step)
    asked = source.questions if source is not None and source.kind is StepKind.MANUAL else ()
    return any(question.name == answer.key and question.kind == "choice" for question in asked)


def _numbers(steps: Iterable[Step]) -> str:
    return first_few([step.number for step in steps], 5) or "no step of its own"
