"""How the script of a `run` step runs, and which of its ends count as done."""

from __future__ import annotations

import re
from dataclasses import dataclass

from midwatch.runbook.value_sources import Reference

_RESERVED = frozenset({"STEP_OUTPUT", "PATH", "BASH_ENV", "ENV"})


def is_reserved(name: str) -> bool:
    """Whether Midwatch sets this variable itself, or bash would run something else before the script because of it."""
    return name in _RESERVED or name.startswith("MIDWATCH_")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a script that failed is run again by itself."""

    times: int
    """Tries after the first one."""
    wait: float = 10.0
    """Seconds between the end of a try and the next one."""
    on: tuple[int, ...] = ()
    """The exit statuses after which it is tried again; empty for every one that is no success."""

    def __str__(self) -> str:
        tries = f"{self.times} more tr{'y' if self.times == 1 else 'ies'}"
        exits = f"exit {' or '.join(map(str, self.on))}" if self.on else "any exit that does not count as done"
        return f"{tries}, {self.wait:g} s apart, after {exits}"


@dataclass(frozen=True, slots=True)
class Process:
    """The surroundings of a script, and what a person and an exit status have to say."""

    cwd: str | Reference = ""
    """The folder where the script runs; empty for the runbook's base."""
    shell: tuple[str, ...] = ()
    """The words of the command that reads the script as a file; empty for `bash -euo pipefail`, or its `#!` line."""
    ok_exits: tuple[int, ...] = (0,)
    """The exit statuses that count as done."""
    retry: Retry | None = None
    run_as: str = ""
    """The login of the user as whom the script runs; empty for the operator's."""
    undo: str = ""
    """The script that undoes what the step did; empty for none."""
    terminal: bool = False
    """Whether a person sits at the terminal of the script."""
    confirm: str | Reference = ""
    """What is typed before a `destroy`; empty for the step's id."""


def variable_of(output: str) -> str:
    """The variable in which an undo finds a value that the step reported."""
    return re.sub("[^A-Z0-9]", "_", output.upper())
