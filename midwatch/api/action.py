"""Actions: the base classes of the plug-in API, and what a running action may use.

An action is a frozen dataclass. Its fields are its parameters. A package installs an action by an entry point of the
group `midwatch.actions`; the name of the entry point is the name of the action. The module of an action must import
quickly, so import docker, psycopg and similar packages inside the methods.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

from midwatch.api.figures import Figure
from midwatch.api.parameters import as_text
from midwatch.api.plan import Plan, PlanDraft
from midwatch.api.probe import Level
from midwatch.runbook.model import Risk, Runbook
from midwatch.system.clock import Clock
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.mounts import require_answer


class Console(Protocol):
    """The output of a running action. Known secrets are masked before the text is stored or shown."""

    def say(self, text: str) -> None:
        """Write one line of output to the operator, without delay.

        Args:
            text: One line of plain text. Control sequences in it are removed.
        """
        ...

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        """Report how much of the work is done. Calls are cheap: at most four reports a second are passed on.

        Args:
            done: The amount that is done, in `unit`.
            total: The whole amount, in `unit`; None when it is not known.
            unit: `bytes`, `unpacked` (bytes before they are packed), or the counted things as one word in the plural
                (`tables`, `images`).
        """
        ...

    def value(self, key: str, value: str) -> None:
        """Report a value to later steps, to the closure criteria and to the journal.

        Args:
            key: The name of the value, one line without `=`. Declare the key in `Action.outputs`.
            value: One line of text; never a secret.

        Raises:
            BadInput: The key or the value is not one line, or the key is empty or holds `=`.
            Failed: The value cannot be stored.
        """
        ...

    def secret(self, name: str, value: str) -> None:
        """Mask a new secret in everything that this step writes from now on. Returns when the masking is in force.

        Args:
            name: The name of the secret; the mask shows this name.
            value: The secret, of at least six characters.

        Raises:
            Failed: The secret is too short to be masked, or the supervisor does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of an action: the runbook, the console, the clock and the incident."""

    runbook: Runbook
    console: Console
    clock: Clock
    actor: str
    """The person who runs the action: `ada@bastion`."""
    incident: Path | None = None
    """The folder of the incident; None when the action runs outside an incident."""
    step: str = ""
    """The id of the step; empty when the action runs outside an incident."""

    def location(self, name: str) -> Path:
        """Return the path of a named location.

        Args:
            name: A key of `midwatch.runbook.locations.LOCATIONS`, such as `backups`.

        Returns:
            The absolute path. The path may not exist.

        Raises:
            KeyError: No location has this name.
            OutcomeUnknown: The path lies on a mount that does not answer.
        """
        path = self.runbook.location_of(name)
        require_answer(path)
        return path


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an action that ran to its end. An action that fails raises `MidwatchError` instead."""

    ok: bool
    """False when a check does not hold, or when `Action.verify` finds that the action had no effect."""
    summary: str
    """One sentence with the figures that matter."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Values for later steps, as reported by `Console.value`."""
    level: Level | None = None
    """The state for monitoring, of a check that tells a warning from a failure; None for other actions."""
    figures: tuple[Figure, ...] = ()
    """What a check measured, with the thresholds."""

    @property
    def state(self) -> Level:
        """The state for monitoring: without a `level`, what does not hold is critical."""
        return self.level or (Level.OK if self.ok else Level.CRITICAL)


@dataclass(frozen=True)
class Action(ABC):
    """Base class of actions. A subclass is a frozen dataclass; its docstring states what the action promises."""

    name: ClassVar[str]
    """The name in runbooks and on the command line; the same as the name of the entry point."""
    summary: ClassVar[str]
    """One line for `midwatch action --help`."""
    risk: ClassVar[Risk]
    """The most that the action can do: observe, change or destroy. The risk decides which consent a step needs."""
    outputs: ClassVar[tuple[str, ...] | None] = None
    """Keys of the values that the action may report to later steps; None when the keys are not known to `lint`."""

    is_safeguard: ClassVar[bool] = False
    """Whether the action makes or validates a copy of data. A plan that destroys names each such step before it that
    was skipped or failed."""

    def given(self) -> dict[str, str]:
        """Return the parameters that differ from their defaults.

        Returns:
            Text by name of parameter, as plans and command lines show the parameters. `build` reads the text back.
        """
        shown = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if value is not None and value != item.default:
                shown[item.name] = as_text(value)
        return shown

    def draft(self) -> PlanDraft:
        """Return an empty plan draft with the name and the parameters of this action."""
        return PlanDraft(self.name, self.given())

    @abstractmethod
    def plan(self, context: Context) -> Plan:
        """Find out what `apply` would touch now. Changes nothing. Each external call needs a time limit.

        Args:
            context: The runbook, the console, the clock and the incident.

        Returns:
            The effects, computed from the present state. A reason not to run stands in `Plan.refusal`.

        Raises:
            MidwatchError: The plan cannot be computed at all.
        """

    @abstractmethod
    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Carry out the effects of the plan, and nothing else.

        Args:
            context: The runbook, the console, the clock and the incident.
            plan: A plan computed just now. The caller has compared this plan with the plan that the operator confirmed.

        Returns:
            The result with its figures.

        Raises:
            Failed: The action was tried and did not succeed. The hint says what to do.
            Refused: The action was not tried, because trying would break a promise.
            OutcomeUnknown: Whether the action took effect cannot be known.
        """

    def verify(self, context: Context, since: datetime) -> Outcome:
        """Find out whether an interrupted `apply` took effect. Changes nothing.

        Args:
            context: The runbook, the console, the clock and the incident.
            since: The start of the interrupted `apply`, in UTC.

        Returns:
            `ok=True` when the action took effect; `ok=False` when it did not, so that the action may run again.

        Raises:
            OutcomeUnknown: The action cannot find out. This is the default for actions that change something.
        """
        if self.risk is Risk.OBSERVE:
            return Outcome(False, f"{self.name} changes nothing, so it may simply run again")
        raise OutcomeUnknown(
            f"{self.name} cannot tell by itself whether it took effect", hint="Look at its output, and decide"
        )

    def undo(self, values: Mapping[str, str]) -> Action | None:
        """Return the action that undoes this action.

        Args:
            values: The values that `apply` reported.

        Returns:
            An action with its parameters; None when the action cannot be undone or needs no undoing.
        """
        return None


@dataclass(frozen=True)
class Check(Action):
    """An action that changes nothing and passes or fails. Steps, closure criteria and cron jobs use checks."""

    risk: ClassVar[Risk] = Risk.OBSERVE

    def plan(self, context: Context) -> Plan:
        """Return a plan without effects."""
        return self.draft().plan()

    @abstractmethod
    def evaluate(self, context: Context) -> Outcome:
        """Find out whether the condition holds.

        Args:
            context: The runbook, the console, the clock and the incident.

        Returns:
            `ok=True` when the condition holds, `ok=False` when it does not; the summary holds the figures.

        Raises:
            OutcomeUnknown: The condition could not be determined.
        """

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Evaluate the condition and write the summary to the console. Raises whatever `evaluate` raises."""
        outcome = self.evaluate(context)
        context.console.say(outcome.summary)
        return outcome
