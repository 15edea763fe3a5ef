"""The command line. Each command is a file in `tui/commands/` and imports heavy packages only when it runs."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from midwatch import __version__
from midwatch.system.errors import BadInput, Exit, MidwatchError
from midwatch.system.mounts import require_answer
from midwatch.system.suggestion import near_names
from midwatch.system.umask import keep_others_out
from tui.output import Parser, safe_streams, say, speak_locale

COMMANDS = {
    "drill": "rehearse: build a temporary production and open the screen on it",
    "run": "run a runbook without a screen, with an answers file",
    "declare": "declare an incident without a screen, by a request of the watcher, or by an alert",
    "plan": "show what each step would touch; changes nothing",
    "lint": "list every error of a runbook, with file:line:column and a hint",
    "schema": "print the JSON Schema of the runbook format",
    "proof": "show the newest backup of each database that is proven restorable, or prove one",
    "freeze": "stop deployments and migrations, or let them go on; show whether they are stopped",
    "schedule": "print or install timers of systemd, or a table of cron, for checks, proofs and the watcher",
    "watch": "watch the triggers of a runbook, and leave requests to declare",
    "incidents": "list every incident, newest first",
    "handoff": "summarize an incident, and offer control to somebody",
    "approve": "approve a plan as the second person, from a login of your own",
    "update": "show the draft of a status update, or send one, or a message to another channel",
    "note": "put events of another machine, such as a CI job, into the timeline: JSON lines on standard input",
    "messages": "list the messages by channels and what became of each; send one anew, or give it up",
    "adopt": "show how an edited runbook differs from an incident's copy, and adopt it",
    "close": "evaluate the closure criteria and close an incident",
    "abandon": "end an incident that is none, with a reason",
    "show": "show the state and the events of an incident",
    "verify": "verify an incident's journal and the files that it names",
    "support-report": "print one masked page for whoever helps: versions, disks, locks and recent messages",
    "export": "write the timeline or the post-mortem of an incident: Markdown, HTML, PDF, JSON, CSV",
    "post-mortem": "write the post-mortem of an incident, keep what people wrote in it, and set its status",
    "follow-ups": "list the follow-up actions of all incidents, note what became of each, and open tickets",
    "action": "run one action from a shell",
    "check": "run one check, with the exit codes of monitoring plug-ins",
}
SCREEN = "screen"


class Command(Protocol):
    """What a module in `tui/commands/` offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command to its parser."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Run the command and return its exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code (`midwatch.system.errors.Exit`)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    keep_others_out()
    _open_closed_streams()
    speak_locale()
    with safe_streams():
        return _main(arguments)


def _main(arguments: list[str]) -> int:
    try:
        require_answer(Path())
        code = _run(arguments)
        sys.stdout.flush()  # what cannot be said was not done
        return code
    except MidwatchError as error:
        for line in _masked(str(error)).splitlines():
            say(f"midwatch: {line}", error=True)
        return error.exit
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EIO) or error.filename:
            return _complain(
                f"{error.filename or 'standard output'}: {error.strerror or error}" if _here() else _NOWHERE
            )
        # The reader of our output has left, as `| head` does, or the terminal is gone.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return Exit.FAILED
    except MemoryError:
        return _complain("There is not enough memory; end something else, or raise the limit (ulimit -v)")
    except Exception as error:  # a fault of ours: all of it for whoever mends it, but no secret
        sys.stderr.write(_masked(traceback.format_exc()))
        return _complain(_masked(f"This is a fault of Midwatch: {type(error).__name__}: {error}"))


_NOWHERE = "The folder that this was started in is gone; change to another one"


def _here() -> bool:
    """Whether the folder that relative paths start in still exists."""
    try:
        return bool(Path.cwd())
    except OSError:
        return False


def _open_closed_streams() -> None:
    """Open what the caller closed, or the next file would take its number. Nothing comes in; writing fails and is
    said."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number < 2 else os.O_WRONLY)  # the lowest number that is free: this one
    sys.stdin = sys.stdin or open(0, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _masked(text: str) -> str:
    try:
        from midwatch.redaction import mask
        from midwatch.runbook.secret_sources import environment_secrets
    except (
        ImportError,
        OSError,
        MemoryError,
    ):  # no file can be opened any more; what led to it has to be said all the same
        return text
    return mask(text, environment_secrets())


def _complain(sentence: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        say(f"midwatch: {sentence}.", error=True)
    with contextlib.suppress(OSError):  # or what is still to be said is tried again at the very end, with a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.FAILED


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        name, rest = arguments[0], arguments[1:]
        parser = Parser(f"midwatch {name}", description=COMMANDS[name][0].upper() + COMMANDS[name][1:] + ".")
    elif arguments[:1] == ["help"]:
        return _run([*arguments[1:2], "--help"])
    else:
        _refuse_misspelt(arguments)
        name, rest, parser = SCREEN, arguments, _front_door()
    command = cast(Command, importlib.import_module(f"tui.commands.{name.replace('-', '_')}"))
    command.add_arguments(parser)
    parser.add_argument(
        "-v",
        "--verbose",
        action=_Verbose,
        nargs=0,
        help="write messages about the work to standard error (docs/debug-log.md)",
    )
    return command.run(parser.parse(rest))


class _Verbose(argparse.Action):
    """Starts at once, so that what happens while the rest is read is said too."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *given: object) -> None:
        from midwatch.incident.debug_log import show_on

        namespace.verbose = True
        show_on(sys.stderr)


def _refuse_misspelt(arguments: list[str]) -> None:
    """What is neither a command nor a file, and looks like a command, is taken for one that was misspelt."""
    word = arguments[0] if arguments else ""
    if not word.replace("-", "").isalpha() or word.startswith("-") or os.path.lexists(word):
        return
    near = near_names(word, COMMANDS)
    hint = f"Did you mean: midwatch {near[0]}" if near else "See the commands: midwatch --help"
    raise BadInput(f"There is no command {word!r}, and no runbook of that name", hint=hint)


def _front_door() -> Parser:
    width = max(map(len, COMMANDS))
    table = "\n".join(f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items())
    parser = Parser(
        "midwatch",
        usage="midwatch [RUNBOOK] [options]\n       midwatch COMMAND …",
        description="Walk through an incident: resume the open one of this runbook, or declare a new one.",
        epilog=f"commands:\n{table}\n\nDetails of a command: midwatch COMMAND --help. To start: midwatch drill",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"midwatch {__version__}")
    return parser
