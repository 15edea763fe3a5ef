"""The tries of a step with `retry`: which may be followed by another one, and the record of those that were."""

from __future__ import annotations

import contextlib
import json
import math
import os
from dataclasses import asdict, dataclass
from typing import Any

from midwatch.incident.events import StepOutcome, exit_words
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.permissions import open_file, read_file
from midwatch.runbook.processes import Retry
from midwatch.system.clock import from_rfc3339

_FILE_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FailedTry:
    """A try that failed and is followed by another one."""

    number: int
    """From 1."""
    exit: int
    seconds: float
    """From the start of the step's first process to the end of this try."""
    ended: str
    """UTC, as `midwatch.system.clock.to_rfc3339` formats it."""


class Tries:
    """Counts the tries of one step. Without a `retry` there is one."""

    def __init__(self, folder: AttemptFolder, retry: Retry | None) -> None:
        self._folder, self._retry = folder, retry
        self.number = 1
        """Of the try that runs, or that ended last."""

    @property
    def wait_s(self) -> float:
        """Seconds between a try and the next one."""
        return self._retry.wait if self._retry else 0.0

    @property
    def next_one(self) -> str:
        """The next try by its number: `try 2 of 4`."""
        return f"try {self.number + 1} of {self._retry.times + 1 if self._retry else 1}"

    def can_go_on(self, outcome: StepOutcome, code: int | None) -> bool:
        """Whether another try follows one that ended like this: only after an exit status that the retry is for."""
        retry = self._retry
        if retry is None or outcome is not StepOutcome.FAILED or code is None or self.number > retry.times:
            return False
        return code in retry.on if retry.on else code > 0

    def record(self, code: int | None, seconds: float, ended: str) -> str:
        """Append this try to the attempt's file, and return a line about it. Never raises: the step matters more."""
        failed = FailedTry(self.number, code or 0, round(seconds, 3), ended)
        with contextlib.suppress(OSError):
            file = open_file(self._folder.tries, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            with os.fdopen(file, "w", encoding="ascii") as stream:
                stream.write(json.dumps(asdict(failed)) + "\n")
                stream.flush()
                os.fsync(file)
        return f"\n[midwatch: {exit_words(code)}; {self.next_one} begins in {self.wait_s:g} s]\n"


def read_tries(folder: AttemptFolder) -> list[FailedTry]:
    """The tries of an attempt that another one followed. Others may have written the file: nothing else is taken."""
    found: list[FailedTry] = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        for number, line in enumerate(read_file(folder.tries, limit_bytes=_FILE_LIMIT_BYTES).splitlines(), start=1):
            found.append(_failed_try(number, json.loads(line)))
    return found


def _failed_try(number: int, data: dict[str, Any]) -> FailedTry:
    seconds, code = float(data["seconds"]), int(data["exit"])
    from_rfc3339(str(data["ended"]))
    if data["number"] != number or not math.isfinite(seconds) or not 0 < code < 256:
        raise ValueError("this is no try")
    return FailedTry(number, code, seconds, str(data["ended"]))
