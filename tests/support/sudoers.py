"""Rules for `sudo` that last as long as a test: whether an account of the machine may act as another one."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPERATOR, OTHER = "games", "nobody"
"""Accounts that every machine has and nobody logs in to: who runs Midwatch, and as whom a script runs."""


def uid_of(account: str) -> int:
    return pwd.getpwnam(account).pw_uid


@contextmanager
def allowed_as_other() -> Iterator[None]:
    """Let `OPERATOR` run what they like as `OTHER`, without a password."""
    file = Path(f"/etc/sudoers.d/midwatch-test-{os.getpid()}")
    file.write_text(f"{OPERATOR} ALL=({OTHER}) NOPASSWD: /bin/sh\n", encoding="ascii")
    file.chmod(0o440)
    try:
        subprocess.run(["visudo", "-cf", file], check=True, capture_output=True, timeout=30)
        yield
    finally:
        file.unlink()
