"""`midwatch export INCIDENT`: the timeline or the post-mortem, as Markdown."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from midwatch.errors import Exit
from tui.where import add_runbook, logs_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("incident", nargs="?", default="latest", help="its id, the beginning of one, or 'latest' (default)")
    add_runbook(parser)
    parser.add_argument("--rca", action="store_true", help="the root cause analysis instead of the timeline")
    parser.add_argument("--output", "-o", metavar="FILE", help="where to (default: standard output)")


def run(args: argparse.Namespace) -> int:
    from midwatch.export.rca import rca
    from midwatch.export.timeline import timeline
    from midwatch.incident.shelf import find
    from midwatch.opening import reopen
    from tui.files import write_text

    folder = find(logs_folder(args), args.incident)
    runbook, events = reopen(folder)
    text = (rca if args.rca else timeline)(runbook, events, folder)
    if args.output:
        write_text(Path(args.output), text)
    else:
        sys.stdout.write(text)
    return Exit.DONE
