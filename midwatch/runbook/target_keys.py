"""The keys of a target: how its database is reached, and what belongs to it."""

from __future__ import annotations

from midwatch.runbook.field_types import TARGET, Length, Name, Text, Whole, Word
from midwatch.runbook.shapes import Key, ListOf, Shape
from midwatch.runbook.targets import TargetKind

_LINE = Text(single=True)

_SECRET_STORE = Shape(
    "secret store",
    "A command that keeps a new password where applications find it.",
    (
        Key(
            "command",
            _LINE,
            "Run without a shell; the password is on its standard input, without a newline",
            required=True,
        ),
        Key("timeout", Length(), "How long it may take; default 30 s"),
    ),
)
_BACKUP_REPORT = Shape(
    "backup report",
    "A command that lists the backups of pgBackRest, Barman or WAL-G as JSON.",
    (
        Key(
            "command", _LINE, "Run without a shell, such as: pgbackrest --stanza=main info --output=json", required=True
        ),
        Key("timeout", Length(), "How long it may take; default 30 s"),
    ),
)
_DEPENDENT = Shape(
    "dependent",
    "Something that logs in to a target; asked after its password was changed. One of 'target', 'tcp' and 'command'.",
    (
        Key("name", _LINE, "What people call it", required=True),
        Key("target", TARGET, "Another target whose login has to work, such as a pooler"),
        Key(
            "tcp",
            Name(r"(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}", "HOST:PORT", 255),
            "HOST:PORT that has to answer",
        ),
        Key("command", _LINE, "Run without a shell; has to exit 0"),
        Key("timeout", Length(), "How long it may take; default 30 s"),
    ),
)
TARGET_KEYS = Shape(
    "target",
    "A database that steps act on.",
    (
        Key(
            "kind",
            Word(tuple(word.value for word in TargetKind)),
            "'local' is reached by host and port or socket, 'docker' is in a container",
            required=True,
        ),
        Key("database", _LINE, "The database's name", required=True),
        Key("label", _LINE, "What people call it; default: the target's name"),
        Key("container", TARGET, "For kind 'docker': the container's exact name; default: the target's name"),
        Key("host", _LINE, "Host name or address of the server"),
        Key("port", Whole(1, 65535), "Its port; default 5432"),
        Key("socket", _LINE, "Folder of the server's Unix socket, as seen from here"),
        Key("user", _LINE, "The role that applications and the nightly job log in as"),
        Key("superuser", _LINE, "Its superuser; discovered when not given"),
        Key("password_file", _LINE, "A file that may hold the user's password; read, never written"),
        Key("secret_store", _SECRET_STORE, "Where a new password is kept besides the bastion's password file"),
        Key("backup_report", _BACKUP_REPORT, "Lists its backups by pgBackRest, Barman or WAL-G"),
        Key("dependents", ListOf(_DEPENDENT), "What logs in to it, and is asked after its password was changed"),
        Key("migration_roles", ListOf(_LINE, single=True), "Roles that only migrations use; read only during a freeze"),
        Key("log", _LINE, "The server's own log, as a file here; default: the container's output"),
        Key(
            "version",
            Name(r"[0-9]+(?:\.[0-9]+)?", "a version such as 15 or 15.8"),
            "The PostgreSQL version that is expected",
        ),
        Key("extensions", ListOf(_LINE), "Extensions that are expected: a name, or name and version"),
        Key(
            "system_identifier",
            Name(r"[0-9]{1,20}", "the number that pg_control_system() gives"),
            "Its system_identifier: every plan that finds another server there is refused; default: the first "
            "one found",
        ),
        Key("role", Word(("primary", "standby")), "What it has to be; every plan that finds another is refused"),
    ),
)
