"""`midwatch update INCIDENT`: send a status update, or a message to another channel, from a shell."""

from __future__ import annotations

import argparse
import sys

from midwatch.runbook.channels import INCIDENT_CHANNEL
from midwatch.system.errors import Exit, Refused
from tui.cli_context import add_incident, add_runbook, in_control, observed
from tui.output import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch update` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument(
        "--text", metavar="TEXT", help="what is sent; '-' reads it from standard input (default: the draft is shown)"
    )
    parser.add_argument("--to", default=INCIDENT_CHANNEL, metavar="CHANNEL", help="another channel than 'incident'")
    parser.add_argument("--yes", action="store_true", help="confirm a message to people outside the team")


def run(args: argparse.Namespace) -> int:
    """Show the draft, or queue the message."""
    from midwatch.control.lease import DriverState
    from midwatch.engine.message_requests import request_message, request_update
    from midwatch.engine.policy import require_open
    from midwatch.reports.message_draft import draft

    if args.text is None:
        controller = observed(args)
        say(draft(controller.runbook, controller.incident, controller.events, controller.clock))
        return Exit.DONE
    text = sys.stdin.read() if args.text == "-" else args.text
    controller = observed(args)
    require_open(controller.incident)
    channel = controller.runbook.channels.get(args.to)
    is_update = args.to == INCIDENT_CHANNEL
    receivers = "; ".join(controller.receivers(args.to)) if channel or not is_update else ""
    if channel is not None and channel.outside and not args.yes:
        say(f"People outside the team would read this: {receivers}")
        for line in text.strip().splitlines():
            say(f"    {line}")
        raise Refused("Nothing was sent", hint="To confirm this text and these receivers: --yes")
    if controller.lease.state is not DriverState.NOBODY:
        if is_update:
            request_update(controller.folder, text)
        else:
            request_message(controller.folder, args.to, text, confirmed=args.yes)
    else:
        with in_control(args) as driver:
            if is_update:
                driver.update(text)
            else:
                driver.send_message(args.to, text, confirmed=args.yes)
    say(f"Sent to {receivers}." if receivers else "Recorded. No channel 'incident' is set up: post it yourself.")
    return Exit.DONE
