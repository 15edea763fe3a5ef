"""What an action is, and what it is given: the public API for those who write one.

An action is a frozen dataclass whose fields are its parameters. It is found through the entry point group
`midwatch.actions`, by its name. Its module must import lightly: docker, psycopg and the like inside methods.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

from midwatch.api.parameters import as_text
from midwatch.api.plan import Plan, PlanDraft
from midwatch.runbook.model import Risk, Runbook
from midwatch.system.clock import Clock
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.mounts import require_answer


class Console(Protocol):
    """How a running action speaks. Everything said is redacted before it is stored or shown."""

    def say(self, text: str) -> None:
        """One line to the operator, at once."""
        ...

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        """How far it is, both in this unit: `bytes`, or what is counted, as one word in the plural (`tables`, `images`).

        Cheap: call it as often as you like."""
        ...

    def value(self, key: str, value: str) -> None:
        """Report a value to later steps, to closure and to the journal. Never a secret."""
        ...

    def secret(self, name: str, value: str) -> None:
        """Mask `value` from now on in everything this step writes. Returns once the masking is in force."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What an action works with."""

    runbook: Runbook
    console: Console
    clock: Clock
    actor: str
    """Who runs it: `ada@bastion`."""
    incident: Path | None = None
    """The incident's folder, when there is one."""
    step: str = ""
    """The step's id, when there is one."""

    def location(self, name: str) -> Path:
        """The absolute path of a named place (`midwatch.runbook.locations`).

        Raises `OutcomeUnknown` when it lies on a mount that does not answer.
        """
        path = self.runbook.location_of(name)
        require_answer(path)
        return path


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended when it could be done: well, or with a check that does not hold."""

    ok: bool
    summary: str
    """One sentence with the figures that matter."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Reported to later steps as well, like `Console.value`."""


@dataclass(frozen=True)
class Action(ABC):
    """Base of actions. Subclasses are frozen dataclasses; their docstring states what they promise."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for `midwatch action --help`."""
    risk: ClassVar[Risk]
    outputs: ClassVar[tuple[str, ...] | None] = None
    """Keys of the values that it may report to later steps; None where that is not known, so that lint cannot check them."""

    def given(self) -> dict[str, str]:
        """The parameters as text, those at their default left out; goes into plans and command lines."""
        shown = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if value is not None and value != item.default:
                shown[item.name] = as_text(value)
        return shown

    def draft(self) -> PlanDraft:
        """An empty plan of this action with these parameters."""
        return PlanDraft(self.name, self.given())

    @abstractmethod
    def plan(self, context: Context) -> Plan:
        """Say what `apply` would touch now, computed live. Changes nothing. Slow or dead sources time out.

        A reason not to run goes into `Plan.refusal`; only what makes planning itself impossible is raised.
        """

    @abstractmethod
    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Do what `plan` says and nothing else. Raises `MidwatchError` when it fails, with what to do.

        The caller has planned again and compared with what was confirmed; `plan` is the fresh one.
        """

    def verify(self, context: Context, since: datetime) -> Outcome:
        """Look whether an `apply` that began at `since`, and whose end nobody saw, took effect. Changes nothing.

        `ok=False` means that it did not, so that it may be run again. Raises `OutcomeUnknown` when that cannot be told.
        """
        if self.risk is Risk.OBSERVE:
            return Outcome(False, f"{self.name} changes nothing, so it may simply run again")
        raise OutcomeUnknown(
            f"{self.name} cannot tell by itself whether it took effect", hint="Look at its output, and decide"
        )

    def undo(self, values: Mapping[str, str]) -> Action | None:
        """The action that takes this one back, given what `apply` reported; None when nothing can, or nothing has to."""
        return None


@dataclass(frozen=True)
class Check(Action):
    """An action that changes nothing and passes or fails: used by steps, closure criteria and cron.

    `ok=False` means that it does not hold; `OutcomeUnknown` that it could not be determined.
    """

    risk: ClassVar[Risk] = Risk.OBSERVE

    def plan(self, context: Context) -> Plan:
        return self.draft().plan()

    @abstractmethod
    def evaluate(self, context: Context) -> Outcome:
        """Look, and say whether it holds, with the figures."""

    def apply(self, context: Context, plan: Plan) -> Outcome:
        outcome = self.evaluate(context)
        context.console.say(outcome.summary)
        return outcome
