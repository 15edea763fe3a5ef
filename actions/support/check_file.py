"""The file in which a check keeps what it compares with the next time, below `checks/` in the location `logs`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from midwatch.runbook.model import Runbook
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import Failed, in_words
from midwatch.system.mounts import require_answer
from midwatch.system.trust import UntrustedFile
from midwatch.system.trusted_files import atomic_write, read_regular

_LIMIT_BYTES = 64_000_000


def check_file(runbook: Runbook, check: str, of: str) -> Path:
    """The file of one check about one thing."""
    return runbook.location_of("logs") / "checks" / f"{check}-{hashlib.sha256(of.encode()).hexdigest()[:16]}.json"


def read_check_file(path: Path) -> dict[str, Any]:
    """What the file holds; empty when there is none yet.

    Raises:
        Failed: The file cannot be read or holds something else.
        OutcomeUnknown: Its mount does not answer.
    """
    require_answer(path.parent)
    try:
        found = json.loads(read_regular(path, limit_bytes=_LIMIT_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Failed(f"{path} cannot be read: {in_words(error)}") from error
    except (ValueError, RecursionError) as error:
        raise Failed(f"{path} is damaged", hint="It is written anew") from error
    if not isinstance(found, dict):
        raise Failed(f"{path} is damaged", hint="It is written anew")
    return found


def write_check_file(path: Path, content: dict[str, Any]) -> None:
    """Replace the file as a whole; only this user and group may read it. Raises `Failed`."""
    try:
        make_missing_folders(path.parent)
        atomic_write(path, json.dumps(content).encode(), mode=0o640, trust=None)
    except (OSError, UntrustedFile) as error:
        raise Failed(f"{path} cannot be written: {in_words(error)}") from error
