"""Checks the values in texts: each name is one that is known by then, and no script has a value pasted into it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from midwatch.runbook.condition_checks import conditions_in
from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.loops import loop_of
from midwatch.runbook.step_builder import identity
from midwatch.runbook.text_values import names_in, reference_of
from midwatch.runbook.value_sources import INPUTS, ITEM

_STEP_TEXTS = ("title", "why", "instructions", "expect")
_SCRIPTS = ("run", "undo")


def values_in(fields: Fields) -> list[Found]:
    """References to the values in the texts of a phase, a step or a criterion; names that are none are left out."""
    found = ((reference_of(name), text) for text in _texts(fields) for name in names_in(text.value))
    return [Found(reference, text.place, text.key) for reference, text in found if reference is not None]


def check_texts(fields: Fields, phases: Iterable[Fields], steps: dict[str, Fields], problems: Problems) -> None:
    """Report names that stand for no value, titles that need an id, and values where none can stand."""
    _refuse([fields], ("title", "summary"), problems)
    _refuse((item.value for key in ("triggers", "controls") for item in fields.items(key)), ("title",), problems)
    _refuse((item.value for item in fields.items("inputs")), ("prompt",), problems)
    earlier: set[str] = set()
    for phase in phases:
        _check_names(phase, problems)
        _check_earlier(phase, earlier, steps, problems)
        earlier.update(identity(item.value) for item in phase.items("steps"))
    _refuse(steps.values(), ("original_command", "deviation"), problems)
    for step in steps.values():
        _check_names(step, problems)
        _check_scripts(step, steps, problems)
    for item in fields.items("closure"):
        _check_names(item.value, problems)
        _check_earlier(item.value, steps, steps, problems)
        _check_scripts(item.value, steps, problems)


def _texts(fields: Fields) -> Iterator[Found]:
    """The texts in which a value may stand."""
    keys = ("title", "intro") if "steps" in fields else _STEP_TEXTS
    yield from (fields.found[key] for key in keys if fields.get(key))
    failure = fields.get("on_failure")
    if failure is not None and failure.get("advice"):
        yield failure.found["advice"]
    for key, text in (("preconditions", "title"), ("verify", "title"), ("questions", "prompt")):
        yield from (item.value.found[text] for item in fields.items(key) if item.value.get(text))


def _check_names(fields: Fields, problems: Problems) -> None:
    if "id" not in fields and names_in(str(fields.get("title", ""))):
        problems.add("A title with a value needs an id", fields.where("title"), "Give one with the key 'id'")
    for text in _texts(fields):
        for name in names_in(text.value):
            if name == ITEM.step:
                if "for_each" not in fields:
                    problems.add("There is no item here", text.place, "{{ item }} belongs to a step with 'for_each'")
            elif reference_of(name) is None:
                sentence = f"{{{{ {name} }}}} is the name of no value"
                problems.add(sentence, text.place, "Write {{ STEP.KEY }}, {{ inputs.NAME }} or {{ item }}")


def _check_earlier(fields: Fields, earlier: Collection[str], steps: Collection[str], problems: Problems) -> None:
    for found in values_in(fields):
        name, _ = loop_of(found.value.step)
        if name not in earlier and name != INPUTS:
            later = f"Step {name!r} comes later" if name in steps else f"There is no step {name!r}"
            problems.add(later, found.place, "Texts show values of earlier steps")


def _check_scripts(step: Fields, steps: Collection[str], problems: Problems) -> None:
    """A name in a script is an error only where it stands for a value; other programs have placeholders, too."""
    texts = [(step.found[key], "env: {NAME: {from: %s}}") for key in _SCRIPTS if step.get(key)]
    texts += [(step.found[key], "{from: %s}") for key in ("confirm", "cwd") if step.get(key)]
    texts += [(found, "{from: %s}") for key in ("env", "with") for found in step.table(key).values()]
    checks = [item.value for key in ("preconditions", "verify") for item in step.items(key)]
    for check in (*checks, *conditions_in(step.get("when"))):
        texts += [(found, "env: {NAME: {from: %s}}") for found in check.table("with").values()]
    for options in (item.value.get("options") for item in step.items("questions")):
        if isinstance(options, Fields) and options.get("command"):
            texts.append((options.found["command"], "env: {NAME: {from: %s}}"))
    for text, hint in texts:
        for name in names_in(text.value) if isinstance(text.value, str) else ():
            reference = reference_of(name)
            known = reference is not None and loop_of(reference.step)[0] in (INPUTS, *steps)
            if known or (name == ITEM.step and "for_each" in step):
                problems.add("No value is pasted into this text", text.place, f"Use {hint % name}")


def _refuse(tables: Iterable[Fields], keys: tuple[str, ...], problems: Problems) -> None:
    for fields in tables:
        for key in keys:
            if any(reference_of(name) or name == ITEM.step for name in names_in(str(fields.get(key, "")))):
                problems.add("No value is known where this text is shown", fields.where(key), "Take the braces out")
