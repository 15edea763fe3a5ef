"""`midwatch follow-ups`: the follow-up actions of all incidents, what became of each, and their tickets."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, date
from typing import TYPE_CHECKING

from midwatch.system.errors import BadInput, Exit, MidwatchError
from midwatch.system.units import counted
from tui.cli_context import add_runbook, logs_folder, runbook_id
from tui.output import say, say_json

if TYPE_CHECKING:
    from midwatch.engine.follow_up_list import Listed
    from midwatch.system.clock import Clock

_OPENER, _AUTHORIZATION = "MIDWATCH_TICKETS", "MIDWATCH_TICKETS_AUTHORIZATION"
_NONE = "NONE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch follow-ups` to its parser."""
    add_runbook(parser)
    parser.add_argument("--overdue", action="store_true", help="list only those that are overdue")
    parser.add_argument("--all", action="store_true", help="list those that are done as well")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--done", metavar="INCIDENT/N", help="note that one is done")
    change.add_argument("--reopen", metavar="INCIDENT/N", help="note that one is not done after all")
    change.add_argument("--due", nargs=2, metavar=("INCIDENT/N", "DATE"), help="give one another due date")
    change.add_argument("--owner", nargs=2, metavar=("INCIDENT/N", "NAME"), help="give one another owner")
    change.add_argument(
        "--ticket",
        nargs=2,
        metavar=("INCIDENT/N", "NUMBER"),
        help=f"keep the number of its ticket; {_NONE}: it has none",
    )
    change.add_argument(
        "--add",
        nargs=2,
        metavar=("INCIDENT", "TEXT"),
        help="add one: 'what; owner; due', then if known a priority (P1), a kind (prevent, detect, mitigate), a ticket",
    )
    change.add_argument(
        "--open-tickets",
        nargs="?",
        const="",
        metavar="COMMAND|URL",
        help="open a ticket for each that is listed and has none, by a command (JSON on standard input, the number as "
        f"its last line of output) or a webhook (POST; Authorization from ${_AUTHORIZATION}); default: ${_OPENER}",
    )


def run(args: argparse.Namespace) -> int:
    """Change one where asked, and list them."""
    from midwatch.engine.follow_up_list import all_follow_ups, by_urgency
    from midwatch.system.actor import current_actor
    from midwatch.system.clock import SystemClock

    clock, actor = SystemClock(), current_actor()
    today = clock.now().astimezone(UTC).date()
    if _change(args, clock, actor):
        return Exit.DONE
    listed, problems = all_follow_ups(logs_folder(args), runbook_id(args))
    for problem in problems:
        say(f"midwatch: {problem}", error=True)
    found = [one for one in listed if args.all or not one.item.done]
    if args.overdue:
        found = [one for one in found if one.item.days_late(today)]
    found = by_urgency(found)
    if args.open_tickets is not None:
        return _open_tickets(found, args.open_tickets or os.environ.get(_OPENER, ""), clock, actor)
    if args.json:
        say_json([{"name": one.name, **one.to_json(), "days_late": one.item.days_late(today)} for one in found])
        return Exit.DONE
    if not found:
        say(f"No follow-up action is {'overdue' if args.overdue else 'open'}.")
    for one in found:
        say(_line(one, today))
    return Exit.DONE


def _line(one: Listed, today: date) -> str:
    item = one.item
    late = f", {counted(item.days_late(today), 'day')} OVERDUE" if item.days_late(today) else ""
    due = f"due {item.due}{late}" if item.due else "no due date"
    state = f"done {item.done}" if item.done else due
    ticket = item.ticket or (f"ticket unsure since {item.opening}" if item.opening else "")
    parts = (state, item.owner or "no owner", item.priority, item.kind, ticket)
    return f"{one.name}  {', '.join(filter(None, parts))}: {item.what}"


def _change(args: argparse.Namespace, clock: Clock, actor: str) -> bool:
    """Whether the command line asks for a change, which is made then. Raises `BadInput` and `Failed`."""
    from midwatch.engine.follow_up_list import follow_ups_in
    from midwatch.engine.repository import find
    from midwatch.incident.follow_ups import add, parse_follow_ups, record

    if args.add:
        folder = find(logs_folder(args), args.add[0], runbook_id(args))
        follow_ups_in(folder)  # one that is damaged takes none: nobody would see it again
        items = parse_follow_ups(args.add[1])
        if len(items) != 1 or items[0].missing:
            said = f"The follow-up {items[0].missing}" if len(items) == 1 else "--add takes one follow-up"
            raise BadInput(said, hint="Write it like 'Alert at 85 %; ada; 2026-12-01; P1; detect'")
        add(folder, items[0], clock, actor)
        say(f"Added to {folder.id}: {items[0].what}")
        return True
    changes = {
        "done": (args.done, f"{clock.now():%Y-%m-%d} by {actor}"),
        "reopen": (args.reopen, ""),
        "due": args.due,
        "owner": args.owner,
        "ticket": args.ticket,
    }
    name, given = next(((name, given) for name, given in changes.items() if given and given[0]), ("", None))
    if given is None:
        return False
    one, value = _named(args, given[0]), given[1]
    if name == "due" and _date(value) is None:
        raise BadInput(f"{value!r} is no date", hint="Write it like 2026-12-01")
    change = {"done" if name == "reopen" else name: "" if name == "ticket" and value == _NONE else value}
    record(one.folder, one.item, clock, actor, **change, **({"opening": ""} if name == "ticket" else {}))
    say(_line(_named(args, one.name), clock.now().date()))
    return True


def _date(text: str) -> date | None:
    from midwatch.incident.follow_ups import FollowUp

    return FollowUp("", due=text).due_date


def _named(args: argparse.Namespace, name: str) -> Listed:
    """The follow-up of this name. Raises `BadInput`."""
    from midwatch.engine.follow_up_list import follow_ups_in
    from midwatch.engine.repository import find

    incident, _, number = name.rpartition("/")
    folder = find(logs_folder(args), incident or "latest", runbook_id(args))
    found = follow_ups_in(folder)
    one = next((one for one in found if str(one.number) == number), None)
    if one is None:
        raise BadInput(
            f"{folder.id} has {counted(len(found), 'follow-up action')}, and none is number {number!r}",
            hint="Name it as the list does: midwatch follow-ups",
        )
    return one


def _open_tickets(found: list[Listed], opener: str, clock: Clock, actor: str) -> int:
    from midwatch.engine.follow_up_list import open_ticket

    if not opener:
        raise BadInput("Nothing says how a ticket is opened", hint=f"--open-tickets COMMAND, or set ${_OPENER}")
    worst = Exit.DONE
    for one in found:
        if one.item.ticket or one.item.done:
            continue
        try:
            say(f"{one.name}  {open_ticket(one, opener, os.environ.get(_AUTHORIZATION, ''), clock, actor)}")
        except MidwatchError as error:
            say(f"midwatch: {error}", error=True)
            worst = error.exit if worst is Exit.DONE else worst
    return worst
