"""The plan of a script: its text, its variables, how it runs, and the files to which the consent is bound."""

from __future__ import annotations

import dataclasses
import os
import shlex

from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.engine.consent import files
from midwatch.engine.references import resolved
from midwatch.incident.state import Incident
from midwatch.runbook.model import Risk, Runbook, Step
from midwatch.runbook.processes import variable_of
from midwatch.runbook.secret_sources import names_secret
from midwatch.runbook.value_sources import Reference
from midwatch.supervisor.consented_command import (
    ARGUMENT_LIMIT_BYTES,
    FOLDER,
    OK_EXITS,
    RETRY,
    RUN_AS,
    SECRET_FILE,
    SECRET_VARIABLE,
    SHELL,
    SHELL_ACTION,
    TERMINAL,
    VARIABLE,
    other_user_of,
    secret_constant,
)
from midwatch.supervisor.sudo import is_other_user, obstacle
from midwatch.supervisor.terminal_client import LEAVE_KEY
from midwatch.system.errors import Refused
from midwatch.system.home import expanded
from midwatch.system.units import size

_LONGEST_SHOWN = 200
CUT = ", in plan.json)"
"""Ends a text of a plan that the journal had no room for."""


def plan_script(step: Step, runbook: Runbook, incident: Incident, *, undo: bool = False) -> Plan:
    """What is shown of a step's script, or of its undo, before it runs. Raises `Refused` or `BadInput` while a value is
    not known."""
    draft, process = script_draft(step, runbook, incident, undo=undo), step.process
    draft.fact("command", draft.parameters["script"].strip())
    if process.cwd or draft.bindings[FOLDER] != str(runbook.base):
        draft.fact("folder", draft.bindings[FOLDER])
    if process.run_as:
        draft.fact("run as", f"{process.run_as}{', by sudo' if is_other_user(process.run_as) else ''}")
    if TERMINAL in draft.parameters:
        draft.fact("terminal", f"yours, until the step ends; {LEAVE_KEY} leaves it, and the step goes on")
    if SHELL in draft.parameters:
        draft.fact("shell", draft.parameters[SHELL])
    if OK_EXITS in draft.parameters:
        draft.fact("done by", f"exit {draft.parameters[OK_EXITS].replace(', ', ' or ')}")
    for secret in step.secrets:
        way = "in the variable itself" if secret.as_variable else "as a file whose path the variable holds"
        draft.fact("secrets", f"{secret.name}: {secret.source}; {way}")
    if RETRY in draft.parameters:
        draft.fact("retry", draft.parameters[RETRY])
    if process.undo and not undo:
        draft.fact("undo", process.undo.strip())
    for name, value in draft.parameters.items():
        if name.startswith(VARIABLE):
            draft.fact(name, _shown(value))
            if len(os.fsencode(name + value)) >= ARGUMENT_LIMIT_BYTES:
                taken, most = size(len(os.fsencode(value))), size(ARGUMENT_LIMIT_BYTES)
                draft.refusal = f"{name} takes {taken}, and a variable of a process takes {most} at most"
    if step.risk is not Risk.OBSERVE:
        verb = Verb.CHANGE if step.risk is Risk.CHANGE else Verb.REMOVE
        draft.add(
            verb, "whatever this command changes", reversible=step.risk is Risk.CHANGE, note="read it: no plan can"
        )
    return draft.plan()


def held_to_sudo(plan: Plan) -> Plan:
    """The plan, refused where `sudo` would not run it. Asks `sudo`, which may log that."""
    user = other_user_of(plan)
    if not user or plan.refusal:
        return plan
    return dataclasses.replace(plan, refusal=obstacle(user, plan.bindings[FOLDER]))


def script_draft(step: Step, runbook: Runbook, incident: Incident, *, undo: bool = False) -> PlanDraft:
    """All that consent to a script is bound to. An undo has the folder and the variables of the run that it undoes."""
    process = step.process
    parameters = {"script": process.undo if undo else step.run}
    if process.shell:
        parameters[SHELL] = shlex.join(process.shell)
    if process.run_as:
        parameters[RUN_AS] = process.run_as
    if undo:
        folder, variables = _surroundings_of_last_run(step, incident)
    else:
        folder, variables = _surroundings(step, runbook, incident)
        if process.terminal:
            parameters[TERMINAL] = "a person's"
        if process.ok_exits != (0,):
            parameters[OK_EXITS] = ", ".join(map(str, process.ok_exits))
        if process.retry:
            parameters[RETRY] = str(process.retry)
    for secret in step.secrets:
        way = SECRET_VARIABLE if secret.as_variable else SECRET_FILE
        parameters[f"{secret.name}{way}"] = secret.source
    draft = PlanDraft(SHELL_ACTION, parameters | variables, bindings={**files(runbook), FOLDER: folder})
    if step.risk is Risk.DESTROY:
        draft.confirm_name = resolved({"confirm": process.confirm}, runbook, incident).get("confirm") or step.id
    return draft


def secret_constants(step: Step) -> dict[str, str]:
    """The variables whose names are those of secrets and whose values stand in the runbook: no plan has these."""
    return {
        name: str(value) for name, value in step.env.items() if names_secret(name) and not isinstance(value, Reference)
    }


def _surroundings(step: Step, runbook: Runbook, incident: Incident) -> tuple[str, dict[str, str]]:
    """The folder of a script, and every variable of it, so that `bash -u` finds it; empty for an input that nobody
    gave.

    A constant whose name is that of a secret is bound by its name: a digest of a weak one could be guessed.
    """
    cwd = resolved({"cwd": step.process.cwd}, runbook, incident).get("cwd", "")
    folder = str(runbook.base / expanded(cwd))
    values = dict.fromkeys(step.env, "") | resolved(step.env, runbook, incident)
    values |= {name: secret_constant(name, step.id) for name in secret_constants(step)}
    return folder, {f"{VARIABLE}{name}": str(value) for name, value in values.items()}


def _surroundings_of_last_run(step: Step, incident: Incident) -> tuple[str, dict[str, str]]:
    """The same as they were at the last run, and what this run reported: other steps may report other values by now.

    Who can write the journal could add any variable to that run: only those of the runbook count.
    """
    state = incident.step(step.id)
    run = next((attempt for attempt in reversed(state.attempts) if attempt.undoes is None), None)
    if run is None or run.plan is None or run.plan.action != SHELL_ACTION:
        raise Refused(f"{step.title} has not run by its script, so there is nothing to undo")
    names = {f"{VARIABLE}{name}" for name in step.env}
    variables = {name: value for name, value in run.plan.parameters.items() if name in names}
    folder = run.plan.bindings.get(FOLDER, "")
    if not folder or names - variables.keys() or any(value.endswith(CUT) for value in variables.values()):
        hint = "What it did has to be undone manually"
        raise Refused(f"The journal does not have all variables of {step.title}, which its undo needs", hint=hint)
    reported = {f"{VARIABLE}{variable_of(key)}": state.values.get(key, "") for key in step.outputs}
    return folder, variables | reported


def _shown(value: str) -> str:
    """A value short enough to stand among the facts of a plan; a longer one says how long it is."""
    line = " / ".join(value.splitlines()) or "(empty)"
    return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 1]}… ({len(value)} characters)"


def with_whole_values(plan: Plan) -> Plan:
    """The plan for a reader with room: its facts give each variable of a shell step uncut."""
    values = {name: value for name, value in plan.parameters.items() if name.startswith(VARIABLE) and value}
    return dataclasses.replace(plan, facts=tuple((label, values.get(label, text)) for label, text in plan.facts))
