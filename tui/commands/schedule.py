"""`midwatch schedule print|install`: timers of systemd or a table of cron for checks, proofs and the watcher."""

from __future__ import annotations

import argparse
import difflib
import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.system.errors import BadInput, Exit, Failed, Refused
from tui.cli_context import add_runbook, load_runbook
from tui.output import say, say_document
from tui.schedule_files import CRON, FOLDERS, SYSTEMD, SYSUSERS_FILE

if TYPE_CHECKING:
    from midwatch.runbook.model import Runbook

_PRINT, _INSTALL = "print", "install"
_FILE_LIMIT_BYTES = 1 << 20
_MODE = 0o644
_ETC = Path("/etc")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch schedule` to its parser."""
    parser.add_argument(
        "what", nargs="?", choices=(_PRINT, _INSTALL), default=_PRINT, help="print the files (default), or write them"
    )
    add_runbook(parser)
    parser.add_argument("--format", choices=(SYSTEMD, CRON), default=SYSTEMD, help="default: systemd")
    parser.add_argument("--user", metavar="NAME", help="who runs the jobs (default: this user)")
    parser.add_argument(
        "--textfiles",
        metavar="FOLDER",
        help="each check also leaves its metrics here, for Prometheus' textfile collector",
    )
    parser.add_argument(
        "--folder", metavar="FOLDER", help="with install: where to (default: /etc/systemd/system, /etc/cron.d)"
    )
    parser.add_argument("--plan", action="store_true", help="with install: show what would be written, and stop")
    parser.add_argument("--yes", action="store_true", help="with install: do not ask")


def run(args: argparse.Namespace) -> int:
    """Print the files, or write those that differ."""
    from tui.schedule_files import files_of
    from tui.schedule_jobs import schedule_of

    runbook = load_runbook(args)
    jobs = schedule_of(runbook, Path(args.textfiles).absolute() if args.textfiles else None)
    if not jobs and not runbook.triggers:
        raise BadInput(f"{runbook.file} has nothing to run by itself", hint="Name targets, panels or triggers")
    files = files_of(runbook, jobs, args.format, _user(args.user))
    folder = Path(args.folder or FOLDERS[args.format])
    placed = {(folder if args.folder or name != SYSUSERS_FILE else _ETC) / name: text for name, text in files.items()}
    if args.what == _INSTALL:
        return _install(runbook, placed, folder, args)
    for file, text in placed.items():
        if args.format == SYSTEMD:
            say(f"# {file}")
        say_document(text)
        say()
    return Exit.DONE


def _user(given: str | None) -> str:
    try:
        return pwd.getpwnam(given).pw_name if given else pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise BadInput(f"This machine knows no user {given or os.geteuid()}", hint="Name one: --user NAME") from None


def _install(runbook: Runbook, files: dict[Path, str], folder: Path, args: argparse.Namespace) -> int:
    from midwatch.system.trusted_files import atomic_write

    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}", hint="Make it first, or name another: --folder")
    changed = {file: text for file, text in files.items() if _say_change(file, text)}
    if args.plan or not changed:
        say(f"{len(changed)} of {len(files)} files would be written." if args.plan else "Nothing to do.")
        return Exit.DONE
    if not args.yes:
        if not sys.stdin.isatty():
            raise Refused("Nobody is at a terminal to confirm this", hint="Read it, then add --yes")
        say(f"Write {len(changed)} files to {folder}? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Refused("Not confirmed; nothing was written")
    for file, text in changed.items():
        try:
            if file.name == Path(SYSUSERS_FILE).name:
                file.parent.mkdir(exist_ok=True)
            atomic_write(file, text.encode(), mode=_MODE, trust=None)
        except OSError as error:
            raise Failed(f"{file} cannot be written: {error.strerror}", hint="As root, or --folder") from error
    say(
        f"{len(changed)} files written. Next, as root:"
        if args.format == SYSTEMD
        else "Written. Cron reads it within a minute."
    )
    for command in _next(runbook, files) if args.format == SYSTEMD else ():
        say(f"  {command}")
    return Exit.DONE


def _next(runbook: Runbook, files: Iterable[Path]) -> Iterator[str]:
    """What starts the units."""
    from tui.watch_unit import make_folder, watch_unit_name

    if runbook.triggers:
        yield "systemd-sysusers"
        yield make_folder(runbook)
    timers = [file.name for file in files if file.suffix == ".timer"] + [watch_unit_name(runbook)] * bool(
        runbook.triggers
    )
    yield f"systemctl daemon-reload && systemctl enable --now {' '.join(timers)}"


def _say_change(file: Path, text: str) -> bool:
    """Say what would become of a file; whether anything would."""
    from midwatch.system.trusted_files import read_regular

    try:
        before = read_regular(file, limit_bytes=_FILE_LIMIT_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        say(f"create  {file}  ({len(text.splitlines())} lines)")
        return True
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}") from error
    if before == text:
        say(f"keep    {file}")
        return False
    say(f"change  {file}")
    for line in difflib.unified_diff(before.splitlines(), text.splitlines(), "now", "then", lineterm="", n=1):
        say(f"        {line}")
    return True
