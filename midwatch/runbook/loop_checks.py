"""Checks loops: the keys that go with `for_each`, where its items come from, and where an item is named."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from midwatch.runbook.action_lookup import action_of
from midwatch.runbook.condition_checks import conditions_in
from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.loops import TARGETS, loop_of
from midwatch.runbook.model import Risk, StepKind
from midwatch.runbook.step_builder import identity, kind_of
from midwatch.runbook.text_checks import values_in
from midwatch.runbook.value_sources import INPUTS, ITEM, Reference
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import suggest

MOST_STEPS = 5000
"""Steps of a whole runbook, those of the items of its loops included."""
_COMPANIONS = ("parallel", "stop_on_failure")


def references_in(fields: Fields) -> Iterator[Found]:
    """Every `{from: …}` of a step or a criterion, those of its checks and conditions included."""
    for key, found in fields.found.items():
        if key != "answer":
            yield from _references(found)


def _references(found: Found) -> Iterator[Found]:
    match found.value:
        case Reference():
            yield found
        case Fields() as fields:
            yield from references_in(fields)
        case dict() | list() as inner:
            for item in inner.values() if isinstance(inner, dict) else inner:
                if isinstance(item, Found):
                    yield from _references(item)


def listed_items(step: Fields, targets: Collection[str]) -> Collection[str] | None:
    """The items of a loop that are known from the files; None for any other step."""
    given = step.get("for_each")
    return targets if given == TARGETS else given if isinstance(given, tuple) else None


def check_loops(steps: list[Fields], targets: Collection[str], problems: Problems) -> None:
    """Say what does not fit about loops."""
    loops = {identity(step): step for step in steps if "for_each" in step}
    for step in steps:
        _companions(step, problems)
        for found in references_in(step):
            if found.value == ITEM and "for_each" not in step:
                sentence = "Only a step with 'for_each' has an item"
                problems.add(sentence, found.place, "Give the step 'for_each', or write the value")
        answers = (found for condition in conditions_in(step.get("when")) for found in condition.items("answer"))
        for found in (*references_in(step), *answers, *values_in(step)):
            _named_item(found, loops, targets, problems)
        if step.get("for_each") == TARGETS and not targets:
            problems.add("There are no targets, so there are no items", step.where("for_each"), "List the items")
    count = sum(1 if (items := listed_items(step, targets)) is None else len(items) for step in steps)
    if count > MOST_STEPS:
        where = next(iter(loops.values())).where("for_each")
        problems.add(f"With their items these are {count:,} steps; {MOST_STEPS:,} are the most", where)


def _companions(step: Fields, problems: Problems) -> None:
    for key in _COMPANIONS:
        if key in step and "for_each" not in step:
            problems.add(f"{key!r} belongs to a step with 'for_each'", step.key(key), "Take it out")
    if step.get("parallel", 1) == 1 or "for_each" not in step:
        return
    action = action_of(step.get("uses", ""))
    risk = step.get("risk") or (action.risk if action else Risk.OBSERVE)
    if kind_of(step) is StepKind.MANUAL or risk != Risk.OBSERVE:
        sentence = "Only items that Midwatch runs and that change nothing run at the same time"
        problems.add(sentence, step.where("parallel"), "Take 'parallel' out")


def _named_item(mention: Found, loops: Mapping[str, Fields], targets: Collection[str], problems: Problems) -> None:
    """`loop[item].key` names a loop, and an item of it where these are known."""
    reference: Reference = mention.value
    loop, item = loop_of(reference.step)
    if not item or loop == INPUTS:
        return
    if loop not in loops:
        problems.add(f"{loop!r} is no step with 'for_each', so it has no items", mention.place)
    elif (items := listed_items(loops[loop], targets)) is not None and item not in items:
        hint = suggest(item, items, "Items")
        problems.add(f"Step {loop!r} has no item {shortened(item)!r}", mention.place, hint)
