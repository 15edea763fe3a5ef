"""`midwatch verify INCIDENT`: whether its journal is whole, and against a head that others hold."""

from __future__ import annotations

import argparse
import json

from midwatch.errors import Exit
from tui.where import add_runbook, logs_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("incident", nargs="?", default="latest", help="its id, the beginning of one, or 'latest' (default)")
    add_runbook(parser)
    parser.add_argument("--head", metavar="SHA256", help="the head that an update or the closure told")
    parser.add_argument("--count", type=int, metavar="N", help="the number of events that went with that head")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")


def run(args: argparse.Namespace) -> int:
    from midwatch.incident.shelf import find
    from midwatch.journal.verify import verify

    folder = find(logs_folder(args), args.incident)
    verdict = verify(folder.journal, head=args.head, count=args.count)
    if args.json:
        print(json.dumps({"incident": folder.id, **verdict.to_json()}, indent=2))
    elif verdict.ok:
        print(f"{folder.id}: whole, {verdict.events} events, head {verdict.head}")
    else:
        print(f"{folder.id}: NOT whole: {verdict.problem}")
    return Exit.DONE if verdict.ok else Exit.FAILED
