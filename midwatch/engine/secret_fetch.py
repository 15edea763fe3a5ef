"""Fetches the secrets of a step when the step starts: from a file, from a command, or from the person who was asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from midwatch.api.plan import Plan
from midwatch.redaction import SHORTEST, mask
from midwatch.runbook.model import Runbook, Step
from midwatch.runbook.step_secrets import StepSecret
from midwatch.supervisor.consented_command import secrets_of
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown, Refused
from midwatch.system.external_command import HEAD_BYTES, run_script
from midwatch.system.mounts import require_answer
from midwatch.system.sanitize import safe_text
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import read_trusted

_LIMIT_BYTES = HEAD_BYTES - 1
_ENDS = "\r\n"


def asked_secrets(step: Step, plan: Plan) -> tuple[str, ...]:
    """The names of the secrets that a person has to type before this plan of the step runs; of a loop, once for all
    items."""
    needed = secrets_of(plan)
    asked = (secret.name for secret in step.secrets if secret.is_asked)
    return tuple(name for name in asked if step.loop is not None or name in needed)


def fetch_secrets(step: Step, plan: Plan, runbook: Runbook, typed: Mapping[str, str]) -> dict[str, str]:
    """Name → value of every secret that this plan of the step needs; `typed` are those that a person was asked for.

    A value for a file is left as it is; one for a variable ends before its last line end. Slow: a command may run.
    Raises `Refused` or `Failed` with the name of the secret that there is not; then nothing has run.
    """
    needed = secrets_of(plan)
    return {secret.name: _fetched(secret, runbook, typed) for secret in step.secrets if secret.name in needed}


def masked_values(fetched: Mapping[str, str]) -> dict[str, str]:
    """The values as they are masked: without the blanks and line ends around them."""
    return {name: value.strip() for name, value in fetched.items()}


def _fetched(secret: StepSecret, runbook: Runbook, typed: Mapping[str, str]) -> str:
    try:
        if secret.is_asked:
            value = typed.get(secret.name, "")
        elif secret.file:
            value = _from_file(runbook.resolve(secret.file))
        else:
            value = _from_command(secret, runbook.base)
        _require_usable(value, secret)
    except MidwatchError as error:
        sentence = f"The secret {secret.name} cannot be had: {error.sentence}"
        raise type(error)(sentence, hint=error.hint or "Nothing ran") from error
    return value.rstrip(_ENDS) if secret.as_variable else value


def _from_file(path: Path) -> str:
    try:
        require_answer(path)
        return read_trusted(path, Trust.own().secret(), limit_bytes=_LIMIT_BYTES).decode("utf-8")
    except OSError as error:
        raise Failed(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except OutcomeUnknown as error:
        raise Failed(error.sentence, hint=error.hint) from error
    except ValueError as error:
        raise Failed(f"{path} is not text in UTF-8", hint="Keep it as base64, and decode it in the script") from error


def _from_command(secret: StepSecret, folder: Path) -> str:
    ended = run_script(secret.command, folder, limit=secret.timeout, environment=os.environ)
    program = secret.command[0]
    if ended.exit:
        *_, last = ended.errors.strip().splitlines() or [""]
        said = f": {mask(safe_text(last), {})}" if last else ""
        raise Failed(f"{program} ended with exit {ended.exit}{said}")
    if "\ufffd" in ended.output:
        raise Failed(f"{program} did not write text in UTF-8", hint="Let it write base64, and decode it in the script")
    return ended.output


def _require_usable(value: str, secret: StepSecret) -> None:
    """Whether the value can be masked and handed over. Raises `Refused`."""
    if not value.strip():
        raise Refused("nobody was asked for it" if secret.is_asked else f"{secret.source} is empty")
    if len(value.strip()) < SHORTEST:
        raise Refused(f"it has fewer than {SHORTEST} characters, so it cannot be masked", hint="Choose a longer one")
    if "\0" in value:
        raise Refused("it holds a NUL, which no text has")
    if len(value.encode("utf-8", "replace")) > _LIMIT_BYTES:
        raise Refused(f"it is longer than {_LIMIT_BYTES:,} bytes")
