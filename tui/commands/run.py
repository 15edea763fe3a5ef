"""`midwatch run RUNBOOK --headless`: no screen; an answers file decides manual steps and confirmations."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from midwatch.engine.reasons import optional_reason
from midwatch.system.errors import BadInput, SourceLocation
from tui.cli_context import add_inputs, add_runbook, inputs_given, load_runbook, refuse_inputs
from tui.status_page_option import add_status_page, kept_status_page, prepare_status_page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch run` to its parser."""
    add_runbook(parser, positional=True)
    parser.add_argument(
        "--headless", action="store_true", help="run without a screen (with a screen: midwatch RUNBOOK)"
    )
    parser.add_argument("--answers", metavar="FILE", help="the decisions of a person, as YAML (docs/headless.md)")
    add_inputs(parser)
    add_status_page(parser)
    parser.add_argument(
        "--resume", action="store_true", help="continue the open incident instead of declaring a new one"
    )
    parser.add_argument(
        "--take-over",
        metavar="REASON",
        default="",
        help="with --resume: take over from an unresponsive driver; the reason is journaled",
    )
    parser.add_argument(
        "--output",
        choices=("short", "full"),
        default="short",
        help="of a step that writes more than 2,000 lines: the first and the last ones (default), or all",
    )
    parser.add_argument(
        "--observe",
        metavar="PHASE",
        default="",
        help="run only what observes in this phase, by its section or id, and leave the incident open; needs no "
        "answers",
    )
    parser.add_argument(
        "--export",
        metavar="FILE",
        help="write the timeline to this file, however the run ends; the suffix chooses the format (.md, .html, .pdf, "
        ".json, .csv)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the runbook without a terminal."""
    if not args.headless:
        raise BadInput(
            "Without a screen there must be answers", hint="Add --headless --answers FILE, or open: midwatch RUNBOOK"
        )
    if not args.answers and not args.observe:
        raise BadInput("--headless needs --answers FILE", hint="docs/headless.md says what stands in it")
    from midwatch.engine.repository import open_incident
    from tui.launch_headless import run_headless

    reason = optional_reason(args.take_over, place=SourceLocation("--take-over"))
    runbook = load_runbook(args)
    folder = open_incident(runbook.location_of("logs"), runbook.id) if args.resume else None
    if args.resume and folder is None:
        raise BadInput("There is no open incident to resume", hint="Leave --resume out to declare a new one")
    if folder is not None:
        refuse_inputs(args, folder)
    inputs = inputs_given(args.inputs)
    prepare_status_page(args)
    export = Path(args.export) if args.export else None
    return run_headless(
        runbook,
        Path(args.answers) if args.answers else None,
        folder=folder,
        export=export,
        inputs=inputs,
        reason=reason,
        full_output=args.output == "full",
        observe=args.observe,
        page=partial(kept_status_page, args),
    )
