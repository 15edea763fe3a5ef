"""`midwatch close INCIDENT`: evaluate the closure criteria and close it, with a reason where one is not met."""

from __future__ import annotations

import argparse

from midwatch.engine.reasons import optional_reason
from midwatch.system.errors import Exit, SourceLocation
from tui.cli_context import add_incident, add_runbook, in_control
from tui.output import say

_MET = {True: "met", False: "not met", None: "unknown"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch close` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument("--reason", default="", help="why it is closed with criteria that are not met")


def run(args: argparse.Namespace) -> int:
    """Evaluate the criteria, say what was found, and close the incident."""
    from midwatch.engine.workflow import open_ends

    reason = optional_reason(args.reason, place=SourceLocation("--reason"))
    with in_control(args) as controller:
        freeze = ""
        try:
            freeze = controller.close(reason=reason)
        finally:
            for criterion in controller.runbook.closure:
                if found := controller.incident.criteria.get(criterion.id):
                    say(f"{_MET[found.met]:8} {criterion.title}: {found.detail}")
        if freeze:
            say(f"{freeze}.")
        for left in open_ends(controller):
            say(f"{left}.")
        say(f"{controller.incident.id} is closed. Its record: {len(controller.events)} events, head {controller.head}")
    return Exit.DONE
