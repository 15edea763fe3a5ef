"""The secrets that are known before a step starts, so that they are masked from its first byte on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from midwatch.runbook.model import Runbook

_SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY)$")
_PGPASS = re.compile(r"(?:(?:\\.|[^\\:])*:){4}(.*)")
SHORTEST = 6
"""A shorter secret would mask ordinary words, and so give itself away."""


def known_secrets(runbook: Runbook, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name → value: from the environment, the bastion's password file and the targets' password files.

    A file that cannot be read holds no secret that we could leak, so it is passed over.
    """
    environment = os.environ if environment is None else environment
    found = {name: value for name, value in environment.items() if _SECRET_NAME.search(name.upper())}
    for number, password in enumerate(_pgpass_passwords(runbook), start=1):
        found[f"pgpass line {number}"] = password
    for target in runbook.targets.values():
        if target.password_file:
            found[f"{target.name} password"] = _read(runbook, target.password_file).strip()
    return {name: value for name, value in found.items() if len(value) >= SHORTEST}


def _read(runbook: Runbook, path: str) -> str:
    try:
        return runbook.resolve(path).read_text(encoding="utf-8", errors="replace")[:65536]
    except OSError:
        return ""


def _pgpass_passwords(runbook: Runbook) -> Iterator[str]:
    for line in _read(runbook, runbook.places.get("pgpass", "~/.pgpass")).splitlines():
        found = _PGPASS.match(line)
        if found is not None and not line.startswith("#"):
            yield re.sub(r"\\(.)", r"\1", found[1])
            if "\\" in found[1]:
                yield found[1]  # somebody may have forgotten to escape it
