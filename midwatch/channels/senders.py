"""The sender of each kind, loaded when the first message of the kind is sent, and the secrets that it needs."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import cast

from midwatch.channels.message import Answer, AnswerLost, Message, NotSent, Sender, Verdict
from midwatch.redaction import SHORTEST
from midwatch.runbook.channels import ChannelKind, ChannelTarget, SecretSource
from midwatch.system.errors import MidwatchError
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import read_trusted

_SECRET_LIMIT_BYTES = 65_536


def send(message: Message, target: ChannelTarget) -> Answer:
    """Send a message and say what became of it, whatever happens; the words are masked."""
    secrets: dict[str, str] = {}
    try:
        secrets |= secrets_of(target)
        answer = _sender(target.kind)(message, target, secrets)
    except NotSent as error:
        answer = Answer(Verdict.GIVE_UP if error.for_good else Verdict.WAIT, str(error))
    except AnswerLost as error:
        answer = Answer(Verdict.UNSURE, str(error))
    except Exception as error:  # whatever a library raises: nobody knows how far the message got
        answer = Answer(Verdict.UNSURE, f"{type(error).__name__}: {error}")
    return answer.clean(secrets)


def secrets_of(target: ChannelTarget) -> dict[str, str]:
    """The values of a target's secrets, by key; an address that is no secret as well. Raises `NotSent`."""
    found: dict[str, str] = {}
    for key in ("url", "key", "authorization", "password"):
        value = getattr(target, key)
        if isinstance(value, SecretSource):
            found[key] = _read(value)
        elif value:
            found[key] = value
    return found


def _read(source: SecretSource) -> str:
    value = _from_variable(source.variable) if source.variable else _from_file(Path(source.file))
    if len(value) < SHORTEST:
        name = f"${source.variable}" if source.variable else source.file
        raise NotSent(f"{name} has fewer than {SHORTEST} characters, so it cannot be masked", for_good=True)
    return value


def _from_variable(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise NotSent(f"${name} is not set where Midwatch was started", for_good=True)
    return value


def _from_file(file: Path) -> str:
    try:
        data = read_trusted(file, Trust.own().secret(), limit_bytes=_SECRET_LIMIT_BYTES)
    except (OSError, MidwatchError) as error:
        reason = error.sentence if isinstance(error, MidwatchError) else f"{file}: {error.strerror}"
        raise NotSent(reason, for_good=True) from error
    value = data.decode("utf-8", "replace").strip()
    if not value or "\n" in value:
        raise NotSent(f"{file} does not hold one line", for_good=True)
    return value


def _sender(kind: ChannelKind) -> Sender:
    return cast(Sender, importlib.import_module(f"midwatch.channels.{kind}").send)
