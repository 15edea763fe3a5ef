"""The plan's own log files, `backup.log` and `emergency-backup.log`: lines in the format that its triggers recognise."""

from __future__ import annotations

import os

from midwatch.action import Context
from midwatch.errors import MidwatchError

FAILURE = "[FAILURE] PROD nightly backup stopped"


def log(context: Context, file: str, line: str) -> None:
    """Append `TIME LINE` to a file below the place of the logs, and say the line. A full disk never stops the step."""
    context.console.say(line)
    text = f"{context.clock.now():%Y-%m-%d %H:%M:%S} {line}\n"
    try:
        folder = context.place("logs")
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.write(descriptor, text.encode("utf-8", "replace"))
        finally:
            os.close(descriptor)
    except OSError as error:
        context.console.say(f"({file} cannot be written: {error.strerror}; the incident's journal has it)")


def reason_of(error: MidwatchError) -> str:
    """The reason of a refused login as the plan's log names it."""
    return "authentication failed" if type(error).__name__ in ("AuthenticationFailed", "NoSuchRole") else error.sentence
