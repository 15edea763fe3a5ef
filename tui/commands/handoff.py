"""`midwatch handoff INCIDENT`: how it stands, for whoever takes it over; with `--to NAME` they are offered control."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput, Exit
from tui.cli_context import add_incident, add_runbook, incident_folder, is_driven, own_runbook
from tui.output import say, say_json

if TYPE_CHECKING:
    from midwatch.engine.incident_controller import IncidentController


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch handoff` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument(
        "--to", metavar="NAME", help="offer control to this login (NAME@HOST for one of another machine)"
    )
    parser.add_argument(
        "--within", metavar="TIME", default="10 min", help="how long the offer stands (default: 10 min)"
    )
    parser.add_argument("--withdraw", action="store_true", help="withdraw the offer")
    parser.add_argument("--json", action="store_true", help="print the summary and the offer as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the handoff summary, or offer control to another operator."""
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.reports.handoff_summary import as_json, as_lines, handoff_summary, headline
    from midwatch.system.actor import current_actor

    if args.to and args.withdraw:
        raise BadInput("--to offers control and --withdraw takes the offer back", hint="Give one of them")
    within = _seconds(args.within)
    controller = IncidentController.observe(incident_folder(args), actor=current_actor(), own=own_runbook(args))
    if args.to or args.withdraw:
        _act(controller, args.to, within)
    incident, offer = controller.incident, controller.offer
    sections = handoff_summary(controller.runbook, incident, controller.clock, controller.next_update_due)
    if args.json:
        standing = {"to": offer.to, "from": offer.giver, "expires": to_rfc3339(offer.expires)} if offer else None
        facts = {
            "incident": incident.id,
            "severity": incident.severity.value,
            "driver": incident.driver,
            "offer": standing,
        }
        say_json(facts | {"summary": as_json(sections)})
        return Exit.DONE
    say(headline(incident, controller.clock))
    say(f"driver {incident.driver or 'nobody'}")
    for line in as_lines(sections):
        say(line)
    if offer:
        say(f"Offered to {offer.to} until {offer.expires:%H:%M:%S} UTC; 'midwatch' from their login takes it")
    return Exit.DONE


def _act(controller: IncidentController, to: str | None, within: float) -> None:
    """Offer or withdraw: by whoever drives, or where nobody does, by taking control for that moment."""
    nobody = not is_driven(controller)
    if nobody:
        controller.take_control()
    try:
        if to:
            controller.offer_control(to, within=within)
        else:
            controller.withdraw_offer()
    finally:
        if nobody:
            controller.leave()
    controller.poll()


def _seconds(text: str) -> float:
    from midwatch.system.units import Seconds

    try:
        found = float(Seconds.parse(text))
    except ValueError as error:
        raise BadInput(f"--within {text}: {error}", hint="Such as 10 min") from error
    if found <= 0:
        raise BadInput("--within takes a time that is not over yet", hint="Such as 10 min")
    return found
