"""`midwatch adopt INCIDENT`: show how the edited runbook differs from the incident's copy; with a reason, adopt it."""

from __future__ import annotations

import argparse

from midwatch.engine.reasons import require_reason
from midwatch.system.errors import Exit
from tui.cli_context import add_incident, add_runbook, in_control, observed
from tui.output import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch adopt` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument(
        "--reason", help="why the incident goes on by the edited runbook; without it nothing is changed"
    )


def run(args: argparse.Namespace) -> int:
    """Show the difference, and adopt it where a reason is given."""
    if args.reason is not None:
        require_reason(args.reason)
    controller = observed(args)
    source, difference = controller.difference()
    if difference is None:
        say(f"{source.file} is the runbook that {controller.incident.id} has.")
        return Exit.DONE
    for line in difference.lines:
        say(line)
    if args.reason is None:
        say(f"To go on by it: midwatch adopt {controller.incident.id} --reason TEXT")
        return Exit.DONE
    with in_control(args) as driver:
        driver.adopt(difference, args.reason)
        say(f"{driver.incident.id} goes on by {source.file}.")
    return Exit.DONE
