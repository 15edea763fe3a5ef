"""Command-line options of an action or check, generated from its parameters."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from midwatch.api.action import Action, Check, Context
from midwatch.system.errors import BadInput, Exit
from tui.cli_context import add_runbook, load_runbook
from tui.output import say, unfiltered

_METAVARS: Mapping[type, str] = {str: "TEXT", dict: "JSON"}


def add_names(parser: argparse.ArgumentParser, what: str) -> None:
    """Add NAME and what comes after it, which is read once it is known which action it is."""
    parser.usage = f"midwatch {what} [NAME [--parameter value …]]"
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"which {what}; without a name, all are listed")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.epilog = f"What one of them takes: midwatch {what} NAME --help"


def list_actions(*, checks: bool) -> int:
    """Print every action (or check) with its summary."""
    from midwatch.api.registry import action_names, find_action

    shown = _checks() if checks else {name: find_action(name) for name in action_names()}
    width = max(map(len, shown), default=0)
    for name, cls in shown.items():
        say(f"{name:{width}}  {cls.risk:8}{cls.summary}")
    return Exit.DONE


def _checks() -> dict[str, type[Check]]:
    from midwatch.api.registry import action_names, find_action

    found = {name: find_action(name) for name in action_names()}
    return {name: cls for name, cls in found.items() if issubclass(cls, Check)}


def require_check(name: str) -> None:
    """Raise `BadInput` for what is no check, before any of its parameters is looked at; near checks are suggested."""
    from midwatch.api.registry import action_names, find_action
    from midwatch.system.suggestion import suggest

    if name not in action_names():
        raise BadInput(f"There is no check {name!r}", hint=suggest(name, _checks(), "There are"))
    if not issubclass(find_action(name), Check):
        raise BadInput(f"{name} is not a check: it changes something", hint=f"Run it: midwatch action {name}")


def parse_action(
    parser: argparse.ArgumentParser,
    name: str,
    rest: Sequence[str],
    parameters_given: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Action, Context, argparse.Namespace]:
    """The action with its parameters, what it works with, and the other options. Raises `BadInput`.

    An option goes before a value of `parameters_given`.
    """
    from midwatch.api.parameters import build, parameters_of
    from midwatch.api.registry import find_action
    from midwatch.engine.process_console import ProcessConsole
    from midwatch.runbook.secret_sources import known_secrets
    from midwatch.system.actor import current_actor
    from midwatch.system.clock import SystemClock

    cls = find_action(name)
    parser.description = cls.summary
    parameters = parameters_of(cls)
    for parameter in parameters:
        needed = "required" if parameter.required else ""
        parser.add_argument(
            f"--{parameter.option}",
            dest=f"parameter {parameter.name}",
            action="append",
            metavar=_METAVARS.get(parameter.kind) or parameter.kind.__name__.upper(),
            required=parameter.required and parameter.name not in parameters_given,
            help="; ".join(part for part in (parameter.help, parameter.accepts, needed) if part).replace("%", "%%"),
        )
    add_runbook(parser)
    options = parser.parse_args(rest)
    runbook = load_runbook(options)
    given = dict(parameters_given)
    for parameter in parameters:
        values = getattr(options, f"parameter {parameter.name}")
        if values and len(values) > 1 and not parameter.many:  # the last one would win, and nobody would see it
            raise BadInput(f"--{parameter.option} is given {len(values)} times", hint="Give it once")
        if values:
            given[parameter.name] = ",".join(values)
    action = build(cls, given, runbook)
    incident = os.environ.get("MIDWATCH_INCIDENT")
    context = Context(
        runbook,
        ProcessConsole(unfiltered(sys.stdout), secrets=known_secrets(runbook)),
        SystemClock(),
        os.environ.get("MIDWATCH_ACTOR") or current_actor(),
        incident=Path(incident) if incident else None,
        step=os.environ.get("MIDWATCH_STEP", ""),
    )
    return action, context, options
