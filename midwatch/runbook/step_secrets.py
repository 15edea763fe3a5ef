"""A secret that a script gets when its step starts."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepSecret:
    """Where the secret comes from, and how the script gets it. The value is never part of a plan."""

    name: str
    """Of the variable."""
    file: str = ""
    command: tuple[str, ...] = ()
    """Words, run without a shell; the value is what it writes to standard output."""
    is_asked: bool = False
    """Whether a person types it when the step starts."""
    as_variable: bool = False
    """Whether the variable holds the value; else the variable holds the path of a file that does."""
    timeout: float = 30.0
    """Seconds that the command may take."""

    @property
    def source(self) -> str:
        """As plans and journals name it."""
        if self.is_asked:
            return "asked when the step starts"
        return f"the file {self.file}" if self.file else f"the output of: {shlex.join(self.command)}"
