"""From a step of the runbook to what can be planned and run: references resolved, the action built, the order
written."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from midwatch.api.action import Action, Console, Context
from midwatch.api.parameters import build
from midwatch.api.plan import PLAN_AGAIN, Plan, PlanDraft, Verb
from midwatch.api.registry import find_action
from midwatch.engine.consent import bindings_of, files, planned
from midwatch.incident.paths import AttemptFolder, IncidentFolder
from midwatch.incident.state import Incident
from midwatch.runbook.model import INPUTS, Reference, Risk, Runbook, Step, StepKind
from midwatch.runbook.secret_sources import names_secret
from midwatch.supervisor.consented_command import (
    ARGUMENT_LIMIT_BYTES,
    FOLDER,
    SHELL_ACTION,
    VARIABLE,
    command_of,
    secret_constant,
    variables_of,
)
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.system.errors import BadInput, MidwatchError, Refused
from midwatch.system.units import size

_LONGEST_SHOWN = 200


class SilentConsole:
    """A console for planning and for closure checks, where nothing is streamed to anybody."""

    def say(self, text: str) -> None: ...
    def progress(self, done: float, total: float | None = None, unit: str = "") -> None: ...
    def value(self, key: str, value: str) -> None: ...
    def secret(self, name: str, value: str) -> None: ...


_: Console = SilentConsole()


def resolved(values: Mapping[str, Any], runbook: Runbook, incident: Incident) -> dict[str, Any]:
    """The values with every `{from: step.key}` replaced; one from an input that may stay empty, and does, is left out.

    Raises `Refused` while one is not known yet, and `BadInput` for one from an input that is required and was not
    given.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Reference):
            known = incident.value(value.step, value.key)
            if known is None and value.step == INPUTS:
                ask = runbook.input(value.key)
                if ask is None or ask.required:
                    raise BadInput(
                        f"{name} comes from {value}, which was not given", hint=f"Give it: --input {value.key}=VALUE"
                    )
                continue
            if known is None:
                if (status := incident.status(runbook.step(value.step))).concluded:
                    hint = f"Do {value.step} again so that it reports {value.key}, or mark this step done manually"
                    raise Refused(
                        f"{name} comes from {value}: {value.step} is {status} and did not report it", hint=hint
                    )
                raise Refused(f"{name} comes from {value}, which is not known yet", hint=f"Do step {value.step} first")
            found[name] = known
        else:
            found[name] = value
    return found


def build_action(step: Step, runbook: Runbook, incident: Incident) -> Action:
    """The action of a `uses` step with its parameters filled in. Raises `BadInput` or `Refused`."""
    return build(find_action(step.uses), resolved(step.with_, runbook, incident), runbook)


def undo_of(step: Step, runbook: Runbook, incident: Incident) -> Action:
    """The action that undoes what the step did. Raises `Refused` when nothing does."""
    found = None
    if step.kind is StepKind.USES:
        found = build_action(step, runbook, incident).undo(incident.step(step.id).values)
    if found is None:
        raise Refused(f"{step.title} has no undo", hint="What it did has to be undone manually")
    return found


def can_undo(step: Step, runbook: Runbook, incident: Incident) -> bool | None:
    """Whether the step can be undone; None while only its run will tell. Looks at nothing but what it reported."""
    if step.kind is not StepKind.USES or find_action(step.uses).undo is Action.undo:
        return False
    try:
        undo_of(step, runbook, incident)
    except MidwatchError:
        return False if incident.step(step.id).values else None
    return True


def plan_step(step: Step, runbook: Runbook, incident: Incident, context: Context, *, undo: bool = False) -> Plan:
    """What the step, or its undo, would touch now. Slow: it looks at the world. Raises `MidwatchError` when that
    fails."""
    if undo:
        return planned(undo_of(step, runbook, incident), context)
    if step.kind is StepKind.USES:
        return planned(build_action(step, runbook, incident), context)
    if step.kind is StepKind.RUN:
        return _plan_shell(step, runbook, incident)
    return PlanDraft("manual", {"step": step.id}).plan()


def _plan_shell(step: Step, runbook: Runbook, incident: Incident) -> Plan:
    draft = PlanDraft(SHELL_ACTION, _shell_parameters(step, runbook, incident), bindings=_shell_bindings(runbook))
    draft.fact("command", step.run.strip())
    for name, value in draft.parameters.items():
        if name.startswith(VARIABLE):
            draft.fact(name, _shown(value))
    if step.risk is not Risk.OBSERVE:
        verb = Verb.CHANGE if step.risk is Risk.CHANGE else Verb.REMOVE
        draft.add(
            verb, "whatever this command changes", reversible=step.risk is Risk.CHANGE, note="read it: no plan can"
        )
    draft.confirm_name = step.id if step.risk is Risk.DESTROY else ""
    for name, value in draft.parameters.items():
        if name.startswith(VARIABLE) and len(os.fsencode(name + value)) >= ARGUMENT_LIMIT_BYTES:
            most = size(ARGUMENT_LIMIT_BYTES)
            draft.refusal = (
                f"{name} takes {size(len(os.fsencode(value)))}, and a variable of a process takes {most} at most"
            )
    return draft.plan()


def require_same_inputs(plan: Plan, step: Step, runbook: Runbook, incident: Incident, *, undo: bool = False) -> None:
    """Raise `Refused` when the step would be given other inputs now than those in the plan that was shown."""
    if step.kind is StepKind.RUN:
        now = Plan(SHELL_ACTION, _shell_parameters(step, runbook, incident), bindings=_shell_bindings(runbook))
    else:
        action = undo_of(step, runbook, incident) if undo else build_action(step, runbook, incident)
        now = Plan(action.name, action.given(), bindings={**plan.bindings, **bindings_of(action, runbook)})
    if changes := now.changes_since(plan):
        raise Refused(f"Since the plan was shown, {changes}", hint=PLAN_AGAIN)


def order_for(
    plan: Plan, step: Step, runbook: Runbook, folder: IncidentFolder, attempt: AttemptFolder, actor: str
) -> LaunchSpec:
    """What the supervisor runs for a plan that was consented to: bash for a shell step, else our own command line.

    Everything comes from the plan. The only exception is a secret of the runbook: the plan names it and has no value of
    it.
    """
    environment = step_environment(runbook, folder, step.id, actor, attempt)
    cwd = str(runbook.base)
    if step.kind is StepKind.RUN:
        environment |= variables_of(plan) | _secret_constants(step)
        cwd = plan.bindings[FOLDER]
    return LaunchSpec(command_of(plan, attempt.plan), cwd, environment, step.timeout, digest=plan.digest)


def typed_command(plan: Plan) -> str:
    """The command of a plan as an engineer would type it."""
    if plan.action == SHELL_ACTION:
        exports = (f"export {name}={shlex.quote(value)}" for name, value in variables_of(plan).items())
        return "\n".join([*exports, plan.parameters["script"].strip()])
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


def _shell_parameters(step: Step, runbook: Runbook, incident: Incident) -> dict[str, str]:
    """The script and every variable of it, so that `bash -u` finds it; empty for an input that nobody gave.

    A constant whose name is that of a secret is bound by its name: a digest of a weak one could be guessed.
    """
    values = dict.fromkeys(step.env, "") | {
        name: str(value) for name, value in resolved(step.env, runbook, incident).items()
    }
    secret = _secret_constants(step)
    said = {name: secret_constant(name, step.id) if name in secret else values[name] for name in values}
    return {"script": step.run} | {f"{VARIABLE}{name}": value for name, value in said.items()}


def _secret_constants(step: Step) -> dict[str, str]:
    return {
        name: str(value) for name, value in step.env.items() if names_secret(name) and not isinstance(value, Reference)
    }


def _shell_bindings(runbook: Runbook) -> dict[str, str]:
    return {**files(runbook), FOLDER: str(runbook.base)}


def _shown(value: str) -> str:
    """A value short enough to stand among the facts of a plan; a longer one says how long it is."""
    line = " / ".join(value.splitlines()) or "(empty)"
    return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 1]}… ({len(value)} characters)"


def with_whole_values(plan: Plan) -> Plan:
    """The plan for a reader with room: its facts give each variable of a shell step uncut."""
    values = {name: value for name, value in plan.parameters.items() if name.startswith(VARIABLE) and value}
    return dataclasses.replace(plan, facts=tuple((label, values.get(label, text)) for label, text in plan.facts))
