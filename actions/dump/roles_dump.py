"""Dumps the roles of a server. `pg_dump` omits roles, and a restore into a new server fails without them.

Without passwords: a verifier is as secret as a password, and a backup travels. `reset-password` sets new ones.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from midwatch.system.errors import Failed
from midwatch.system.trusted_files import create_exclusive
from probes.backup.age_encryption import encrypted
from probes.backup.age_keys import Recipient
from probes.backup.dump_reader import fell_short
from probes.postgres.client_errors import ClientErrors
from probes.postgres.client_settings import client_variables
from probes.postgres.connect import Route, client_environment
from probes.postgres.conninfo import conninfo_of
from probes.postgres.tools import Tools

PREFIX = "globals."
_LIMIT = 120.0
_LIMITS = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
_UNLIMITED = (f"{_LIMITS} -c transaction_timeout=0", _LIMITS)
"""Options that lift the time limits of the role, which `pg_dumpall`, unlike `pg_dump`, leaves in force: for servers
from 17 on, and for older ones. A pooler refuses both."""
_END = b"-- PostgreSQL database cluster dump complete"


def globals_name(database: str) -> str:
    """What the file with the roles of a database's server is called in a set: `globals.arp.sql.gz`."""
    return f"{PREFIX}{file_stem(database)}.sql.gz"


def file_stem(database: str) -> str:
    """The name of a database as the beginning of a file's, which has no slash, and which `sha256sum -c` reads."""
    return re.sub(r"[/\\\x00-\x1f\x7f]", "_", database)


def dump_globals(route: Route, tools: Tools, file: Path, recipients: Sequence[Recipient] = ()) -> str:
    """Write what `packed_globals` gives to `file`, which must not exist, on disk.

    SHA-256 (hex) of the file. Raises `Failed`, and then the file is of no use.
    """
    packed = packed_globals(route, tools, recipients)
    descriptor = create_exclusive(file, mode=0o600, trust=None)
    with os.fdopen(descriptor, "wb") as out:
        out.write(packed)
        out.flush()
        os.fsync(out.fileno())
    return hashlib.sha256(packed).hexdigest()


def packed_globals(route: Route, tools: Tools, recipients: Sequence[Recipient] = ()) -> bytes:
    """Roles, memberships and tablespaces as SQL, gzipped, encrypted if there are `recipients`. Any login will do.

    Raises `Failed`.
    """
    from isal import igzip

    argv = [
        str(tools.pg_dumpall),
        "--globals-only",
        "--no-role-passwords",
        "--no-password",
        f"--database={conninfo_of(route.database)}",
    ]
    environment = {**client_variables(), **client_environment(route), "LC_ALL": "C"}
    environment.pop("PGDATABASE")  # it takes the name from --database alone
    for options in (*_UNLIMITED, ""):
        environment["PGOPTIONS"] = f"{route.options} {options}".strip()
        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=_LIMIT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            sentence = f"The roles of {route.label} cannot be saved: {error}"
            raise Failed(sentence, hint="Is pg_dumpall installed?") from error
        if not done.returncode:
            break
    if done.returncode or _END not in done.stdout:
        found = ClientErrors.of(done.stderr.decode("utf-8", "replace"))
        told = found.first or f"pg_dumpall ended with {done.returncode}"
        if short := fell_short(done.returncode, found.text):
            told = f"pg_dumpall {short}"
        raise Failed(f"The roles of {route.label} cannot be saved: {told}", hint="Nothing was published")
    packed: bytes = igzip.compress(done.stdout, compresslevel=1)
    return encrypted(packed, recipients) if recipients else packed
