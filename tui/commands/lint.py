"""`midwatch lint FILE...`: every error at once, each with file:line:column."""

from __future__ import annotations

import argparse
from pathlib import Path

from midwatch.system.errors import BadInput, Exit
from midwatch.system.units import counted
from tui.output import say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch lint` to its parser."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="runbooks")
    parser.add_argument("--site", metavar="FILE", help="the site file for all of them")
    parser.add_argument("--json", action="store_true", help="print the errors as JSON")


def run(args: argparse.Namespace) -> int:
    """Check the runbooks and print every problem with its position."""
    from midwatch.runbook.loader import RunbookErrors, load

    found: list[BadInput] = []
    for name in args.files:
        try:
            runbook = load(Path(name), site=Path(args.site) if args.site else None)
        except RunbookErrors as errors:
            found += errors.errors
        except BadInput as error:
            found.append(error)
        else:
            if not args.json:
                parts = counted(len(runbook.phases), "phase"), counted(sum(1 for _ in runbook.steps()), "step")
                closure = len(runbook.closure)
                criteria = "1 closure criterion" if closure == 1 else f"{closure} closure criteria"
                say(f"{name}: ok, {', '.join(parts)}, {criteria}")
    if args.json:
        say_json([_as_json(error) for error in found])
    else:
        for one in found:
            say(one, error=True)
    return Exit.BAD_INPUT if found else Exit.DONE


def _as_json(error: BadInput) -> dict[str, object]:
    place = error.place
    where = {"file": place.file, "line": place.line, "column": place.column} if place else {}
    return where | {"error": error.sentence, "hint": error.hint}
