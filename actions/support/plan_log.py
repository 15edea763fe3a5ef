"""Writes the plan's log files, `backup.log` and `emergency-backup.log`, in the format that its triggers match."""

from __future__ import annotations

import os
from datetime import UTC
from pathlib import Path

from midwatch.api.action import Context
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import Failed, MidwatchError, in_words
from midwatch.system.sanitize import safe_text
from midwatch.system.trust import UntrustedFile
from midwatch.system.trusted_files import open_log, open_regular_file

NIGHTLY = "backup.log"
STARTED = "[INFO] PROD nightly backup started"
FINISHED = "[OK] PROD nightly backup finished"
FAILURE = "[FAILURE] PROD nightly backup stopped"
_END = 1 << 16
"""Bytes of the log's end in which the last run is looked for."""


def log(context: Context, file: str, line: str) -> None:
    """Append `TIME LINE` to a file below the place of the logs, and say the line. A full disk never stops the step."""
    context.console.say(line)
    text = f"{context.clock.now().astimezone(UTC):%Y-%m-%d %H:%M:%SZ} {safe_text(line)}\n"
    try:
        folder = context.location("logs")
        make_missing_folders(folder, mode=0o755)
        descriptor = open_log(folder / file, mode=0o640)
        try:
            os.write(descriptor, text.encode("utf-8", "replace"))
        finally:
            os.close(descriptor)
    except (OSError, UntrustedFile) as error:
        context.console.say(f"({file} cannot be written: {in_words(error)}; the incident's journal has it)")


def nightly_failure(logs: Path) -> str:
    """What is wrong with the last nightly run, by `backup.log`; empty when it went well, or no run is told there."""
    try:
        with open_regular_file(logs / NIGHTLY) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    except (OSError, Failed) as error:
        return f"{NIGHTLY} cannot be read: {in_words(error)}"
    for line in reversed(lines):
        if FINISHED in line:
            return ""
        if FAILURE in line:
            return "The last nightly backup failed"
        if STARTED in line:
            return "The last nightly backup has not come to its end"
    return ""


def reason_of(error: MidwatchError) -> str:
    """The reason of a refused login as the plan's log names it."""
    return "authentication failed" if type(error).__name__ == "AuthenticationFailed" else error.sentence
