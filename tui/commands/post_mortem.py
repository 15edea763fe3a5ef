"""`midwatch post-mortem INCIDENT`: how far the post-mortem is; write it, keep what people wrote, set its status."""

from __future__ import annotations

import argparse

from midwatch.system.errors import BadInput, Exit
from tui.cli_context import add_incident, add_runbook, incident_folder
from tui.output import say

_STATUSES = ("draft", "in-review", "published")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch post-mortem` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument(
        "--write",
        action="store_true",
        help="write post-mortem.md into the incident's folder, also again and after the closure: what people wrote in "
        "it stays, and what both they and the journal changed is marked as a conflict",
    )
    parser.add_argument("--status", choices=_STATUSES, help="set the status that stands at the top of the document")
    parser.add_argument("--url", metavar="URL", help="with --status published: where it is published")


def run(args: argparse.Namespace) -> int:
    """Write the post-mortem or set its status, as asked, and say how far it is."""
    from midwatch.engine.incident_files import reopen
    from midwatch.reports.markdown import text
    from midwatch.reports.post_mortem import post_mortem
    from midwatch.reports.post_mortem_file import PostMortemFile, Progress, Status
    from midwatch.system.actor import current_actor
    from midwatch.system.clock import SystemClock
    from midwatch.system.local_zone import local_zone

    if args.url and args.status != "published":
        raise BadInput("--url says where it is published", hint="midwatch post-mortem --status published --url URL")
    folder = incident_folder(args)
    file = PostMortemFile(folder)
    if args.write:
        runbook, events = reopen(folder)
        file.write(post_mortem(runbook, events, folder, file.zone(local_zone())))
    if args.status:
        at = f" at {text(args.url)}" if args.url else ""
        since = f" since {SystemClock().now():%Y-%m-%d %H:%M} UTC, set by {text(current_actor())}"
        file.set_status(Status(args.status.replace("-", " ")), at + since)
    document = file.read()
    if document is None:
        say(f"{folder.id}: no post-mortem is written yet. Write it: midwatch post-mortem {folder.id} --write")
        return Exit.DONE
    found = Progress.of(document)
    say(f"{file.path}: {found.status}; {found.words}")
    return Exit.DONE
