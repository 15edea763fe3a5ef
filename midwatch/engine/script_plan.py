"""The plan of a script: its text, its variables, how it runs, and the files to which the consent is bound."""

from __future__ import annotations

import dataclasses
import os
import shlex

from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.engine.consent import files
from midwatch.engine.references import resolved
from midwatch.incident.state import Incident
from midwatch.runbook.model import Reference, Risk, Runbook, Step
from midwatch.runbook.secret_sources import names_secret
from midwatch.supervisor.consented_command import (
    ARGUMENT_LIMIT_BYTES,
    FOLDER,
    OK_EXITS,
    RUN_AS,
    SHELL,
    SHELL_ACTION,
    VARIABLE,
    secret_constant,
)
from midwatch.supervisor.sudo import is_other_user, obstacle
from midwatch.system.units import size

_LONGEST_SHOWN = 200


def plan_script(step: Step, runbook: Runbook, incident: Incident) -> Plan:
    """What is shown of a script before it runs. Raises `Refused` or `BadInput` while a value is not known."""
    draft, process = script_draft(step, runbook, incident), step.process
    draft.fact("command", step.run.strip())
    if process.cwd:
        draft.fact("folder", draft.bindings[FOLDER])
    if process.run_as:
        draft.fact("run as", f"{process.run_as}{', by sudo' if is_other_user(process.run_as) else ''}")
    if SHELL in draft.parameters:
        draft.fact("shell", draft.parameters[SHELL])
    if OK_EXITS in draft.parameters:
        draft.fact("done by", f"exit {draft.parameters[OK_EXITS].replace(', ', ' or ')}")
    for name, value in draft.parameters.items():
        if name.startswith(VARIABLE):
            draft.fact(name, _shown(value))
            if len(os.fsencode(name + value)) >= ARGUMENT_LIMIT_BYTES:
                taken, most = size(len(os.fsencode(value))), size(ARGUMENT_LIMIT_BYTES)
                draft.refusal = f"{name} takes {taken}, and a variable of a process takes {most} at most"
    if is_other_user(process.run_as) and not draft.refusal:
        draft.refusal = obstacle(process.run_as, draft.bindings[FOLDER])
    if step.risk is not Risk.OBSERVE:
        verb = Verb.CHANGE if step.risk is Risk.CHANGE else Verb.REMOVE
        draft.add(
            verb, "whatever this command changes", reversible=step.risk is Risk.CHANGE, note="read it: no plan can"
        )
    return draft.plan()


def script_draft(step: Step, runbook: Runbook, incident: Incident) -> PlanDraft:
    """All that consent to a script is bound to."""
    process = step.process
    given = resolved({"cwd": process.cwd, "confirm": process.confirm}, runbook, incident)
    parameters = {"script": step.run}
    if process.shell:
        parameters[SHELL] = shlex.join(process.shell)
    if process.run_as:
        parameters[RUN_AS] = process.run_as
    if process.ok_exits != (0,):
        parameters[OK_EXITS] = ", ".join(map(str, process.ok_exits))
    parameters |= {f"{VARIABLE}{name}": value for name, value in _variables(step, runbook, incident).items()}
    cwd = runbook.base / os.path.expanduser(given.get("cwd", ""))  # noqa: PTH111  (it raises for nobody's home)
    draft = PlanDraft(SHELL_ACTION, parameters, bindings={**files(runbook), FOLDER: str(cwd)})
    if step.risk is Risk.DESTROY:
        draft.confirm_name = given.get("confirm") or step.id
    return draft


def secret_constants(step: Step) -> dict[str, str]:
    """The variables whose names are those of secrets and whose values stand in the runbook: no plan has these."""
    return {
        name: str(value) for name, value in step.env.items() if names_secret(name) and not isinstance(value, Reference)
    }


def _variables(step: Step, runbook: Runbook, incident: Incident) -> dict[str, str]:
    """Every variable of a script, so that `bash -u` finds it; empty for an input that nobody gave.

    A constant whose name is that of a secret is bound by its name: a digest of a weak one could be guessed.
    """
    values = dict.fromkeys(step.env, "") | resolved(step.env, runbook, incident)
    secret = secret_constants(step)
    return {name: secret_constant(name, step.id) if name in secret else str(values[name]) for name in values}


def _shown(value: str) -> str:
    """A value short enough to stand among the facts of a plan; a longer one says how long it is."""
    line = " / ".join(value.splitlines()) or "(empty)"
    return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 1]}… ({len(value)} characters)"


def with_whole_values(plan: Plan) -> Plan:
    """The plan for a reader with room: its facts give each variable of a shell step uncut."""
    values = {name: value for name, value in plan.parameters.items() if name.startswith(VARIABLE) and value}
    return dataclasses.replace(plan, facts=tuple((label, values.get(label, text)) for label, text in plan.facts))
