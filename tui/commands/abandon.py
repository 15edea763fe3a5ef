"""`midwatch abandon INCIDENT --reason TEXT`: end an incident that is none, or that was declared by mistake."""

from __future__ import annotations

import argparse

from midwatch.engine.reasons import require_reason
from midwatch.system.errors import Exit
from tui.cli_context import add_incident, add_runbook, in_control
from tui.output import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch abandon` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument("--reason", required=True, help="why it is no incident; the record keeps it")


def run(args: argparse.Namespace) -> int:
    """End the incident without evaluating its closure criteria."""
    require_reason(args.reason)
    with in_control(args) as controller:
        if freeze := controller.abandon(args.reason):
            say(f"{freeze}.")
        say(f"{controller.incident.id} is abandoned. Its record: {controller.folder.path}")
    return Exit.DONE
