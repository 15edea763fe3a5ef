"""Values in the texts of a runbook: `{{ step.key }}`, `{{ inputs.name }}` and `{{ item }}`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from midwatch.runbook.model import CheckSpec, Phase, Runbook, Step
from midwatch.runbook.value_sources import ITEM, Question, Reference

_PLACEHOLDER = re.compile(r"\{\{[ \t]*([A-Za-z0-9][^{}\[\]\s]*(?:\[[^{}\[\]\n]*\][^{}\[\]\s]*)?)[ \t]*\}\}")
_STEP_VALUE = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*(?:\[[^\]]*\])?)\.([A-Za-z_][A-Za-z0-9_.-]*)")


def names_in(text: str) -> list[str]:
    """The names between `{{` and `}}`. What begins with a dot, a blank word or a quote is no name: `{{.Names}}`."""
    return _PLACEHOLDER.findall(text) if "{{" in text else []


def reference_of(name: str) -> Reference | None:
    """The value that the name stands for; None for a name that is not STEP.KEY."""
    match = _STEP_VALUE.fullmatch(name)
    return Reference(*match.groups()) if match else None


def substitute(text: str, value_of: Callable[[str], str | None]) -> str:
    """The text with other text in place of its names. Names for which there is None stay."""

    def value(match: re.Match[str]) -> str:
        found = value_of(match[1])
        return match[0] if found is None else found

    return _PLACEHOLDER.sub(value, text) if "{{" in text else text


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with the values in place of their names. Names without a value stay."""
    return substitute(text, values.get)


def fill_step(step: Step, values: Mapping[str, str]) -> Step:
    """The step with the values in its texts.

    The instructions are Markdown: they keep their placeholders, and the values go into `text_values`, so that a front
    end puts them in after it has read the Markdown.
    """
    if not any(map(names_in, _texts(step))):
        return step
    needed = {name: values[name] for name in names_in(step.instructions) if name in values}
    return dataclasses.replace(
        step,
        title=fill(step.title, values),
        why=fill(step.why, values),
        expect=fill(step.expect, values),
        preconditions=tuple(_fill_check(check, values) for check in step.preconditions),
        verify=tuple(_fill_check(check, values) for check in step.verify),
        questions=tuple(_fill_question(question, values) for question in step.questions),
        on_failure=dataclasses.replace(step.on_failure, advice=fill(step.on_failure.advice, values)),
        text_values={**needed, **step.text_values},
    )


def fill_runbook(runbook: Runbook, values: Mapping[str, str]) -> Runbook:
    """The runbook with the values in the texts of its phases, steps and criteria; steps without names are the same."""
    loops = {name: _fill_loop(step, values) for name, step in runbook.loops.items()}
    return dataclasses.replace(
        runbook,
        loops=MappingProxyType(loops),
        phases=tuple(_fill_phase(phase, values) for phase in runbook.phases),
        closure=tuple(_fill_check(check, values) for check in runbook.closure),
    )


def names_of(runbook: Runbook) -> frozenset[str]:
    """The names of values in all texts of the runbook."""
    texts = [text for phase in runbook.phases for text in (phase.title, phase.intro)]
    texts += [check.title for check in runbook.closure]
    texts += [text for step in (*runbook.steps(), *runbook.loops.values()) for text in _texts(step)]
    return frozenset(name for text in texts for name in names_in(text) if name != ITEM.step)


def _texts(step: Step) -> Iterator[str]:
    yield from (step.title, step.why, step.instructions, step.expect, step.on_failure.advice)
    yield from (check.title for check in (*step.preconditions, *step.verify))
    yield from (question.prompt for question in step.questions)


def _fill_phase(phase: Phase, values: Mapping[str, str]) -> Phase:
    steps = tuple(fill_step(step, values) for step in phase.steps)
    return dataclasses.replace(phase, title=fill(phase.title, values), intro=fill(phase.intro, values), steps=steps)


def _fill_loop(step: Step, values: Mapping[str, str]) -> Step:
    assert step.loop is not None
    steps = tuple(fill_step(item, values) for item in step.loop.steps)
    return dataclasses.replace(fill_step(step, values), loop=dataclasses.replace(step.loop, steps=steps))


def _fill_check(check: CheckSpec, values: Mapping[str, str]) -> CheckSpec:
    return dataclasses.replace(check, title=fill(check.title, values)) if names_in(check.title) else check


def _fill_question(question: Question, values: Mapping[str, str]) -> Question:
    return (
        dataclasses.replace(question, prompt=fill(question.prompt, values)) if names_in(question.prompt) else question
    )
