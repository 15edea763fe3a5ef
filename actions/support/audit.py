"""The access audit log: who changed which access and when, one line each, never a secret."""

from __future__ import annotations

import os

from midwatch.api.action import Context
from midwatch.system.clock import to_rfc3339
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import Failed, in_words
from midwatch.system.trust import UntrustedFile
from midwatch.system.trusted_files import open_log


def record(context: Context, event: str, **facts: str) -> None:
    """Append a line `TIME ACTOR EVENT key=value …`, on disk when this returns. Raises `Failed`.

    Written by one `write` with `O_APPEND`, so that two writers never mix their lines.
    """
    path = context.location("audit")
    facts |= {"incident": context.incident.name if context.incident else "none"}
    text = " ".join(f"{key}={_plain(value)}" for key, value in facts.items())
    line = f"{to_rfc3339(context.clock.now())} {_plain(context.actor)} {event} {text}\n"
    try:
        make_missing_folders(path.parent, mode=0o750)
        descriptor = open_log(path, mode=0o640)
        try:
            os.write(descriptor, line.encode("utf-8", "replace"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, UntrustedFile) as error:
        sentence = f"{path} cannot be written: {in_words(error)}"
        raise Failed(sentence, hint="What was done is in the incident's journal") from error


def _plain(value: str) -> str:
    """One word: blanks and control characters would let a value pass for another line or field."""
    return "".join(char if char.isprintable() and not char.isspace() else "_" for char in value) or "-"
