"""From a step of the runbook to what can be planned and run: the action built, the order written."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from pathlib import Path

from midwatch.api.action import Action, Console, Context
from midwatch.api.parameters import build
from midwatch.api.plan import PLAN_AGAIN, Plan, PlanDraft
from midwatch.api.registry import find_action
from midwatch.engine.consent import bindings_of, planned
from midwatch.engine.prior_results import with_prior_results
from midwatch.engine.references import require_items, resolved
from midwatch.engine.script_plan import plan_script, script_draft, secret_constants
from midwatch.incident.paths import AttemptFolder, IncidentFolder
from midwatch.incident.state import Incident
from midwatch.runbook.model import Runbook, Step, StepKind
from midwatch.supervisor.consented_command import (
    FOLDER,
    RETRY,
    RUN_AS,
    SHELL,
    SHELL_ACTION,
    command_of,
    has_terminal,
    ok_exits_of,
    variables_of,
)
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.system.errors import MidwatchError, Refused


class SilentConsole:
    """A console for planning and for closure checks, where nothing is streamed to anybody."""

    def say(self, text: str) -> None: ...
    def progress(self, done: float, total: float | None = None, unit: str = "") -> None: ...
    def value(self, key: str, value: str) -> None: ...
    def secret(self, name: str, value: str) -> None: ...


_: Console = SilentConsole()


def build_action(step: Step, runbook: Runbook, incident: Incident) -> Action:
    """The action of a `uses` step with its parameters filled in. Raises `BadInput` or `Refused`."""
    return build(find_action(step.uses), resolved(step.with_, runbook, incident), runbook)


def undo_of(step: Step, runbook: Runbook, incident: Incident) -> Action:
    """The action that undoes what the step did. Raises `Refused` when nothing does."""
    found = None
    if step.kind is StepKind.USES:
        found = build_action(step, runbook, incident).undo(incident.step(step.id).values)
    if found is None:
        raise no_undo(step)
    return found


def no_undo(step: Step) -> Refused:
    """Says that nothing undoes the step."""
    return Refused(f"{step.title} has no undo", hint="What it did has to be undone manually")


def can_undo(step: Step, runbook: Runbook, incident: Incident) -> bool | None:
    """Whether the step can be undone; None while only its run will tell. Looks at nothing but what it reported."""
    if step.kind is not StepKind.USES or find_action(step.uses).undo is Action.undo:
        return bool(step.process.undo)
    try:
        undo_of(step, runbook, incident)
    except MidwatchError:
        return False if incident.step(step.id).values else None
    return True


def plan_step(step: Step, runbook: Runbook, incident: Incident, context: Context, *, undo: bool = False) -> Plan:
    """What the step, or its undo, would touch now. Slow: it looks at the world. Raises `MidwatchError` when that
    fails."""
    require_items(step, runbook, incident)
    if step.kind is StepKind.MANUAL and not undo:
        return PlanDraft("manual", {"step": step.id}).plan()
    if step.kind is StepKind.RUN:
        if undo and not step.process.undo:
            raise no_undo(step)
        plan = plan_script(step, runbook, incident, undo=undo)
    else:
        plan = planned((undo_of if undo else build_action)(step, runbook, incident), context)
    if undo:
        return plan
    plan = with_prior_results(plan, step, runbook, incident)
    scripts = [
        (label, f"{check.title}: {check.script}")
        for label, checks in (("requires", step.preconditions), ("verifies", step.verify))
        for check in checks
        if check.script
    ]
    titles = "; ".join(check.title for check in step.verify if not check.script)
    return dataclasses.replace(plan, facts=(*plan.facts, *([("verifies", titles)] if titles else []), *scripts))


def require_same_inputs(plan: Plan, step: Step, runbook: Runbook, incident: Incident, *, undo: bool = False) -> None:
    """Raise `Refused` when the step would be given other inputs now than those in the plan that was shown."""
    if step.kind is StepKind.RUN:
        now = script_draft(step, runbook, incident, undo=undo).plan()
    else:
        action = undo_of(step, runbook, incident) if undo else build_action(step, runbook, incident)
        now = Plan(action.name, action.given(), bindings={**plan.bindings, **bindings_of(action, runbook)})
    if changes := now.changes_since(plan):
        raise Refused(f"Since the plan was shown, {changes}", hint=PLAN_AGAIN)


def launch_spec_for(
    plan: Plan, step: Step, runbook: Runbook, folder: IncidentFolder, attempt: AttemptFolder, actor: str
) -> LaunchSpec:
    """What the supervisor runs for a plan that was consented to: bash for a shell step, else our own command line.

    Everything comes from the plan. The only exception is a secret of the runbook: the plan names it and has no value of
    it.
    """
    environment = step_environment(runbook, folder, step.id, actor, attempt)
    cwd = str(runbook.base)
    if step.kind is StepKind.RUN:
        environment |= variables_of(plan) | secret_constants(step)
        cwd = plan.bindings[FOLDER]
    return LaunchSpec(
        command_of(plan),
        cwd,
        environment,
        step.timeout,
        digest=plan.digest,
        ok_exits=ok_exits_of(plan),
        retry=step.process.retry if RETRY in plan.parameters else None,
        terminal=has_terminal(plan),
    )


def typed_command(plan: Plan) -> str:
    """The command of a plan as an engineer would type it."""
    if plan.action == SHELL_ACTION:
        exports = (f"export {name}={shlex.quote(value)}" for name, value in variables_of(plan).items())
        remarks = [
            f"# {words} {plan.parameters[name]}"
            for name, words in ((RUN_AS, "runs as"), (SHELL, "read by"))
            if name in plan.parameters
        ]
        folder = dict(plan.facts).get("folder")
        enter = [f"cd {shlex.quote(folder)}"] if folder else []
        return "\n".join([*remarks, *enter, *exports, plan.parameters["script"].strip()])
    options = (f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in plan.parameters.items())
    return " ".join(["midwatch", "action", plan.action, *options])


def step_environment(
    runbook: Runbook, folder: IncidentFolder, step_id: str, actor: str, attempt: AttemptFolder
) -> dict[str, str]:
    """What a step finds in its environment beside what it inherits. No secret is ever put here."""
    return {
        "MIDWATCH_RUNBOOK": str(folder.runbook),
        "MIDWATCH_RUNBOOK_SHA256": runbook.sha256,
        "MIDWATCH_SITE": str(folder.site) if runbook.site is not None else "",
        "MIDWATCH_SITE_SHA256": runbook.site_sha256,
        "MIDWATCH_BASE": str(runbook.base),
        "MIDWATCH_INCIDENT": str(folder.path),
        "MIDWATCH_STEP": step_id,
        "MIDWATCH_ACTOR": actor,
        "STEP_OUTPUT": str(attempt.values),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }
