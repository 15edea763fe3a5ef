"""`midwatch freeze on|off|status`: stop deployments and migrations, let them go on, or show whether they may."""

from __future__ import annotations

import argparse

from midwatch.system.errors import BadInput, Exit
from tui.cli_context import add_runbook, load_runbook
from tui.output import say

_ON, _OFF, _STATUS = "on", "off", "status"
_OF = {"until": _ON, "reason": _ON, "force": _OFF, "ended": _OFF}
"""The options that belong to one of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch freeze` to its parser."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=(_ON, _OFF, _STATUS),
        default=_STATUS,
        help="status (default) exits with 0 when nothing is frozen, 1 when it is, 3 when that is not known",
    )
    add_runbook(parser)
    parser.add_argument("--until", metavar="TIME", help="with on: a length such as '4 h' (default), or a time in UTC")
    parser.add_argument("--reason", metavar="TEXT", help="with on: why")
    parser.add_argument("--force", action="store_true", help="with off: also the freeze of somebody else")
    parser.add_argument("--ended", action="store_true", help="with off: only what a freeze past its end left, for cron")
    parser.add_argument("--plan", action="store_true", help="show what would change, and stop")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Show the freeze, or change it as the action `freeze` does."""
    for name, what in _OF.items():
        if getattr(args, name) and args.what != what:
            raise BadInput(f"--{name} belongs to midwatch freeze {what}")
    if args.what == _STATUS:
        return _status(args)
    if args.ended and not _has_ended(args):
        say("No freeze has ended that left anything.")
        return Exit.DONE
    from tui.commands import action

    rest = ["--mode", args.what]
    for name in ("runbook", "site", "until", "reason"):
        rest += [f"--{name}", value] if (value := getattr(args, name)) else []
    rest += ["--force", "true"] if args.force else []
    rest += [f"--{name}" for name in ("plan", "yes") if getattr(args, name) or (name == "yes" and args.ended)]
    return action.run(argparse.Namespace(name="freeze", rest=rest))


def _status(args: argparse.Namespace) -> int:
    from actions.checks.freeze_status import CheckFreeze
    from actions.support import freeze_file
    from actions.support.migration_roles import roles_of
    from midwatch.api.action import Context
    from midwatch.engine.planning import SilentConsole
    from midwatch.system.actor import current_actor
    from midwatch.system.clock import SystemClock

    runbook = load_runbook(args)
    context = Context(runbook, SilentConsole(), SystemClock(), current_actor())
    say(CheckFreeze().evaluate(context).summary)
    current = freeze_file.read(context.location("freeze"))
    for one in roles_of(runbook, current.enforced_on if current is not None else ()):
        for role in one.wanted:
            state = "read only" if role.is_read_only else "may write"
            say(f"  {one.named(role)}: {state}" + (", held by the freeze" if role.is_held else ""))
        for why in one.left_alone:
            say(f"  {one.target.label}: {why}")
    return Exit.FAILED if current is not None and current.stands(context.clock.now()) else Exit.DONE


def _has_ended(args: argparse.Namespace) -> bool:
    """Whether a freeze is past its end and its file, or a role that it made read only, is left."""
    from actions.support import freeze_file
    from actions.support.migration_roles import roles_of
    from midwatch.system.clock import SystemClock

    runbook = load_runbook(args)
    current = freeze_file.read(runbook.location_of("freeze"))
    if current is not None:
        return not current.stands(SystemClock().now())
    return any(one.held for one in roles_of(runbook))
