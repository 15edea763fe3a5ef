"""`midwatch update INCIDENT`: send a status update, or a message to another channel, from a shell."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING

from midwatch.runbook.channels import INCIDENT_CHANNEL
from midwatch.system.errors import BadInput, Exit, Refused
from tui.cli_context import add_incident, add_runbook, in_control, is_driven, observed
from tui.output import say, say_document

if TYPE_CHECKING:
    from midwatch.engine.composer import MessageDraft
    from midwatch.engine.incident_controller import IncidentController


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch update` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    text = parser.add_mutually_exclusive_group()
    text.add_argument(
        "--text", metavar="TEXT", help="what is sent; '-' reads it from standard input (default: the draft is shown)"
    )
    text.add_argument("--send", action="store_true", help="send the draft as it is")
    text.add_argument("--edit", action="store_true", help="edit the draft in $EDITOR, then ask whether to send it")
    parser.add_argument("--to", default=INCIDENT_CHANNEL, metavar="CHANNEL", help="another channel than 'incident'")
    parser.add_argument("--yes", action="store_true", help="confirm a message to people outside the team")


def run(args: argparse.Namespace) -> int:
    """Show the draft, or queue the message."""
    from midwatch.engine.policy import require_open

    controller = observed(args)
    draft = controller.composer.draft(args.to)
    if args.text is None and not args.send and not args.edit:
        if draft.kept_at is not None:
            say(f"A draft of yours from {draft.kept_at:%H:%M} UTC, which was not sent:", error=True)
        say_document(f"{draft.text}\n")
        return Exit.DONE
    require_open(controller.incident)
    text = draft.text if args.text is None else sys.stdin.read() if args.text == "-" else args.text
    is_confirmed = args.yes
    if args.edit:
        if not sys.stdin.isatty() or not sys.stdout.isatty():
            raise BadInput("--edit needs a terminal", hint="Give the text: --text TEXT")
        text = controller.composer.edit(args.to, text)
        is_confirmed = _is_confirmed(controller, draft, text)
        if not is_confirmed:
            say("Nothing was sent; the draft is kept.")
            return Exit.DONE
    elif draft.outside and not args.yes:
        say(f"People outside the team would read this: {'; '.join(draft.receivers)}")
        for line in controller.composer.preview(args.to, text).splitlines():
            say(f"    {line}")
        raise Refused("Nothing was sent", hint="To confirm this text and these receivers: --yes")
    _send(args, controller, text, confirmed=is_confirmed)
    told = "; ".join(draft.receivers)
    say(f"Queued for {told}." if told else "Recorded. No channel 'incident' is set up: post it yourself.")
    return Exit.DONE


def _is_confirmed(controller: IncidentController, draft: MessageDraft, text: str) -> bool:
    """Show the text as its readers get it, and ask."""
    for line in controller.composer.preview(draft.channel, text).splitlines():
        say(f"    {line}")
    who = f"{'people outside the team: ' if draft.outside else ''}{'; '.join(draft.receivers) or 'no channel'}"
    try:
        return input(f"Send it to {who}? y or n [n]: ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _send(args: argparse.Namespace, controller: IncidentController, text: str, *, confirmed: bool) -> None:
    """By the driver where somebody drives, else by this command."""
    with contextlib.nullcontext(controller) if is_driven(controller) else in_control(args) as sender:
        sender.composer.send(args.to, text, confirmed=confirmed)
