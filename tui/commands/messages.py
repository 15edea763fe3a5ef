"""`midwatch messages INCIDENT`: the messages by channels and what became of each; send one anew, or give it up."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import asdict

from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput, Exit, MidwatchError
from midwatch.system.units import counted
from tui.cli_context import add_incident, add_runbook, in_control, is_driven, observed
from tui.output import say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch messages` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--retry", metavar="ID", help="send this message anew; it may then arrive twice")
    choice.add_argument("--give-up", metavar="ID", help="do not send this message any more")
    parser.add_argument("--reason", default="", help="why, for --retry and --give-up")
    parser.add_argument("--json", action="store_true", help="print the messages as JSON")


def run(args: argparse.Namespace) -> int:
    """List the messages, or decide on one."""
    from midwatch.engine.message_requests import request_decision
    from midwatch.engine.messages import decide_after_end, resume_delivery
    from midwatch.reports.known_deliveries import known_deliveries
    from midwatch.reports.message_text import delivery_words

    controller = observed(args)
    chosen = args.retry or args.give_up
    if chosen and controller.incident.open and is_driven(controller):
        request_decision(controller.folder, chosen, retry=bool(args.retry), reason=args.reason)
    elif chosen and controller.incident.open:
        with in_control(args) as driver:
            driver.decide_message(chosen, retry=bool(args.retry), reason=args.reason)
    elif chosen:
        decide_after_end(controller.folder, chosen, retry=bool(args.retry), reason=args.reason)
    if chosen:
        say(f"Message {chosen} is sent anew." if args.retry else f"Message {chosen} is not sent any more.")
        return Exit.DONE
    if args.reason:
        raise BadInput("--reason belongs to --retry or --give-up", hint="Name a message")
    with contextlib.suppress(OSError, MidwatchError):  # what is known can be shown all the same
        resume_delivery(controller.folder)
    found = known_deliveries(controller.incident, controller.folder.outbox)
    if args.json:
        rows = [
            {
                **asdict(delivery),
                "queued_at": to_rfc3339(delivery.queued_at),
                "at": to_rfc3339(delivery.at) if delivery.at else None,
            }
            for delivery in found
        ]
        say_json({"incident": controller.incident.id, "messages": rows})
        return Exit.DONE
    for delivery in found:
        say(f"{delivery.queued_at:%Y-%m-%d %H:%M:%S} UTC  {delivery_words(delivery)}")
        for line in delivery.text.splitlines():
            say(f"    {line}")
    say(f"{counted(len(found), 'message')}, {sum(item.undelivered for item in found)} not delivered.")
    return Exit.DONE
