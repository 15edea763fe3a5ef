"""The action `review-controls`: reports the state of the runbook's preventive controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.support.control_states import control_states, controls_of
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.api.probe import Level
from midwatch.runbook.model import Risk
from midwatch.system.units import first_few


@dataclass(frozen=True)
class ReviewControls(Action):
    """Evaluates the preventive controls of the runbook and reports the state of each. Changes nothing.

    Done whatever the states are: what does not hold today is a follow-up action, not a failed step. The record keeps
    each state, and the post-mortem lists them.
    """

    name: ClassVar[str] = "review-controls"
    summary: ClassVar[str] = "Evaluate the preventive controls, and report the state of each"
    risk: ClassVar[Risk] = Risk.OBSERVE

    controls: tuple[str, ...] = param("which controls, by their ids (default: all)", default=())

    def plan(self, context: Context) -> Plan:
        """List the checks that are evaluated."""
        draft = self.draft()
        for control in controls_of(context, self.controls):
            draft.add(Verb.READ, f"what the check {control.check} looks at: {control.title}")
            if control.script:
                draft.fact("runs", control.script)
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Evaluate each control and report its state."""
        states = control_states(context, self.controls)
        for state in states:
            context.console.say(f"{state.control.id}: {state}")
        failing = [state.control.id for state in states if state.level is not Level.OK]
        values = {state.control.id: str(state) for state in states}
        values["failing"] = ", ".join(failing)
        summary = f"{len(states) - len(failing)} of {len(states)} controls hold"
        if failing:
            summary += f", not: {first_few(failing, 8)}"
        return Outcome(True, summary, values)
