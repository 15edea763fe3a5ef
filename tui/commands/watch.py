"""`midwatch watch [RUNBOOK]`: watch the triggers of a runbook until it is ended, and leave requests to declare."""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from midwatch.system.errors import BadInput, Exit, MidwatchError, Refused, in_words
from midwatch.system.units import Seconds, counted
from tui.cli_context import add_runbook, load_runbook
from tui.output import say, say_document, say_json

if TYPE_CHECKING:
    from midwatch.runbook.model import Runbook
    from midwatch.watch.requests import RequestStore
    from midwatch.watch.watcher import Watcher

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch watch` to its parser."""
    add_runbook(parser, positional=True)
    parser.add_argument(
        "--once",
        action="store_true",
        help="look once, and end; 'for' and deadlines count while a watcher runs, so they need one that stays",
    )
    parser.add_argument(
        "--declare", action="store_true", help="declare the incidents too, as the user who runs the watcher"
    )
    parser.add_argument(
        "--since",
        default="24 h",
        metavar="TIME",
        help="at the very first look: how old a line of a log may be that fires (default: 24 h)",
    )
    parser.add_argument("--status", action="store_true", help="list the requests that wait for an answer, and end")
    parser.add_argument("--json", action="store_true", help="with --status: print the requests as JSON")
    parser.add_argument("--print-unit", action="store_true", help="print a systemd unit for this runbook, and end")


def run(args: argparse.Namespace) -> int:
    """Watch."""
    runbook = load_runbook(args)
    if args.print_unit:
        from tui.watch_unit import watch_unit

        say_document(watch_unit(runbook, declares=args.declare))
        return Exit.DONE
    if args.status or args.json:
        from midwatch.watch.requests import RequestStore

        return _show(RequestStore(runbook), as_json=args.json)
    if not runbook.triggers:
        raise BadInput(f"{runbook.file} has no triggers, so there is nothing to watch", hint="See docs/watch.md")
    try:
        since_s = float(Seconds.parse(args.since))
    except ValueError as error:
        raise BadInput(f"--since: {error}") from None
    return _watch(runbook, since_s, once=args.once, declares=args.declare)


def _watch(runbook: Runbook, since_s: float, *, once: bool, declares: bool) -> int:
    from midwatch.api.action import Context
    from midwatch.engine.planning import SilentConsole
    from midwatch.engine.repository import open_incident
    from midwatch.incident.permissions import new_folder
    from midwatch.system.actor import current_actor
    from midwatch.system.clock import SystemClock
    from midwatch.system.file_locks import locked_file
    from midwatch.watch.pinger import Pinger
    from midwatch.watch.watcher import Watcher

    def incident() -> str:
        with contextlib.suppress(MidwatchError):  # the folder of the incidents may be closed to the watcher
            folder = open_incident(runbook.location_of("logs"), runbook.id)
            return folder.id if folder else ""
        return ""

    folder = runbook.location_of("watch")
    with contextlib.suppress(FileExistsError):
        new_folder(folder)
    taken = Refused(f"Another watcher uses {folder}", hint="End it, or give this one a folder of its own: locations")
    ended = threading.Event()
    with _ended_by_signals(ended), locked_file(folder / "watch.lock", None, otherwise=taken):
        context = Context(runbook, SilentConsole(), SystemClock(), current_actor())
        watcher, pinger = Watcher(context, open_incident=incident, since_s=since_s), Pinger(runbook, context.clock)
        pinger.started()
        _print(
            f"watching {counted(len(runbook.triggers), 'trigger')} of {runbook.id}; requests lie in {folder}/requests"
        )
        declare = partial(_declare, runbook, current_actor()) if declares else None
        failed = ""
        while not ended.is_set():
            failed = _look(watcher, declare)
            pinger.looked(failed)
            if once:
                _print(f"looked once; {counted(len(watcher.store.pending()), 'request')} waiting")
                break
            ended.wait(runbook.watch.every)
        watcher.close()
        pinger.close()
    return Exit.FAILED if once and failed else Exit.DONE


@contextlib.contextmanager
def _ended_by_signals(ended: threading.Event) -> Iterator[None]:
    """A signal that ends a process lets the look that is under way end first."""
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _look(watcher: Watcher, declare: partial[None] | None) -> str:
    """Look once; what failed, in words."""
    failed = ""
    try:
        for request in watcher.look():
            _print(f"{request.id} {request.kind}: {request.line}")
        if declare is not None:
            declare()
    except (MidwatchError, OSError) as error:
        failed = str(error) if isinstance(error, MidwatchError) else f"{in_words(error)}: {error.filename or ''}"
        _print(failed, error=True)
    for note in watcher.notes:
        _print(note, error=True)
    return failed


def _print(text: str, *, error: bool = False) -> None:
    with contextlib.suppress(OSError, ValueError):  # a reader that went away ends no watch
        say(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}", error=error, flush=True)


def _declare(runbook: Runbook, actor: str) -> None:
    from midwatch.engine.watch_intake import WatchIntake

    intake = WatchIntake(runbook, actor=actor)
    if pending := intake.store.pending():
        _print(f"{intake.declare(pending)} has {', '.join(request.id for request in pending)}")


def _show(store: RequestStore, *, as_json: bool) -> int:
    pending = store.pending()
    if as_json:
        say_json([request.to_json() for request in pending])
        return Exit.DONE
    for request in pending:
        say(f"{request.id}  {request.line}")
    for problem in store.problems:
        say(problem, error=True)
    say(f"{len(pending)} waiting." + (" Declare: midwatch declare --request ID" if pending else ""))
    return Exit.DONE
