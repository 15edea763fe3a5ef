"""What an attempt came to, in one sentence: of a failed shell step the line that ended it and its last words."""

from __future__ import annotations

import os
import re

from midwatch.incident.events import StepOutcome, exit_words
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.permissions import open_file
from midwatch.runbook.model import Step, StepKind
from midwatch.supervisor.consented_command import failed_line
from midwatch.supervisor.result import Result
from midwatch.system.sanitize import safe_bytes
from midwatch.system.shortened import shortened

_LENGTH = 400
_OWN_LINE = b"[midwatch: "
_BETWEEN_TRIES = re.compile(rb"^\[midwatch: [^\n]+; try \d+ of \d+ begins in [^\n]*\]\r?$", re.MULTILINE)
_READS_INPUT = "it reads standard input; there is none: if a person has to answer, give it `terminal: true`"
_MEANINGS = {
    0: "exit 0 does not count as done",
    126: "a command was found and cannot be run: it is no program, or nobody may execute it",
    127: "a command was not found",
    137: "a process was killed by SIGKILL, which is what the kernel does when memory runs out",
    139: "a process was killed by SIGSEGV: a fault of that program",
    141: "a process was killed by SIGPIPE: what read its output had ended",
    143: "a process was killed by SIGTERM",
}


def summary_of(step: Step, attempt: AttemptFolder, result: Result) -> str:
    """The last line that an action wrote, which is its result. A shell step says its exit when it is done.

    Of one that failed: what the exit status means, the line of the script that ended it, the last line as a quotation,
    and what its supervisor had to do. What was ended or never began is in the supervisor's words alone.
    """
    last, found = _last_line(attempt), failed_line(attempt.values, result.exit)
    if result.error and not (result.outcome is StepOutcome.FAILED and (result.exit or 0) > 0 and (last or found)):
        return result.error
    if step.kind is StepKind.USES:
        said = [last, result.error]
    elif result.outcome is StepOutcome.DONE:
        return "exit 0" if result.exit == 0 else f"exit {result.exit}, which counts as done"
    else:
        said = [
            _READS_INPUT if result.read_input and result.outcome is StepOutcome.FAILED else "",
            _MEANINGS.get(result.exit, "") if result.exit is not None else "",
            f"line {found[0]} ended it: {shortened(' '.join(found[1].split()), 120)}" if found else "",
            f"its last line: “{shortened(last, 200)}”" if last else "",
            result.error,
        ]
    return shortened("; ".join(part for part in said if part) or exit_words(result.exit) or "no output", _LENGTH)


def _last_line(attempt: AttemptFolder) -> str:
    """The last line of the last try, without the lines that Midwatch itself put into the output."""
    try:
        with os.fdopen(open_file(attempt.output, os.O_RDONLY), "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8192))
            tail = file.read()
    except OSError:
        return ""
    last_try = _BETWEEN_TRIES.split(tail)[-1]
    lines = [line for line in re.split(rb"[\r\n]+", last_try) if line.strip() and not line.startswith(_OWN_LINE)]
    return safe_bytes(lines[-1].strip()) if lines else ""
