"""`midwatch action NAME`: one action: shows its plan, asks, and runs it. The supervisor runs this very command."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from midwatch.api.action import Action, Check, Context
from midwatch.api.plan import PLAN_AGAIN, Plan
from midwatch.engine.reasons import name_to_confirm
from midwatch.runbook.model import Risk
from midwatch.system.errors import BadInput, Exit, Failed, Refused
from midwatch.system.trusted_files import read_regular
from tui.action_options import add_names, list_actions, parse_action
from tui.output import Parser, say, say_json
from tui.plain.plan_text import plan_lines
from tui.plain.typed_ahead import drop_typed_ahead

_LARGEST_PLAN_BYTES = 64 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch action` to its parser."""
    add_names(parser, "action")


def run(args: argparse.Namespace) -> int:
    """Plan an action, ask for consent and apply the plan."""
    if not args.name:
        return list_actions(checks=False)
    consent = Parser(f"midwatch action {args.name}", add_help=False, allow_abbrev=False)
    consent.add_argument(
        "--confirmed",
        metavar="FILE",
        help="a plan (JSON) that was confirmed, with its parameters; refuses anything beyond it",
    )
    consent.add_argument("--digest", metavar="HEX", help="with --confirmed: the digest of that plan; refuses any other")
    given, _ = consent.parse_known_args(args.rest)
    confirmed = _read_plan(Path(given.confirmed), given.digest or "") if given.confirmed else None
    parser = Parser(f"midwatch action {args.name}", parents=[consent])
    parser.add_argument("--plan", action="store_true", help="show the effects, and stop")
    parser.add_argument("--json", action="store_true", help="with --plan: print the plan as JSON")
    parser.add_argument("--yes", action="store_true", help="do not ask; a 'destroy' still needs --confirm")
    parser.add_argument("--confirm", metavar="TEXT", default="", help="the name that a 'destroy' asks for")
    action, context, options = parse_action(parser, args.name, args.rest, confirmed.parameters if confirmed else {})
    if options.json and not options.plan:
        raise BadInput("--json prints a plan", hint="Add --plan; what an action reports goes to $STEP_OUTPUT")
    if options.plan:
        return _show(_plan(action, context), as_json=options.json)
    from midwatch.engine.execute import perform
    from midwatch.runbook.secret_sources import known_secrets

    if confirmed is None and not isinstance(action, Check):
        confirmed = _confirm(action, context, yes=options.yes, typed=options.confirm)
    return perform(action, context, confirmed=confirmed, secrets=known_secrets(context.runbook))


def _plan(action: Action, context: Context) -> Plan:
    """As it may be shown."""
    from midwatch.engine.consent import planned
    from midwatch.incident.event_redaction import masked_plan
    from midwatch.incident.server_pins import held_to
    from midwatch.runbook.secret_sources import known_secrets

    plan = held_to(planned(action, context), context.runbook, {})
    return masked_plan(plan, known_secrets(context.runbook))


def _show(plan: Plan, *, as_json: bool) -> int:
    if as_json:
        say_json(plan.to_json())
    else:
        for line in plan_lines(plan):
            say(line)
    return Exit.FAILED if plan.refusal else Exit.DONE


def _read_plan(path: Path, digest: str) -> Plan:
    """The plan in the file. Raises `Refused` unless it has the digest that was confirmed; without one, that which it
    states."""
    try:
        data = json.loads(read_regular(path, limit_bytes=_LARGEST_PLAN_BYTES))
        plan, expected = Plan.from_json(data), digest or data["digest"]
    except (Failed, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} is not a plan: {error}", hint="Make one with --plan --json") from error
    if plan.digest != expected:
        sentence = (
            f"{path} is not the plan that was confirmed: its digest is {plan.digest[:12]}…, not {str(expected)[:12]}…"
        )
        raise Refused(sentence, hint=PLAN_AGAIN)
    return plan


def _confirm(action: Action, context: Context, *, yes: bool, typed: str) -> Plan:
    """Show the plan and let the person decide. Raises `Refused` when nobody can, or says no."""
    plan = _plan(action, context)
    for line in plan_lines(plan):
        say(line, error=True)
    if plan.refusal:
        raise Refused(plan.refusal)
    touches = any(effect.verb.touches for effect in plan.effects)
    if action.risk is Risk.OBSERVE or not touches:
        return plan
    destroys = action.risk is Risk.DESTROY
    wanted = name_to_confirm(plan.confirm_name or action.name)
    if destroys and typed == wanted:
        return plan
    if not destroys and yes:
        return plan
    if not sys.stdin.isatty():
        option = f"--confirm {wanted}" if destroys else "--yes"
        raise Refused("Nobody is at a terminal to confirm this plan", hint=f"Read it, then add {option}")
    where = context.runbook.environment.word
    prompt = f"{where}. This cannot be undone. Type {wanted} to go on: " if destroys else f"{where}. Go on? [y/N] "
    if not destroys:  # a name is no slip, whenever it was typed
        drop_typed_ahead()
    say(prompt, end="", error=True, flush=True)
    answer = sys.stdin.readline().strip()
    if answer != wanted if destroys else answer.lower() not in ("y", "yes"):
        raise Refused("Not confirmed; nothing was touched")
    return plan
