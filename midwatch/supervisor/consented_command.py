"""The command of a plan that was consented to, and whether an order is that command and nothing else."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from midwatch.api.plan import PLAN_AGAIN, Plan
from midwatch.incident.permissions import open_file
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.sudo import is_other_user, sudo_words
from midwatch.system.errors import Refused
from midwatch.system.sanitize import safe_text

SHELL_ACTION = "shell"
"""What the plan of a shell step has for the name of its action."""
VARIABLE, FOLDER = "$", "working folder"
"""Begins the names of a script's variables among the parameters; the binding that says where the script runs."""
SHELL, OK_EXITS, RUN_AS, RETRY = "shell", "ok_exits", "run_as", "retry"
"""Names of the parameters that say what reads the script, which exits count as done, whose it is, and its retries."""
BASH = ("bash", "-euo", "pipefail")
_BECOME = 'eval "$(cat)"'
"""Lets a shell of another user read from its standard input what it is to do."""
TERMINAL = "terminal"
"""Name of the parameter of a script at whose terminal a person sits."""
SECRET_FILE, SECRET_VARIABLE = " (secret, as a file)", " (secret, as a variable)"
"""Ends the names of a script's secrets among the parameters; the value says where the secret comes from."""
_FAILED = ".failed"
_TRAP = (
    """set -E; trap 'case $- in *e*) printf "%s " "$?" "$LINENO" "${#PIPESTATUS[@]}" "${PIPESTATUS[@]}" """
    f""""$BASH_COMMAND" 2>/dev/null >"${{STEP_OUTPUT:+$STEP_OUTPUT{_FAILED}}}" || :; esac' ERR; """
)
"""Stands before the first line of a script, also for its functions: notes exit status, line, the statuses of a pipeline
and the command of what ends it (`failed_line`). A command that fails while `-e` is off ends nothing."""
ARGUMENT_LIMIT_BYTES = 128 * 1024
"""Bytes of one word or variable of a process, with the NUL behind it (Linux: `MAX_ARG_STRLEN`)."""
SURROUNDINGS = frozenset(
    {
        "MIDWATCH_RUNBOOK",
        "MIDWATCH_RUNBOOK_SHA256",
        "MIDWATCH_SITE",
        "MIDWATCH_SITE_SHA256",
        "MIDWATCH_BASE",
        "MIDWATCH_INCIDENT",
        "MIDWATCH_STEP",
        "MIDWATCH_ACTOR",
        "STEP_OUTPUT",
        "PATH",
        "PYTHONUNBUFFERED",
    }
)
"""What every step finds in its environment; a script finds its variables beside them, and nothing else."""


def secret_constant(name: str, step_id: str) -> str:
    """What a plan has for the value of a variable that is a secret: its name and source."""
    return f"(a secret: env.{name} of {step_id} in the runbook)"


def variables_of(plan: Plan) -> dict[str, str]:
    """The variables of a script, as the plan has them."""
    return {name[len(VARIABLE) :]: value for name, value in plan.parameters.items() if name.startswith(VARIABLE)}


def has_terminal(plan: Plan) -> bool:
    """Whether a person sits at the terminal of the plan's script."""
    return plan.action == SHELL_ACTION and TERMINAL in plan.parameters


def secrets_of(plan: Plan) -> dict[str, bool]:
    """The names of a script's secrets, and whether the variable holds the value; no plan has that."""
    return {
        name.removesuffix(way): way == SECRET_VARIABLE
        for name in plan.parameters
        for way in (SECRET_FILE, SECRET_VARIABLE)
        if plan.action == SHELL_ACTION and name.endswith(way)
    }


def ok_exits_of(plan: Plan) -> tuple[int, ...]:
    """The exit statuses that count as done."""
    return tuple(int(number) for number in plan.parameters.get(OK_EXITS, "0").split(", "))


def interpreter_of(plan: Plan) -> tuple[str, ...]:
    """The words before the file of the script: those of its `shell`, or of its `#!` line; empty for bash by default.

    A `#!` line is read as the kernel does: a program, and the rest as one argument.
    """
    line = plan.parameters["script"].partition("\n")[0]
    by_line = tuple(line[2:].strip().split(maxsplit=1)) if line.startswith("#!") else ()
    return tuple(shlex.split(plan.parameters.get(SHELL, ""))) or by_line


def file_of(plan: Plan) -> str:
    """The text that the command gets as a file, behind its words; empty for none.

    An action gets its plan. A script is a file when its `shell` or `#!` line names a program, or when it is too long
    for a word.
    """
    if plan.action != SHELL_ACTION:
        return json.dumps(plan.to_json())
    script, words = plan.parameters["script"], interpreter_of(plan)
    if _is_traceable(words):
        line, rest = script.split("\n", 1) if script.startswith("#!") and "\n" in script else ("", script)
        return f"{line}\n{_TRAP}{rest}" if line else _TRAP + script
    if words:
        return script
    return _TRAP + script if _is_long(script) else ""


def _is_traceable(words: tuple[str, ...]) -> bool:
    """Whether these words run a script by bash, and do not show each of its commands."""
    *before, last = [word for word in words if not word.startswith("-")] or [""]
    by_bash = last.rpartition("/")[2] == "bash" and all(word.rpartition("/")[2] == "env" for word in before)
    return by_bash and not any("x" in word or "v" in word for word in words if word.startswith("-"))


def other_user_of(plan: Plan) -> str:
    """The user as whom a script runs, where that is not the present one; else empty."""
    user = plan.parameters.get(RUN_AS, "") if plan.action == SHELL_ACTION else ""
    return user if is_other_user(user) else ""


def command_of(plan: Plan) -> tuple[str, ...]:
    """The words that run a plan. An action has its parameters in the plan: everybody may read a process's words."""
    if user := other_user_of(plan):
        return sudo_words(user, _BECOME)
    if plan.action == SHELL_ACTION:
        script = plan.parameters["script"]
        return interpreter_of(plan) or (BASH if _is_long(script) else (*BASH, "-c", _TRAP + script))
    return ("midwatch", "action", plan.action, "--digest", plan.digest, "--confirmed")


def failed_file(values: Path) -> Path:
    """Where a script notes what ended it, beside the file of `$STEP_OUTPUT`."""
    return values.with_name(values.name + _FAILED)


def failed_line(values: Path, code: int | None) -> tuple[int, str] | None:
    """Number and text of the command that ended a script with this exit status; None where that is not known.

    `values` is the file of `$STEP_OUTPUT`. A script that ends by `exit` notes nothing. Of a pipeline bash knows the
    last command and all exits.
    """
    try:
        with os.fdopen(open_file(failed_file(values), os.O_RDONLY), "rb") as file:
            noted = file.read(ARGUMENT_LIMIT_BYTES)
        status, number, count, rest = noted.decode("utf-8", "replace").split(" ", 3)
        *exits, command = rest.rstrip().split(" ", int(count))
        if len(exits) > 1:
            command = f"… | {command} (exits {', '.join(exits)})"
        return (int(number), safe_text(command)) if int(status) == code else None
    except (OSError, ValueError):
        return None


def require_consented(order: LaunchSpec, plan: Plan, secrets: Collection[str] = ()) -> None:
    """Raise `Refused` unless the order carries the digest of the plan and runs that plan, naming what differs.

    `secrets` are the names of those that are handed over for the script.
    """
    if order.digest != plan.digest:
        raise _refused(f"the digest is {plan.digest[:12]}…, not {order.digest[:12] or '(none)'}…")
    expected, given = command_of(plan), order.argv
    for number in range(max(len(expected), len(given))):
        one, other = expected[number : number + 1], given[number : number + 1]
        if one != other:
            raise _refused(f"word {number + 1} of the command: {_short(one)} → {_short(other)}")
    variables: Mapping[str, str] = {}
    if plan.action == SHELL_ACTION:
        variables = variables_of(plan)
        if order.cwd != plan.bindings.get(FOLDER):
            raise _refused(f"the {FOLDER}: {plan.bindings.get(FOLDER)} → {order.cwd}")
        if (retry := str(order.retry or "")) != plan.parameters.get(RETRY, ""):
            raise _refused(f"the retry: {plan.parameters.get(RETRY) or '(none)'} → {retry or '(none)'}")
        if order.terminal != has_terminal(plan):
            raise _refused("whether a person has its terminal")
        if order.ok_exits != ok_exits_of(plan):
            raise _refused(f"the exits that count as done: {ok_exits_of(plan)} → {order.ok_exits}")
    if different := sorted(set(secrets) ^ set(secrets_of(plan))):
        raise _refused(f"the secret {different[0]}")
    for name in sorted(set(variables) | (set(order.env) - SURROUNDINGS)):
        expected_value, value = variables.get(name), order.env.get(name)
        if value is not None and expected_value == secret_constant(name, order.env.get("MIDWATCH_STEP", "")):
            continue  # bound by name and source
        if expected_value != value:
            raise _refused(f"${name}: {_short(() if expected_value is None else (expected_value,))} → another value")


def _is_long(script: str) -> bool:
    return len(os.fsencode(_TRAP + script)) >= ARGUMENT_LIMIT_BYTES


def _refused(difference: str) -> Refused:
    return Refused(f"The order is not the plan that was confirmed: {difference}", hint=PLAN_AGAIN)


def _short(words: tuple[str, ...]) -> str:
    return f"{words[0][:60]!r}" if words else "(nothing)"
