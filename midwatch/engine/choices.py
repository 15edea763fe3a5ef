"""Questions whose choices a command prints: the command runs when the question is asked, and only observes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from midwatch.engine.references import resolved
from midwatch.incident.state import Incident
from midwatch.redaction import mask
from midwatch.runbook.model import Runbook
from midwatch.runbook.secret_sources import known_secrets
from midwatch.runbook.value_sources import Question
from midwatch.supervisor.check_script import run_check_script
from midwatch.system.errors import MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.side_by_side import side_by_side

LIMIT_S = 10.0
MOST_CHOICES, LONGEST_CHOICE = 100, 200


def with_choices(questions: Sequence[Question], runbook: Runbook, incident: Incident) -> tuple[Question, ...]:
    """The questions with the choices that their commands print now, each command within `LIMIT_S` seconds.

    A question whose command fails becomes a line that a person types, and its prompt says why.
    """
    calls = {ask.name: functools.partial(_read, ask, runbook, incident) for ask in questions if ask.options_command}
    late = f"no answer within {LIMIT_S:.0f} s"
    by_name = {ask.name: ask for ask in questions}
    read = side_by_side(calls, limit_s=2 * LIMIT_S, late=lambda name: _typed(by_name[name], late))
    return tuple(read.get(ask.name, ask) for ask in questions)


def ask_inputs(runbook: Runbook) -> Runbook:
    """The runbook whose inputs have the choices that their commands print now."""
    if not any(ask.options_command for ask in runbook.inputs):
        return runbook
    return dataclasses.replace(runbook, inputs=with_choices(runbook.inputs, runbook, Incident()))


def _read(ask: Question, runbook: Runbook, incident: Incident) -> Question:
    try:
        variables = dict.fromkeys(ask.options_env, "") | resolved(ask.options_env, runbook, incident)
        ended = run_check_script(ask.options_command, runbook.base, limit=LIMIT_S, variables=variables)
    except MidwatchError as error:
        return _typed(ask, error.sentence)
    secrets = known_secrets(runbook)
    if ended.exit != 0:
        said = ended.errors.strip().splitlines()
        return _typed(ask, mask(safe_text(f"exit {ended.exit}{': ' + said[-1] if said else ''}"), secrets))
    choices = tuple(dict.fromkeys(filter(None, map(str.strip, mask(ended.output, secrets).splitlines()))))
    if not choices:
        return _typed(ask, "it printed none")
    if len(choices) > MOST_CHOICES:
        return _typed(ask, f"it printed {len(choices):,}, and {MOST_CHOICES} are the most")
    if any(len(choice) > LONGEST_CHOICE or safe_text(choice) != choice for choice in choices):
        return _typed(ask, f"each takes {LONGEST_CHOICE} characters at most, without control characters")
    return dataclasses.replace(ask, options=choices)


def _typed(ask: Question, why: str) -> Question:
    prompt = f"{ask.prompt} (The command of its choices failed: {why[:LONGEST_CHOICE].rstrip('.')}. Type the answer.)"
    return dataclasses.replace(ask, kind="line", prompt=prompt)
