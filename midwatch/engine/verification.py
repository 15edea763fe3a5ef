"""What a step verifies once it has ended: whether it holds, and what that makes of the attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from midwatch.engine import criteria
from midwatch.engine.journal_session import JournalSession
from midwatch.incident.events import StepOutcome
from midwatch.incident.step_state import CriterionState
from midwatch.runbook.model import Step
from midwatch.system.shortened import shortened
from midwatch.system.units import first_few

_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found of everything that a step verifies, by title."""

    found: Mapping[str, CriterionState]

    @property
    def verdict(self) -> tuple[bool | None, str]:
        """Whether all of it holds, None where that is not known, and what was found of what decides."""
        met = [state.met for state in self.found.values()]
        holds = False if False in met else None if None in met else True
        said = (
            f"{title}: {shortened(state.detail, _LONGEST_DETAIL)}"
            for title, state in self.found.items()
            if state.met is holds
        )
        return holds, first_few(said, 5, "; ")

    @property
    def outcome(self) -> StepOutcome:
        """Of an attempt whose script or action is done."""
        return {True: StepOutcome.DONE, False: StepOutcome.FAILED, None: StepOutcome.UNKNOWN}[self.verdict[0]]

    @property
    def sentence(self) -> str:
        """The verdict for the summary of the attempt."""
        holds, said = self.verdict
        return f"{ {True: 'Verified', False: 'This does not hold', None: 'This is not known'}[holds] }: {said}"

    def to_json(self) -> list[dict[str, Any]]:
        """As the journal keeps it."""
        return [
            {"title": title, "met": state.met, "detail": shortened(state.detail, _LONGEST_DETAIL)}
            for title, state in self.found.items()
        ]


def evaluated(step: Step, session: JournalSession) -> Verification:
    """Evaluate what the step verifies. Takes two minutes at most."""
    found = criteria.evaluate(step.verify, session.context(step.id), session.incident)
    return Verification({check.title: found[check.id] for check in step.verify})
