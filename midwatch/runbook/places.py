"""The named places that actions use, and where they are unless the runbook or the site says otherwise."""

from __future__ import annotations

from types import MappingProxyType

PLACES = MappingProxyType(
    {
        "backups": "backups/prod",  # a folder a nightly set, and `old/`
        "emergency": "emergency-backup",  # emergency backups, on a file system with room
        "logs": "logs",  # backup.log, emergency-backup.log, incidents/
        "audit": "security/access-audit.log",
        "pgpass": "~/.pgpass",  # the bastion's own authentication
        "freeze": "security/freeze.json",
        "sealed": "security/sealed",  # former verifiers, 0600, for undo
        "pg_bin": "",  # a folder with pg_dump and its kin, tried before PATH and the system's own; empty: none
    }
)
