"""Where values come from that a runbook does not have: a question to a person, or what an earlier step reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

INPUTS = "inputs"
"""Stands for a step's id in references to what is asked when the incident is declared; no step has it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`{from: step.key}`: a value that an earlier step reports, known only once that step is done.

    `{from: inputs.name}` is known from the declaration on.
    """

    step: str
    key: str

    def __str__(self) -> str:
        return f"{self.step}.{self.key}" if self.key else self.step


ITEM = Reference("item", "")
"""`{from: item}`: the item of a loop for which the step is done."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a person is asked for, by a manual step or when the incident is declared; the answer is
    journalled."""

    name: str
    prompt: str
    kind: str = "line"
    """`line`, `text` (several lines), `yes-no`, `choice` of the options, `number`, `date` or `duration`."""
    required: bool = True
    options: tuple[str, ...] = ()
    default: str = ""
    """What counts as the answer where nobody gives another; empty for none."""
    min: str = ""
    """The least answer of a number, date or duration; empty for no limit."""
    max: str = ""
    pattern: str = ""
    """A regular expression that the whole answer of a line has to match; empty for any line."""
    example: str = ""
    """An answer that fits, shown to the person."""
    options_command: str = ""
    """A script whose output lines are the options, read when the question is asked; empty for listed options."""
    options_env: Mapping[str, str | Reference] = field(default_factory=dict)
    """Environment variables of this script."""
