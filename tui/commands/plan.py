"""`midwatch plan RUNBOOK [STEP]`: what each step would touch now, outside any incident."""

from __future__ import annotations

import argparse
from typing import Any

from midwatch.api.plan import Plan
from midwatch.system.errors import Exit, MidwatchError
from tui.cli_context import add_inputs, add_runbook, inputs_given, load_runbook
from tui.output import say, say_json
from tui.plain.plan_text import plan_lines, requirement_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch plan` to its parser."""
    add_runbook(parser, positional=True)
    parser.add_argument(
        "step", nargs="?", metavar="STEP", help="the id of one step (default: all steps but manual ones)"
    )
    add_inputs(parser)
    parser.add_argument("--json", action="store_true", help="print the plans as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the plans of the steps without running them."""
    from midwatch.api.action import Context
    from midwatch.engine.loop_items import new_items
    from midwatch.engine.planning import SilentConsole, plan_step
    from midwatch.engine.script_plan import held_to_sudo
    from midwatch.incident.known_values import FilledRunbook
    from midwatch.incident.state import Incident
    from midwatch.runbook.declaration import given_inputs
    from midwatch.runbook.model import StepKind
    from midwatch.runbook.step_names import named
    from midwatch.runbook.unasked_scripts import unasked_scripts
    from midwatch.system.actor import current_actor
    from midwatch.system.clock import SystemClock

    runbook = load_runbook(args)
    declared = Incident(inputs=given_inputs(runbook, inputs_given(args.inputs)))
    declared.items = dict(new_items(runbook, declared))  # of loops over inputs
    runbook = FilledRunbook(runbook).at(declared)
    chosen = named(runbook, args.step) if args.step else None
    if chosen is None:
        steps = [step for step in runbook.steps() if step.kind is not StepKind.MANUAL]
    else:
        steps = list(chosen.loop.steps) if chosen.loop and chosen.loop.steps else [chosen]
    printed: list[dict[str, Any]] = []
    exit_code = Exit.DONE
    for step in steps:
        context = Context(runbook, SilentConsole(), SystemClock(), current_actor(), step=step.id)
        plan: Plan | None = None
        problem = ""
        try:
            plan = held_to_sudo(plan_step(step, runbook, declared, context))
            if args.step and plan.refusal:
                exit_code = Exit.FAILED
        except MidwatchError as error:
            problem = str(error)
            if args.step:
                exit_code = error.exit
        if args.json:
            requires = list(requirement_lines(step, runbook, plan))
            printed.append(
                {"step": step.id, "plan": plan.to_json() if plan else None, "error": problem, "requires": requires}
            )
            continue
        say(f"{step.number} {step.title} ({step.risk})")
        lines = plan_lines(plan) if plan else [f"cannot be planned now: {problem}"]
        for line in (*lines, *requirement_lines(step, runbook, plan)):
            say(f"    {line}")
    scripts = [] if args.step else list(unasked_scripts(runbook))
    if args.json:
        say_json({"steps": printed, "scripts": [{"for": what, "script": script} for what, script in scripts]})
        return exit_code
    if scripts:
        say("Scripts that run without a question, because they only observe:")
    for what, script in scripts:
        say(f"    {what}")
        for line in script.splitlines():
            say(f"        {line}")
    return exit_code
