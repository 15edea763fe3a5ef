"""`midwatch [RUNBOOK]`: the screen, or plain lines. It resumes the open incident of this runbook, or declares a new one."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from midwatch.errors import BadInput, Exit
from midwatch.runbook.model import Runbook, Severity
from tui.where import add_runbook, load_runbook

_EARLIER = 3
"""Incidents that are shown before a new one is declared."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_runbook(parser, positional=True)
    parser.add_argument("--new", action="store_true", help="declare a new incident even if one is open")
    parser.add_argument("--incident", metavar="ID", help="open this one: its id, the beginning of one, or 'latest'")
    parser.add_argument("--observe", action="store_true", help="follow along without driving")
    parser.add_argument(
        "--take-over", metavar="REASON", default="", help="drive it though another screen has the wheel, if that one is dead"
    )
    parser.add_argument(
        "--plain", action="store_true", help="line by line, without a screen (chosen by itself on TERM=dumb and in a pipe)"
    )
    parser.add_argument("--ascii", action="store_true", help="plain characters only (chosen by itself where UTF-8 is missing)")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal, so that it selects text")


def run(args: argparse.Namespace) -> int:
    from midwatch.actor import current_actor
    from midwatch.conductor import Conductor
    from midwatch.incident.shelf import find, open_incident
    from tui.with_screen import drive_or_observe, open_front, wants_lines

    runbook = load_runbook(args)
    lines = wants_lines(plain=args.plain, instead="midwatch run RUNBOOK --headless --answers FILE")
    logs = runbook.place_of("logs")
    folder = find(logs, args.incident) if args.incident else None if args.new else open_incident(logs, runbook.id)
    if folder is None:
        if args.observe:
            raise BadInput("There is no open incident to observe", hint="See them: midwatch incidents")
        found = None if args.new else _declaration(runbook, args, lines=lines)
        if not args.new and found is None:
            return Exit.DONE
        conductor = Conductor.declare(runbook, actor=current_actor(), severity=found[0] if found else None)
        if found and found[1]:
            conductor.note(f"Who is who: {found[1]}")
    elif args.observe:
        conductor = Conductor.observe(folder, actor=current_actor())
    else:
        conductor = drive_or_observe(folder, reason=args.take_over)
    open_front(conductor, lines=lines, ascii=args.ascii, mouse=not args.no_mouse)
    where = Path(conductor.folder.path)
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(f"{conductor.incident.id} is {'open' if conductor.incident.open else 'closed'}; its record: {where}", flush=True)
    return Exit.DONE


def _declaration(runbook: Runbook, args: argparse.Namespace, *, lines: bool) -> tuple[Severity, str] | None:
    """How severe it is and who is who; None when no incident is declared."""
    if lines:
        print(f"No incident of '{runbook.title}' is open. Declare one now, {runbook.severity}? [Y/n] ", end="", flush=True)
        answer = sys.stdin.readline()
        return (runbook.severity, "") if answer and answer.strip().lower() in ("", "y", "yes") else None
    from midwatch.incident.shelf import incidents, summary
    from tui.declare_app import DeclareApp
    from tui.with_screen import utf8

    earlier = [summary(folder) for folder in incidents(runbook.place_of("logs"))[:_EARLIER]]
    found = DeclareApp(runbook, earlier, ascii=args.ascii or not utf8()).run(mouse=not args.no_mouse)
    return (found.severity, found.people) if found else None
