"""`midwatch approve INCIDENT STEP`: the plan of a step that takes two people, for the second one to approve or
decline."""

from __future__ import annotations

import argparse
import sys

from midwatch.engine.reasons import require_reason
from midwatch.system.errors import BadInput, Exit, Refused, SourceLocation
from tui.cli_context import add_incident, add_runbook, incident_folder
from tui.output import say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch approve` to its parser."""
    add_incident(parser)
    parser.add_argument("step", nargs="?", metavar="STEP", help="the step's id (default: the step that waits)")
    add_runbook(parser)
    parser.add_argument("--decline", metavar="REASON", help="decline the plan, with this reason")
    parser.add_argument("--json", action="store_true", help="print the pending plan as JSON, and approve nothing")


def run(args: argparse.Namespace) -> int:
    """Approve or decline the plan that waits for a second person."""
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.engine.policy import name_to_type
    from midwatch.runbook.step_names import named
    from midwatch.system.actor import current_actor
    from tui.plain.plan_text import plan_lines
    from tui.plain.typed_ahead import drop_typed_ahead

    decline = None if args.decline is None else require_reason(args.decline, place=SourceLocation("--decline"))
    controller = IncidentController.observe(incident_folder(args), actor=current_actor())
    waiting = controller.pending_steps()
    if args.json:
        rows = [{"step": step.id, "plan": controller.plan_to_approve(step.id).to_json()} for step in waiting]
        say_json({"incident": controller.incident.id, "waiting": rows})
        return Exit.DONE
    if args.step is None and len(waiting) != 1:
        if not waiting:
            raise BadInput("No plan waits for approval", hint="Its driver has to ask for a second person first")
        raise BadInput(
            f"{len(waiting)} plans wait for approval", hint=f"Name one: {', '.join(step.id for step in waiting)}"
        )
    step = named(controller.runbook, args.step) if args.step else waiting[0]
    plan = controller.plan_to_approve(step.id)
    asked = controller.incident.approvals[step.id]
    where = controller.runbook.environment.word
    title = f"{controller.incident.id}  {step.number} {step.title} ({step.risk})"
    say(f"{where}  {title}, asked for by {asked.asked_by.name}")
    for line in plan_lines(plan):
        say(f"    {line}")
    if decline is not None:
        controller.decline(step.id, decline)
        say("Declined.")
        return Exit.DONE
    if not sys.stdin.isatty():
        raise Refused("An approval is given by a person at a terminal", hint="Run it at one, from your own login")
    name = name_to_type(step, plan)
    prompt = f"{where}. This cannot be undone. Type {name} to approve it: " if name else f"{where}. Approve it? [y/N] "
    if not name:  # a name is no slip, whenever it was typed
        drop_typed_ahead()
    say(prompt, end="", flush=True)
    answer = sys.stdin.readline().strip()
    if answer != name if name else answer.lower() not in ("y", "yes"):
        raise Refused("Not approved", hint="To decline it for good: --decline REASON")
    controller.approve(step.id, plan, typed=answer if name else "")
    say("Approved. It may run as it is shown here, once.")
    return Exit.DONE
