"""`midwatch incidents`: every incident, newest first; a damaged one is listed as such."""

from __future__ import annotations

import argparse
import dataclasses
from datetime import datetime

from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Exit
from tui.cli_context import add_runbook, logs_folder, runbook_id
from tui.output import say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch incidents` to its parser."""
    add_runbook(parser)
    parser.add_argument("--json", action="store_true", help="print the incidents as JSON")


def run(args: argparse.Namespace) -> int:
    """List the incidents, newest first."""
    from midwatch.engine.repository import incidents, summary

    logs = logs_folder(args)
    found = [summary(folder) for folder in incidents(logs, runbook_id(args))]
    if args.json:
        rows = [dataclasses.asdict(item) for item in found]
        say_json(rows, default=lambda value: to_rfc3339(value) if isinstance(value, datetime) else str(value))
        return Exit.DONE
    if not found:
        say(f"No incidents in {logs}.")
    for item in found:
        if item.problem:
            say(f"{item.id}  damaged: {item.problem}")
            continue
        state = f"{item.state} {item.closed:%Y-%m-%d %H:%M} UTC" if item.closed else item.state
        driver = f", driver {item.driver}" if item.driver else ""
        say(f"{item.id}  {item.severity}  {state}{driver}  {item.title}")
    return Exit.DONE
