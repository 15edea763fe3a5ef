"""`midwatch drill`: the rehearsal. Real PostgreSQL servers, in containers or without, thrown away afterwards."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.system.errors import BadInput, Exit
from tui.cli_context import add_inputs, inputs_given, refuse_inputs
from tui.output import say
from tui.status_page_option import add_status_page, kept_status_page, prepare_status_page

if TYPE_CHECKING:
    from drill.production import Production


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch drill` to its parser."""
    parser.add_argument(
        "scenario", nargs="?", default="reference", metavar="SCENARIO", help="the scenario (default: reference)"
    )
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    parser.add_argument(
        "--docker",
        action=argparse.BooleanOptionalAction,
        help="run the servers in Docker containers, or without Docker (default: in containers where possible)",
    )
    parser.add_argument("--headless", action="store_true", help="without a screen, with the drill's own answers")
    parser.add_argument("--answers", metavar="FILE", help="with --headless: another answers file")
    add_inputs(parser)
    add_status_page(parser)
    parser.add_argument(
        "--export",
        metavar="FILE",
        help="write the timeline to this file at the end; the suffix chooses the format (.md, .html, .pdf, .json, "
        ".csv)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the production at the end; the next 'midwatch drill' finds it"
    )
    parser.add_argument("--clean", action="store_true", help="remove the remains of earlier drills, and stop")
    parser.add_argument("--plain", action="store_true", help="line by line, without a screen")
    parser.add_argument("--ascii", action="store_true", help="plain characters only")
    parser.add_argument("--no-mouse", action="store_true", help="do not use the mouse; the terminal selects text")


def run(args: argparse.Namespace) -> int:
    """Start a drill, show its state or remove what it made."""
    from drill import production, scenarios, teardown
    from tui.launch_tui import forget_inherited_size, wants_lines

    if args.list:
        for scenario in scenarios.SCENARIOS:
            say(f"{scenario.name:16}{scenario.title}")
        return Exit.DONE
    if args.clean:
        for folder in teardown.sweep(waiting=True):
            say(f"removed {folder}")
        return Exit.DONE
    inputs = inputs_given(args.inputs)
    prepare_status_page(args)
    if not args.headless:
        forget_inherited_size()
        args.plain = wants_lines(plain=args.plain, instead="midwatch drill --headless")
    found = None if args.headless else production.find_open()
    if found is not None and found.scenario != args.scenario:
        raise BadInput(f"The drill {found.scenario!r} is still open in {found.folder}", hint=_way_back(found))
    if found is not None and args.docker not in (None, found.in_docker):
        how = "in containers" if found.in_docker else "without Docker"
        raise BadInput(f"The drill in {found.folder} is still open, and runs {how}", hint=_way_back(found))
    place = found or production.build(
        args.scenario, docker=args.docker, say=lambda text: say(text, error=True, flush=True)
    )
    finished = True
    try:
        os.environ.update(place.environment)
        code, finished = (_headless if args.headless else _screen)(place, args, inputs)
    finally:
        if place.owned:  # else another terminal works on it
            _leave(place, keep=args.keep or not finished)
    return code


def _way_back(found: Production) -> str:
    """How to go on with a drill that is open, and how to end it."""
    scenario = "" if found.scenario == "reference" else f" {found.scenario}"
    return f"Go on with it: midwatch drill{scenario}. End it: midwatch drill --clean"


def _leave(place: Production, *, keep: bool) -> None:
    if keep:
        say(f"The production stays in {place.folder} for a while; 'midwatch drill' finds it again", error=True)
    else:
        place.tear_down()


def _headless(place: Production, args: argparse.Namespace, inputs: Mapping[str, str]) -> tuple[int, bool]:
    from midwatch.runbook.loader import load
    from tui.launch_headless import run_headless

    answers = Path(args.answers) if args.answers else place.answers
    export = Path(args.export) if args.export else None
    runbook = load(place.runbook, site=place.site)
    page = partial(kept_status_page, args)
    return run_headless(runbook, answers, folder=None, export=export, inputs=inputs, page=page), True


def _screen(place: Production, args: argparse.Namespace, inputs: Mapping[str, str]) -> tuple[int, bool]:
    """Open the screen; the second value says whether the operator left on purpose, and did not just lose the line."""
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.engine.rehearsal_end import RehearsalEnd
    from midwatch.engine.repository import open_incident
    from midwatch.runbook.loader import load
    from midwatch.system.actor import current_actor
    from tui.first_paint import FirstPaint
    from tui.full_export import write_full_timeline
    from tui.joining import drive_or_observe
    from tui.launch_tui import open_front

    runbook = load(place.runbook, site=place.site)
    folder = open_incident(runbook.location_of("logs"), runbook.id)
    if folder is not None:
        refuse_inputs(args, folder)
        controller = drive_or_observe(folder)
    else:
        controller = IncidentController.declare(runbook, actor=current_actor(), inputs=inputs)
    here = Path.cwd()

    def export() -> Path:
        """Beside whatever the operator started the drill in; that folder stays."""
        file = here / f"drill-{controller.incident.id}.md"
        write_full_timeline(file, controller)
        return file

    rehearsal = RehearsalEnd(export) if place.owned and not args.keep else None
    with FirstPaint() as paint, kept_status_page(args, controller):
        left = open_front(
            controller, paint, lines=args.plain, ascii=args.ascii, mouse=not args.no_mouse, rehearsal=rehearsal
        )
    if args.export:
        write_full_timeline(Path(args.export), controller)
    return Exit.DONE, left
