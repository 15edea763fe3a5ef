"""Checks that the actions, checks and probes named in a runbook exist, and that their arguments are valid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from midwatch.api.action import Action, Check
from midwatch.api.parameters import BadParameter, Parameter, build, convert, parameters_of
from midwatch.api.registry import find_action, find_probe
from midwatch.runbook.builder import laid_over, probe_parameters
from midwatch.runbook.condition_checks import conditions_in
from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.loop_checks import references_in
from midwatch.runbook.model import Risk, Runbook
from midwatch.runbook.questions import answer_words
from midwatch.runbook.step_builder import identity
from midwatch.runbook.value_sources import INPUTS, ITEM, Reference
from midwatch.system.errors import BadInput, MidwatchError, SourceLocation
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import suggest

_HURT = tuple(Risk)


def check_arguments(fields: Fields, site: Fields | None, runbook: Runbook, problems: Problems) -> None:
    """Say what is wrong with every action, check and probe that the runbook names."""
    for phase in fields.items("phases"):
        for step in phase.value.items("steps"):
            if problems.full:
                return
            loop = runbook.loops.get(identity(step.value))
            items = (loop.loop.items if loop and loop.loop else None) or ()
            action = _named(step.value, "uses", find_action, problems)
            if action is not None:
                _arguments(action, step.value.table("with"), step.value.where("uses"), runbook, problems, items)
                _risk(action, step.value, problems)
            for item in [*step.value.items("preconditions"), *step.value.items("verify")]:
                _check(item.value, runbook, problems, items)
            for condition in conditions_in(step.value.get("when")):
                _check(condition, runbook, problems, items)
    for item in fields.items("closure"):
        _check(item.value, runbook, problems)
    for key, what in (("triggers", "a trigger's check"), ("controls", "a control's check")):
        for item in fields.items(key):
            _check(item.value, runbook, problems)
            _constant(item.value.table("with"), what, problems)
    for name, panel in laid_over("panels", fields, site).items():
        try:
            given = panel.value.get("probe")
            probe = find_probe(name if given is None else given.value or name)
        except BadInput as error:
            where = panel.key if given is None else given.place
            problems.add(error.sentence, where, error.hint or "Name the probe with the key 'probe'")
            continue
        parameters = probe_parameters(panel)
        _arguments(probe, parameters, panel.key, runbook, problems)
        _constant(parameters, "a panel", problems)


def _check(fields: Fields, runbook: Runbook, problems: Problems, items: Sequence[str] = ()) -> None:
    """A check of a trigger, a step, a condition or the closure; `items` are those of the loop that the step is."""
    action = _named(fields, "check", find_action, problems)
    if action is None:
        return
    if not issubclass(action, Check):
        sentence = f"{fields.get('check')} is not a check: it changes something"
        problems.add(sentence, fields.where("check"), "Name an action that only looks")
    _arguments(action, fields.table("with"), fields.where("check"), runbook, problems, items)


def _constant(given: dict[str, Found], what: str, problems: Problems) -> None:
    """Say which of these parameters come from a value, where no incident is asked for one."""
    for found in references_in(Fields(SourceLocation(""), given)):
        problems.add(f"A parameter of {what} cannot come from a step or an input", found.place, "Write the value")


def _named(fields: Fields, key: str, find: Callable[[str], type[Action]], problems: Problems) -> type[Action] | None:
    if not fields.get(key):
        return None
    try:
        return find(fields.get(key))
    except BadInput as error:
        problems.add(error.sentence, fields.where(key), error.hint)
        return None


def _arguments(
    cls: type[Any],
    given: dict[str, Found],
    where: SourceLocation,
    runbook: Runbook,
    problems: Problems,
    items: Sequence[str] = (),
) -> None:
    """Every parameter on its own, so that all faults show at once; then the whole, for what only the class itself
    knows."""
    before = len(problems.found) + problems.more
    known = {parameter.name: parameter for parameter in parameters_of(cls)}
    for name, found in given.items():
        if name not in known:
            problems.add(f"There is no parameter {name!r}", found.key, suggest(name, known, "It takes"))
        elif known[name].literal and isinstance(found.value, Reference):
            sentence = f"The parameter {name!r} cannot come from a step or an input"
            problems.add(sentence, found.place, "Write it here; values reach it through 'env' only")
        elif isinstance(found.value, Reference):
            if found.value == ITEM:
                _each_fits(known[name], "item", items, found, runbook, problems)
            else:
                _from_input(known[name], found, runbook, problems)
        elif found.value is not None:
            try:
                convert(known[name], _known_part(found.value), runbook)
            except BadParameter as error:
                problems.add(error.sentence, found.place, error.hint)
    for parameter in known.values():
        if parameter.required and parameter.name not in given:
            problems.add(f"The parameter {parameter.name!r} is missing", where, f"It takes {parameter.accepts}")
    values = [inner.value for found in given.values() for inner in _parts(found)]
    unknown_yet = any(value is None or isinstance(value, Reference) for value in values)
    if unknown_yet or len(problems.found) + problems.more > before:
        return
    try:
        build(cls, {name: _known_part(found.value) for name, found in given.items()}, runbook)
    except MidwatchError as error:
        problems.add(error.sentence, where, error.hint)
    except (ValueError, TypeError) as error:
        problems.add(f"These parameters do not fit: {error}", where)


def _parts(found: Found) -> Iterable[Found]:
    """The values of a table, or the one value."""
    return found.value.values() if isinstance(found.value, dict) else (found,)


def _known_part(value: Any) -> Any:
    """The value; of a table, those of its values that stand in the runbook."""
    if not isinstance(value, dict):
        return value
    return {name: inner.value for name, inner in value.items() if not isinstance(inner.value, Reference | None)}


def _from_input(parameter: Parameter, found: Found, runbook: Runbook, problems: Problems) -> None:
    """What is known beforehand of the answer to an input has to fit the parameter that takes it."""
    ask = runbook.input(found.value.key) if found.value.step == INPUTS else None
    if ask is None:
        return
    if parameter.required and not ask.required:
        sentence = f"The parameter {parameter.name!r} is needed, and the input {ask.name!r} may stay empty"
        problems.add(sentence, found.place, "Take 'required: false' from the input; a default may stay")
    answers = answer_words(ask) or ((ask.default,) if ask.default else ())
    _each_fits(parameter, f"input {ask.name!r}", answers, found, runbook, problems)


def _each_fits(
    parameter: Parameter, name: str, values: Iterable[str], found: Found, runbook: Runbook, problems: Problems
) -> None:
    """Say of the first of these values that the parameter cannot take it."""
    for value in values:
        try:
            convert(parameter, value, runbook)
        except BadParameter as error:
            problems.add(f"The {name} can be {shortened(value)!r}: {error.sentence}", found.place, error.hint)
            return


def _risk(action: type[Action], step: Fields, problems: Problems) -> None:
    if step.get("risk") and _HURT.index(Risk(step.get("risk"))) < _HURT.index(action.risk):
        sentence = f"The risk is '{step.get('risk')}', but {step.get('uses')} is '{action.risk}'"
        problems.add(sentence, step.where("risk"), f"Write {action.risk}, or leave the key out")
