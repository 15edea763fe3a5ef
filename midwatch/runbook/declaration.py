"""The inputs of a declaration: checked and completed before any file is created, and described afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from midwatch.runbook.model import Runbook
from midwatch.runbook.questions import misfit, tidy
from midwatch.runbook.severity import Severity
from midwatch.runbook.value_sources import Question
from midwatch.system.errors import BadInput, SourceLocation
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import suggest
from midwatch.system.units import size

LONGEST = 16_000
"""Bytes that all of them together may take in the journal, where an event has at most 64 KiB, and each plan that uses
them."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a person chose when they declared an incident."""

    severity: Severity
    people: str
    """Who is who, as it was typed; empty when nobody said."""
    inputs: Mapping[str, str]
    """What the runbook asks for, by name."""


def inputs_of(runbook: Runbook, given: Mapping[str, str]) -> dict[str, str]:
    """The values that a new incident gets: those given, else defaults; what stays empty is left out.

    Raises `BadInput` for what `given_inputs` refuses, and for one that is required and was not given.
    """
    values = given_inputs(runbook, given)
    missing = missing_inputs(runbook, values)
    if missing:
        raise not_given(missing[0])
    return values


def given_inputs(runbook: Runbook, given: Mapping[str, str]) -> dict[str, str]:
    """The same while some may still be missing. Raises `BadInput` for an unknown name and for a value that does not
    fit."""
    require_known(runbook, given)
    values = {}
    for ask in runbook.inputs:
        value = tidy(given.get(ask.name, ask.default))
        if why := misfit(ask, value):
            raise BadInput(f"The input {ask.name!r} {why}", hint=ask.prompt)
        if value:
            values[ask.name] = value
    stored = len(json.dumps(values))
    if stored > LONGEST:
        hint = "Say it shorter, or name a file that holds it"
        raise BadInput(f"The inputs take {size(stored)}, and the journal holds {size(LONGEST)}", hint=hint)
    return values


def require_known(runbook: Runbook, names: Iterable[str], *, place: SourceLocation | None = None) -> None:
    """Raise `BadInput` for the first name that the runbook does not ask for."""
    known = [ask.name for ask in runbook.inputs]
    for name in names:
        if name not in known:
            hint = suggest(name, known, "Inputs") if known else "It asks for none"
            raise BadInput(f"{runbook.file.name} has no input {shortened(name)!r}", place=place, hint=hint)


def missing_inputs(runbook: Runbook, values: Mapping[str, str]) -> list[Question]:
    """Those that are required, and have no value."""
    return [ask for ask in runbook.inputs if ask.required and not values.get(ask.name)]


def not_given(ask: Question) -> BadInput:
    """That a required one is missing, and how it is given."""
    return BadInput(f"The input {ask.name!r} was not given: {ask.prompt}", hint=f"Give it: --input {ask.name}=VALUE")


def told_inputs(runbook: Runbook, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every value that was given, with its question; one that the runbook does not know has its name."""
    for name, value in values.items():
        ask = runbook.input(name)
        yield (ask.prompt.rstrip(" ?:.") if ask else name), value


def input_lines(runbook: Runbook, values: Mapping[str, str]) -> list[str]:
    """The same as plain text, a line each."""
    return [f"{prompt}: {' / '.join(value.splitlines())}" for prompt, value in told_inputs(runbook, values)]
