"""Collects the secrets known before a step starts, so that its output is masked from the first byte."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from midwatch.redaction import SHORTEST
from midwatch.runbook.channels import SecretSource
from midwatch.runbook.model import Runbook
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.mounts import require_answer

_SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY)$")
_PGPASS = re.compile(r"(?:(?:\\.|[^\\:])*:){4}(.*)", re.S)
_URI = re.compile(r"://[^\s/:@]*:(\S+)@")
_LARGEST_FILE = 1024 * 1024


def names_secret(name: str) -> bool:
    """Whether a variable or an answer with this name holds a secret, by the sound of it."""
    return bool(_SECRET_NAME.search(name.upper()))


def known_secrets(runbook: Runbook, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name → value: from the environment, passwords in its URIs too, and from the password files that libpq or a target
    has.

    A file that cannot be read holds no secret that we could leak, so it is passed over; so is what is too short to be
    masked: `too_short` names it.
    """
    return {name: value for name, value in _found(runbook, environment) if len(value) >= SHORTEST}


def too_short(runbook: Runbook, environment: Mapping[str, str] | None = None) -> list[str]:
    """Names of what would be a secret and is refused as one: it would mask ordinary words, and so give itself away."""
    return sorted({name for name, value in _found(runbook, environment) if 0 < len(value) < SHORTEST})


def environment_secrets(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Those that can be known without a runbook: for what is said before there is one, and for faults of ours."""
    return {name: value for name, value in _in_environment(environment) if len(value) >= SHORTEST}


def _found(runbook: Runbook, environment: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    environment = os.environ if environment is None else environment
    yield from _in_environment(environment)
    yield from _pgpass("pgpass", runbook.resolve(runbook.locations.get("pgpass", "~/.pgpass")))
    if "PGPASSFILE" in environment:
        yield from _pgpass("PGPASSFILE", Path(environment["PGPASSFILE"]))
    for target in runbook.targets.values():
        if target.password_file:
            yield f"{target.name} password", _read(runbook.resolve(target.password_file)).strip()
    for channel in runbook.channels.values():
        for number, receiver in enumerate(channel.targets, start=1):
            for source in receiver.secrets:
                yield f"{channel.name} channel, {receiver.kind} {number}", source_value(source, runbook, environment)
    if isinstance(ping := runbook.watch.ping, SecretSource):
        yield "ping address", source_value(ping, runbook, environment)
    for step in runbook.steps():
        for secret in step.secrets:
            if secret.file:  # also after another driver has fetched it
                yield secret.name, _read(runbook.resolve(secret.file)).strip()


def source_value(source: SecretSource, runbook: Runbook, environment: Mapping[str, str]) -> str:
    """The secret that stands there now; empty where there is none."""
    found = environment.get(source.variable, "") if source.variable else _read(runbook.resolve(source.file))
    return found.strip()


def _in_environment(environment: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    environment = os.environ if environment is None else environment
    for name, value in environment.items():
        if names_secret(name):
            yield name, value
        for password in _URI.findall(value):
            yield f"{name} password", password
            if "%" in password:
                yield f"{name} password, decoded", unquote(password)


def _pgpass(name: str, path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(_read(path).split("\n"), start=1):  # as libpq does: other ends of a line are letters
        found = _PGPASS.match(line.rstrip("\r"))
        if found is not None and not line.startswith("#"):
            yield f"{name} line {number}", re.sub(r"\\(.)", r"\1", found[1])
            if "\\" in found[1]:
                yield f"{name} line {number} as written", found[1]  # somebody may have forgotten to escape it


def _read(path: Path) -> str:
    """What an ordinary file holds; nothing is waited for, whatever else lies under this name."""
    try:
        require_answer(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError, OutcomeUnknown):
        return ""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return ""
    with os.fdopen(descriptor, "rb") as file:
        try:
            return file.read(_LARGEST_FILE).decode("utf-8", "replace")
        except OSError:
            return ""
