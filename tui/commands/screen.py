"""`midwatch [RUNBOOK]`: the screen, or plain lines. It resumes the open incident of this runbook, or declares a new
one."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.engine.reasons import optional_reason
from midwatch.system.errors import BadInput, Exit, MidwatchError, SourceLocation
from tui.cli_context import add_inputs, add_runbook, inputs_given, load_runbook, own_runbook, refuse_inputs
from tui.output import say
from tui.status_page_option import add_status_page, kept_status_page, prepare_status_page

if TYPE_CHECKING:
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.incident.paths import IncidentFolder
    from midwatch.runbook.declaration import Declaration
    from midwatch.runbook.model import Runbook
    from tui.first_paint import FirstPaint

_Found = dict[tuple[Path, str], "IncidentFolder | None"]
"""The open incident, or None, of the runbook with this id in this folder of logs."""
_INSTEAD = "midwatch run RUNBOOK --headless --answers FILE"
_EARLIER = 3
"""Incidents that are shown before a new one is declared."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch [RUNBOOK]` to its parser."""
    add_runbook(parser, positional=True)
    parser.add_argument("--new", action="store_true", help="declare a new incident even if one is open")
    add_inputs(parser)
    add_status_page(parser)
    parser.add_argument(
        "--incident", metavar="ID", help="open this incident: its id, the beginning of an id, or 'latest'"
    )
    parser.add_argument("--observe", action="store_true", help="observe without driving")
    parser.add_argument(
        "--take-over",
        metavar="REASON",
        default="",
        help="take over from an unresponsive driver; the reason is journaled",
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="line by line, without a screen (automatic on TERM=dumb and in a pipe)",
    )
    parser.add_argument("--ascii", action="store_true", help="ASCII characters only (automatic without UTF-8)")
    parser.add_argument("--no-mouse", action="store_true", help="do not use the mouse; the terminal selects text")


def run(args: argparse.Namespace) -> int:
    """Open the incident on the screen, or line by line."""
    from tui.first_paint import FirstPaint
    from tui.launch_tui import forget_inherited_size, open_front, wants_lines

    reason = optional_reason(args.take_over, place=SourceLocation("--take-over"))
    prepare_status_page(args)
    forget_inherited_size()
    with FirstPaint() as paint:
        found: _Found = {}
        if not (args.new or args.plain or args.verbose or reason):
            found = _show_outline(args, paint)
        runbook = load_runbook(args, to_run=not args.observe)
        lines = wants_lines(plain=args.plain, instead=_INSTEAD)
        key = _key(runbook)
        folder = found[key] if key in found else _folder(args, runbook)
        controller = _opened(args, runbook, folder, reason, paint, lines=lines)
        if controller is None:
            return Exit.DONE
        with kept_status_page(args, controller):
            open_front(controller, paint, lines=lines, ascii=args.ascii, mouse=not args.no_mouse)
    where = Path(controller.folder.path)
    with contextlib.suppress(OSError):  # the terminal may be gone
        say(
            f"{controller.incident.id} is {controller.incident.word}; its record: {where}",
            flush=True,
        )
    return Exit.DONE


def _show_outline(args: argparse.Namespace, paint: FirstPaint) -> _Found:
    """Show the incident that is about to be resumed. What keeps it from that is found again, and said, after it."""
    from midwatch.engine.incident_files import outline
    from tui.launch_tui import ascii_only, wants_lines

    found: _Found = {}
    with contextlib.suppress(MidwatchError, OSError):
        if not wants_lines(plain=False, instead=_INSTEAD):
            runbook = load_runbook(args, to_run=not args.observe, outline=True)
            folder = found[_key(runbook)] = _folder(args, runbook)
            if folder is not None:
                paint.show(*outline(folder, runbook), ascii=ascii_only(args.ascii))
    return found


def _key(runbook: Runbook) -> tuple[Path, str]:
    return runbook.location_of("logs"), runbook.id


def _folder(args: argparse.Namespace, runbook: Runbook) -> IncidentFolder | None:
    """The incident to resume; None when one is to be declared."""
    from midwatch.engine.repository import find, open_incident

    logs = runbook.location_of("logs")
    return find(logs, args.incident) if args.incident else None if args.new else open_incident(logs, runbook.id)


def _opened(
    args: argparse.Namespace,
    runbook: Runbook,
    folder: IncidentFolder | None,
    reason: str,
    paint: FirstPaint,
    *,
    lines: bool,
) -> IncidentController | None:
    """The incident, resumed or declared; None when nobody wants to declare one."""
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.system.actor import current_actor
    from tui.joining import drive_or_observe

    if folder is not None:
        refuse_inputs(args, folder)
    if folder is None:
        if args.observe:
            raise BadInput("There is no open incident to observe", hint="See them: midwatch incidents")
        found = _declaration(runbook, args, lines=lines)
        if found is None:
            return None
        controller = IncidentController.declare(
            runbook, actor=current_actor(), severity=found.severity, inputs=found.inputs
        )
        if found.people:
            controller.note(f"Who is who: {found.people}")
    elif args.observe:
        controller = IncidentController.observe(folder, actor=current_actor(), own=own_runbook(args))
    else:
        controller = drive_or_observe(folder, reason=reason, own=runbook, before_saying=paint.hide)
    return controller


def _waiting_lines(runbook: Runbook) -> list[str]:
    """The requests of the watcher that wait for an answer, a line each."""
    from midwatch.watch.requests import RequestStore

    with contextlib.suppress(MidwatchError, OSError):
        return [request.line for request in RequestStore(runbook).pending()]
    return []


def _declaration(runbook: Runbook, args: argparse.Namespace, *, lines: bool) -> Declaration | None:
    """What is declared, asked for unless all is known; None when no incident is. Raises `BadInput` for wrong inputs."""
    from midwatch.engine.choices import ask_inputs
    from midwatch.runbook.declaration import Declaration, given_inputs, missing_inputs

    runbook, given = ask_inputs(runbook), inputs_given(args.inputs)
    known = given_inputs(runbook, given)
    if args.new and not missing_inputs(runbook, known):
        return Declaration(runbook.severity, "", given)
    from midwatch.engine.repository import incidents, summary
    from midwatch.reports.seen_before import seen_lines
    from midwatch.system.clock import SystemClock

    earlier = [summary(folder) for folder in incidents(runbook.location_of("logs"))[:_EARLIER]]
    waiting, seen = _waiting_lines(runbook), seen_lines(runbook, SystemClock().now())
    if lines:
        for one in earlier:
            if one.problem:
                say(f"{one.id} cannot be read, and may be open. {one.problem}")
        for line in seen:
            say(f"Seen before: {line}.")
        for line in waiting:
            say(f"The watcher asks to declare: {line}")
        from tui.plain.declaration import declaration

        return declaration(runbook, given, sure=args.new)
    from tui.app.declare_app import DeclareApp
    from tui.launch_tui import utf8
    from tui.terminal.terminal_guard import guarded_terminal

    with guarded_terminal():
        app = DeclareApp(runbook, earlier, given, ascii=args.ascii or not utf8(), waiting=waiting, seen=seen)
        return app.run(mouse=not args.no_mouse)
