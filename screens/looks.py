"""What is known of each step's plan. Plans are made beside the loop; the newest one counts."""

from __future__ import annotations

from collections.abc import Callable

from textual.message_pump import MessagePump

from midwatch.plan import Plan
from screens.desk import Desk
from screens.widgets.aside import aside
from screens.widgets.step_page import Look

FRESH = 60.0
"""Seconds for which a plan may be consented to; after that it is made again first."""
NOTHING = Look()


class Looks:
    """The plans, by step."""

    def __init__(self, pump: MessagePump, desk: Desk, changed: Callable[[], None]) -> None:
        self._pump, self._desk, self._changed = pump, desk, changed
        self._known: dict[str, Look] = {}
        self._asked: dict[str, int] = {}
        self._then: dict[str, Callable[[], None]] = {}

    def of(self, step_id: str) -> Look:
        """What is known now."""
        return self._known.get(step_id, NOTHING)

    def fresh(self, step_id: str) -> bool:
        """Whether its plan is young enough to be consented to."""
        look = self.of(step_id)
        return look.at is not None and not look.looking and (self._desk.clock.now() - look.at).total_seconds() <= FRESH

    def forget(self, step_id: str) -> None:
        """The world has changed: what was known no longer counts."""
        self._known.pop(step_id, None)
        self._asked[step_id] = self._asked.get(step_id, 0) + 1
        self._then.pop(step_id, None)

    def look(self, step_id: str, then: Callable[[], None] | None = None) -> None:
        """Make its plan, then do what comes then, if the plan could be made."""
        if then is not None:
            self._then[step_id] = then
        if self.of(step_id).looking:
            return
        number = self._asked[step_id] = self._asked.get(step_id, 0) + 1
        self._known[step_id] = Look(since=self._desk.clock.now())

        def done(plan: Plan) -> None:
            if self._asked.get(step_id) == number:
                self._known[step_id] = Look(plan=plan, at=self._desk.clock.now())
                self._changed()
                then = self._then.pop(step_id, None)
                if then is not None and not plan.refusal:
                    then()

        def failed(sentence: str) -> None:
            if self._asked.get(step_id) == number:
                self._known[step_id] = Look(error=sentence)
                self._then.pop(step_id, None)
                self._changed()

        aside(self._pump, lambda: self._desk.plan(step_id), done, failed, name=f"plan {step_id}")
        self._changed()
