"""Starts a supervisor, detached: it outlives the screen, the login and the terminal.

The supervisor gets its order and the secrets through a socket. What lies in the attempt's folder is a record of the
order: others may be able to write there, so nothing believes it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from midwatch.api.plan import Plan
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.permissions import new_folder, open_file
from midwatch.redaction import mask
from midwatch.runbook.secret_sources import names_secret
from midwatch.supervisor.fork_server import FORK_SERVER
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.status import START_GRACE, Running, inspect_attempt
from midwatch.system.durable import sync_folder
from midwatch.system.errors import Failed, Refused
from midwatch.system.process import ProcessIdentity

_LOG = logging.getLogger(__name__)


def prepare_to_launch() -> None:
    """Let the fork server load its code ahead of the first step. Never raises."""
    with contextlib.suppress(OSError):  # the start of a step says so
        FORK_SERVER.start()


def launch(
    folder: AttemptFolder,
    order: LaunchSpec,
    secrets: Mapping[str, str],
    plan: Plan,
    handed: Mapping[str, str] = MappingProxyType({}),
) -> ProcessIdentity:
    """Run `order` under a supervisor of its own; returns once `supervisor.json` is on disk and the step may begin.

    `secrets` are masked in the output; `handed` are those that the script gets (`consented_command.secrets_of`). Order
    and secrets go through a socket; the secrets are in no argument, no environment and no file. Secrets of fewer
    than six characters cannot be masked and make it fail. Raises `Refused` when this attempt was started before,
    `Failed` when it cannot start or the order is not the command of `plan`; then nothing ran.
    """
    try:
        record = _record_of(order, secrets)
    except ValueError as error:  # a secret that is too short
        raise _not_started(str(error), folder) from error
    write_order(folder, record)
    answer, complaint = "", ""
    try:
        with FORK_SERVER.fork(folder) as starter:
            starter.settimeout(START_GRACE)
            starter.sendall(handover(order, secrets, plan, handed))
            answer = _answer(starter)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has ended, and what it wrote says why
    except OSError as error:
        answer = f"failed {error.strerror or 'no answer in time'}"
    # Our end is closed now: a supervisor that has not said "ready" yet will find nobody and not begin.
    if not answer:
        complaint = FORK_SERVER.stop()
    if answer.startswith("ready "):
        identity = ProcessIdentity.from_json(json.loads(answer[len("ready ") :]))
        _LOG.info("%s: the supervisor is process %d", folder.path, identity.pid)
        return identity
    found = inspect_attempt(folder)
    if isinstance(found, Running):
        return found.supervisor
    _LOG.warning("%s: the supervisor said %r, and wrote %r", folder.path, answer, complaint)
    reason = answer.removeprefix("failed ").strip() or complaint or "it ended without a word"
    raise _not_started(reason, folder)


def handover(
    order: LaunchSpec, secrets: Mapping[str, str], plan: Plan, handed: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """What a supervisor receives; of the plan what its digest covers."""
    bound = replace(plan, facts=(), effects=tuple(effect for effect in plan.effects if effect.verb.touches))
    parts = {"order": order.to_json(), "plan": bound.to_json(), "secrets": dict(secrets), "handed": dict(handed)}
    return json.dumps(parts).encode("ascii") + b"\n"


def _not_started(reason: str, folder: AttemptFolder) -> Failed:
    return Failed(f"The step could not be started: {reason.rstrip('.')}", hint=f"Nothing ran; see {folder.path}")


def write_order(folder: AttemptFolder, record: Mapping[str, Any]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with contextlib.suppress(FileExistsError):
            new_folder(folder.path)
        with os.fdopen(open_file(folder.launch_spec, flags), "w", encoding="ascii") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder.path)
    except FileExistsError:
        raise Refused("This attempt was started before", hint="Every attempt has a folder of its own") from None
    except OSError as error:
        raise Failed(f"The order of the step cannot be stored in {folder.path}: {error.strerror}") from error


def _record_of(order: LaunchSpec, secrets: Mapping[str, str]) -> dict[str, Any]:
    """The order as it is kept, masked: of a variable with the name of a secret only the name."""
    variables = {
        name: f"[secret {name}]" if names_secret(name) else mask(value, secrets) for name, value in order.env.items()
    }
    words = [mask(word, secrets) for word in order.argv]
    return order.to_json() | {"argv": words, "env": variables, "cwd": mask(order.cwd, secrets)}


def _answer(ours: socket.socket) -> str:
    received = bytearray()
    while not received.endswith(b"\n"):
        data = ours.recv(65536)
        if not data:
            break
        received += data
    return received.decode("utf-8", "replace").strip()
