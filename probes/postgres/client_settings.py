"""What libpq takes from the environment and the home folder, beside what it is given."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from midwatch.system.home import home
from midwatch.system.mounts import require_answer

_PROOFS = ("PGSSL", "PGGSS", "PGKRB", "PGREQUIRE", "PGCHANNELBINDING")
"""How variables begin that say by what server and client prove who they are."""
_FILES = ("PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT", "PGSSLCRL", "PGSSLCRLDIR")


def client_variables() -> dict[str, str]:
    """The environment of a program of PostgreSQL, without what leads it to another server or changes its sessions."""
    return {name: value for name, value in os.environ.items() if not _misleads(name)}


def forget_other_servers() -> None:
    """Let libpq in this process see no more than such a program. `os.environ`, which steps inherit, stays whole."""
    for name in os.environ:
        if _misleads(name):
            os.unsetenv(name)


def require_client_files() -> None:
    """Raise `OutcomeUnknown` when a certificate or key that libpq would read lies on a mount that does not answer."""
    named = (os.environ.get(name, "") for name in _FILES)
    files = [Path(path) for path in named if path not in ("", "system")]
    with contextlib.suppress(RuntimeError):  # no home
        files.append(home() / ".postgresql")
    for path in files:
        require_answer(path)


def _misleads(name: str) -> bool:
    return name.startswith("PG") and not name.startswith(_PROOFS)
