"""Checks of references to values: the step that is named asks for the value or reports it."""

from __future__ import annotations

import dataclasses

from midwatch.runbook.action_lookup import action_of
from midwatch.runbook.condition_checks import check_condition, conditions_in
from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.loop_checks import references_in
from midwatch.runbook.loops import loop_of
from midwatch.runbook.model import StepKind
from midwatch.runbook.step_builder import identity, kind_of, question_of
from midwatch.runbook.text_checks import values_in
from midwatch.runbook.value_sources import INPUTS, ITEM, Reference
from midwatch.system.suggestion import suggest


def check_values(steps: list[Fields], mentions: list[Found], inputs: list[Found], problems: Problems) -> None:
    """These values, and those that steps name, are asked for or reported by the step that they name."""
    manual = {identity(step): step.items("questions") for step in steps if kind_of(step) is StepKind.MANUAL}
    reporting = {identity(step): step for step in steps if kind_of(step) is not StepKind.MANUAL}
    asked = {
        name: {ask.name: ask for ask in (question_of(item.value) for item in items)}
        for name, items in (manual | {INPUTS: inputs}).items()
    }
    for step in steps:
        mentions += [*references_in(step), *values_in(step)]
        for condition in conditions_in(step.get("when")):
            check_condition(condition, asked, problems)
            mentions += condition.items("answer")
    for found in mentions:
        reference = dataclasses.replace(found.value, step=loop_of(found.value.step)[0])
        if reference == ITEM:
            continue
        if reference.step in reporting:
            _reported(reporting[reference.step], found, problems)
        if reference.step not in asked or reference.key in asked[reference.step]:
            continue
        names = [name for name in asked[reference.step] if name]
        if reference.step == INPUTS:
            problems.add(
                f"There is no input {reference.key!r}",
                found.place,
                suggest(reference.key, names, "Inputs"),
            )
        else:
            sentence = f"Step {reference.step!r} does not ask for {reference.key!r}"
            problems.add(sentence, found.place, suggest(reference.key, names, "It asks for"))


def _reported(step: Fields, mention: Found, problems: Problems) -> None:
    """The script declares the key in 'outputs', or the action is known to report it."""
    reference: Reference = mention.value
    if kind_of(step) is StepKind.RUN:
        declared = step.values("outputs")
        if reference.key not in declared:
            hint = (
                suggest(reference.key, declared, "It reports")
                if declared
                else f"Add outputs: [{reference.key}] to that step"
            )
            problems.add(f"Step {reference.step!r} does not declare the output {reference.key!r}", mention.place, hint)
        return
    action = action_of(step.get("uses", ""))
    if action is not None and action.outputs is not None and reference.key not in action.outputs:
        hint = suggest(reference.key, action.outputs, "It reports") if action.outputs else "It reports nothing"
        problems.add(f"The action {action.name!r} does not report {reference.key!r}", mention.place, hint)
