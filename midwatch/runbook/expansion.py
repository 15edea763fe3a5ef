"""Makes the steps for the items of loops. All of them come from one function, at load and in an incident alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any

from midwatch.runbook.condition_forms import (
    AllOf,
    AnswerCompares,
    AnswerIs,
    AnyOf,
    CheckHolds,
    Condition,
    Negation,
    OutcomeIs,
    checks_in,
    leaves,
)
from midwatch.runbook.loops import Item, item_id
from midwatch.runbook.model import Phase, Runbook, Step
from midwatch.runbook.text_values import fill, names_in, reference_of, substitute
from midwatch.runbook.value_sources import ITEM, Reference
from midwatch.system.units import first_few

_NO_ITEMS: Mapping[str, Sequence[str]] = MappingProxyType({})
_OWN = ("id", "number", "kind", "risk", "place", "run", "undo", "when", "loop", "item", "instructions", "text_values")
"""Fields of a step that no item changes, or that are made from the item in another way."""


def expanded(runbook: Runbook, known: Mapping[str, Sequence[str]] = _NO_ITEMS) -> Runbook:
    """The runbook with a step for each item of every loop whose items are known.

    `known` are the items of the loops whose list comes from a value, by the id of the loop.
    """
    authored = runbook.authored or runbook.phases
    if not any(step.loop for phase in authored for step in phase.steps):
        return runbook
    placed: dict[str, Step] = {}
    phases = [dataclasses.replace(phase, steps=_placed(phase, known, placed)) for phase in authored]
    loops = MappingProxyType({name: step for name, step in placed.items() if step.loop})
    return dataclasses.replace(runbook, authored=authored, phases=tuple(phases), loops=loops)


def _placed(phase: Phase, known: Mapping[str, Sequence[str]], placed: dict[str, Step]) -> tuple[Step, ...]:
    """The steps of a phase; `placed` are the earlier steps and loops, to which these are added."""
    steps: list[Step] = []
    for step in phase.steps:
        top = dataclasses.replace(step, when=_relinked(step.when, placed, str)) if step.when else step
        if top.loop is not None:
            top = _with_items(top, top.loop.items if top.loop.source is None else known.get(top.id), placed)
        placed[top.id] = top
        items = top.loop.steps if top.loop else ()
        placed.update((item.id, item) for item in items)
        steps += items or (top,)
    return tuple(steps)


def _with_items(step: Step, items: Sequence[str] | None, placed: Mapping[str, Step]) -> Step:
    """The step with `for_each` together with the steps of its items."""
    assert step.loop is not None
    every = first_few(items) if items else "each item"
    of_all = {ITEM.step: every}
    entry: Step = _filled(step, lambda text: fill(text, of_all), lambda reference: reference)
    entry = dataclasses.replace(entry, text_values=of_all)
    if items is None:
        return entry
    paired = {name for name in _named(step) if _has_all(placed.get(name), items)}
    steps = tuple(_for_item(step, item, n, paired, placed) for n, item in enumerate(items, start=1))
    return dataclasses.replace(entry, loop=dataclasses.replace(step.loop, items=tuple(items), steps=steps))


def _named(step: Step) -> set[str]:
    """The ids that the step names."""
    names = set(step.depends_on)
    _filled(step, str, lambda reference: names.add(reference.step))
    _filled(tuple(checks_in(step.when)), str, lambda reference: names.add(reference.step))
    for leaf in leaves(step.when) if step.when else ():
        if not isinstance(leaf, CheckHolds):
            names.update(leaf.steps if isinstance(leaf, OutcomeIs) else (answer.step for answer in leaf.answers))
    return names


def _has_all(step: Step | None, items: Sequence[str]) -> bool:
    """Whether this is a loop over all these items, or over more."""
    return step is not None and step.loop is not None and set(items) <= set(step.loop.items or ())


def _for_item(step: Step, item: str, number: int, paired: set[str], placed: Mapping[str, Step]) -> Step:
    """The step for one item. A loop over the same items that it names means the step there for the same item."""

    def own(name: str) -> str:
        return item_id(name, item) if name in paired else name

    def value(reference: Reference) -> Any:
        return item if reference == ITEM else dataclasses.replace(reference, step=own(reference.step))

    def named(name: str) -> str | None:
        reference = reference_of(name)
        return None if reference is None else f"{{{{ {value(reference)} }}}}"

    def text(written: str) -> str:
        return substitute(written, lambda name: item if name == ITEM.step else named(name))

    filled: Step = _filled(step, text, value)
    return dataclasses.replace(
        filled,
        id=item_id(step.id, item),
        number=f"{step.number}.{number}",
        title=filled.title if ITEM.step in names_in(step.title) else f"{step.title}: {item}",
        depends_on=tuple(map(own, step.depends_on)),
        when=_relinked(step.when, placed, own, value) if step.when else None,
        loop=None,
        item=Item(step.id, item),
        instructions=substitute(step.instructions, named),
        text_values={ITEM.step: item},
    )


def _filled(value: Any, text: Callable[[str], str], reference: Callable[[Reference], Any]) -> Any:
    """The value with its texts and references replaced; a script and the strings of a table stay as they are."""
    match value:
        case str():
            return text(value) if "{{" in value else value
        case Reference():
            return reference(value)
        case tuple():
            return tuple(_filled(inner, text, reference) for inner in value)
        case Mapping():
            return MappingProxyType({key: _filled(inner, str, reference) for key, inner in value.items()})
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, Enum | type):
            changes = {}
            for field in dataclasses.fields(value):
                before = getattr(value, field.name)
                if before and field.name not in _OWN and (after := _filled(before, text, reference)) is not before:
                    changes[field.name] = after
            return dataclasses.replace(value, **changes) if changes else value
        case _:
            return value


def _relinked(
    condition: Condition,
    placed: Mapping[str, Step],
    own: Callable[[str], str],
    value: Callable[[Reference], Any] = lambda reference: reference,
) -> Condition:
    """The condition with other names for the steps that it names, evaluated by the steps of this runbook.

    `value` stands for the references in its checks.
    """

    def sources(names: Sequence[str]) -> Mapping[str, Step]:
        return {name: placed[name] for name in names if name in placed}

    match condition:
        case OutcomeIs():
            steps = tuple(map(own, condition.steps))
            return dataclasses.replace(condition, steps=steps, sources=sources(steps))
        case AnswerIs() | AnswerCompares():
            answers = tuple(dataclasses.replace(answer, step=own(answer.step)) for answer in condition.answers)
            return dataclasses.replace(condition, answers=answers, sources=sources([a.step for a in answers]))
        case AllOf() | AnyOf():
            inner = tuple(_relinked(one, placed, own, value) for one in condition.conditions)
            return dataclasses.replace(condition, conditions=inner)
        case Negation():
            return Negation(_relinked(condition.condition, placed, own, value))
        case CheckHolds():
            return CheckHolds(_filled(condition.check, str, value))
