"""`midwatch check NAME`: one check, for cron and monitoring: 0 it holds, 1 it does not, 2 bad usage, 3 unknown.

A check that takes `--warn` and `--crit` answers with the codes of monitoring plug-ins when either is given:
0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (Monitoring Plugins Development Guidelines, "Plugin return codes").
"""

from __future__ import annotations

import argparse

from midwatch.api.action import Check
from midwatch.system.errors import BadInput, Exit, MidwatchError, in_words
from tui.action_options import add_names, list_actions, parse_action, require_check
from tui.output import Parser, say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch check` to its parser."""
    add_names(parser, "check")


def run(args: argparse.Namespace) -> int:
    """Evaluate a check and print the result."""
    if not args.name:
        return list_actions(checks=True)
    require_check(args.name)
    form = Parser(f"midwatch check {args.name}", add_help=False, allow_abbrev=False)
    form.add_argument("--json", action="store_true", help="print the result as JSON")
    as_json = form.parse_known_args(args.rest)[0].json  # also of what ends before all options are read
    parser = Parser(f"midwatch check {args.name}", parents=[form])
    values: dict[str, str] = {}
    try:
        action, context, options = parse_action(parser, args.name, args.rest)
        as_json = options.json
        assert isinstance(action, Check)
        outcome = action.evaluate(context)
    except BadInput:
        raise
    except (MidwatchError, OSError, MemoryError) as error:
        summary = str(error) if isinstance(error, MidwatchError) else f"{in_words(error)}."
        word, code = "unknown", int(Exit.UNKNOWN)
    else:
        values = dict(outcome.values)
        word, code = ("ok", Exit.DONE) if outcome.ok else ("failed", Exit.FAILED)
        summary = outcome.summary
        if getattr(action, "crit", None) is not None or getattr(action, "warn", None) is not None:
            code = {"ok": 0, "warn": 1, "critical": 2}.get(values.get("level", ""), 0 if outcome.ok else 2)
    if as_json:
        say_json(
            {"check": args.name, "result": word, "exit": int(code), "summary": summary, "values": values}, indent=None
        )
    else:
        say(f"{args.name} {word}: {summary}")
    return int(code)
