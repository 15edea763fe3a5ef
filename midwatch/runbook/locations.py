"""The named locations that actions use, with their default paths. The runbook or the site file may override them."""

from __future__ import annotations

from types import MappingProxyType

LOCATIONS = MappingProxyType(
    {
        "backups": "backups/prod",  # a folder a nightly set, and `old/`
        "emergency": "emergency-backup",  # emergency backups: folders, ssh://…, s3://…, by commas; the first with room
        "remote_manifests": "logs/backups-elsewhere",  # manifests of backups that lie on another host
        "proofs": "logs/backup-proofs.jsonl",  # each validation of a backup, chained by hashes
        "recipients": "",  # a file of public keys to which backups are encrypted; empty: they are not
        "ssh_config": "",  # a configuration of OpenSSH for such places; empty: the user's own
        "logs": "logs",  # backup.log, emergency-backup.log, incidents/
        "watch": "logs/watch",  # the folder of the watcher: requests to declare, its state
        "audit": "security/access-audit.log",
        "pgpass": "~/.pgpass",  # the bastion's own authentication
        "freeze": "security/freeze.json",
        "credential_backups": "security/sealed",  # former verifiers, 0600, for undo
        # where a journal goes on when the disk of `logs` takes no more; empty: chosen by itself
        "journal_fallback": "",
        "pg_bin": "",  # a folder with pg_dump and its kin, tried before PATH and the system's own; empty: none
    }
)
