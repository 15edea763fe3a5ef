"""How the script of a `run` step runs, and which of its ends count as done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from midwatch.runbook.model import Reference

_RESERVED = frozenset({"STEP_OUTPUT", "PATH", "BASH_ENV", "ENV"})


def is_reserved(name: str) -> bool:
    """Whether Midwatch sets this variable itself, or bash would run something else before the script because of it."""
    return name in _RESERVED or name.startswith("MIDWATCH_")


@dataclass(frozen=True, slots=True)
class Process:
    """The surroundings of a script, and what a person and an exit status have to say."""

    cwd: str | Reference = ""
    """The folder where the script runs; empty for the runbook's base."""
    shell: tuple[str, ...] = ()
    """The words of the command that reads the script as a file; empty for `bash -euo pipefail`, or its `#!` line."""
    ok_exits: tuple[int, ...] = (0,)
    """The exit statuses that count as done."""
    run_as: str = ""
    """The login of the user as whom the script runs; empty for the operator's."""
    undo: str = ""
    """The script that undoes what the step did; empty for none."""
    confirm: str | Reference = ""
    """What is typed before a `destroy`; empty for the step's id."""


def variable_of(output: str) -> str:
    """The variable in which an undo finds a value that the step reported."""
    return re.sub("[^A-Z0-9]", "_", output.upper())
