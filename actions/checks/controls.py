"""The check `controls`: the preventive controls of the runbook hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.support.control_states import control_states
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings
from midwatch.api.parameters import param
from midwatch.api.probe import Level
from midwatch.system.units import counted


@dataclass(frozen=True)
class CheckControls(Check):
    """Holds while each preventive control of the runbook holds. Its state is that of the worst control."""

    name: ClassVar[str] = "controls"
    summary: ClassVar[str] = "The preventive controls of the runbook hold"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)

    controls: tuple[str, ...] = param("which controls, by their ids (default: all)", default=())

    def evaluate(self, context: Context) -> Outcome:
        """Evaluate each control."""
        states = control_states(context, self.controls)
        findings = Findings(f"{counted(len(states), 'control')} hold{'s' if len(states) == 1 else ''}")
        findings.problems = [
            (state.level, f"{state.control.id}: {state.text}") for state in states if state.level is not Level.OK
        ]
        holding = len(states) - len(findings.problems)
        findings.figures.append(Figure("controls that hold", holding, low=0, high=len(states)))
        return findings.outcome()
