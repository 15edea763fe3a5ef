"""Whether Enter was pressed for what Enter does now: a press that was meant for the step before decides nothing."""

from __future__ import annotations

from screens.widgets.held_keys import HeldKeys

AFTER_A_MOVE = 0.5
"""Seconds without Enter before it acts on a new step, or does something else than before: it was meant for the step
before."""


class EnterGuard:
    """Remembers what Enter does, and since when. A meaning is any value that differs where Enter does something
    else."""

    def __init__(self, held_keys: HeldKeys) -> None:
        self._held_keys = held_keys
        self._meaning: object = None
        """What Enter did when that was noted last."""
        self._meant: object = None
        """What Enter did when it was pressed and meant last."""
        self._changed_at = 0.0
        """When the meaning changed by itself."""

    def note(self, meaning: object, *, by_hand: bool = False) -> None:
        """Take note of what Enter does now; `by_hand`: because the operator moved the cursor."""
        if meaning != self._meaning:
            self._meaning = meaning
            if not by_hand:
                self._changed_at = self._held_keys.now()

    def is_meant(self, meaning: object) -> bool:
        """Whether a press counts: a while after the meaning changed by itself, and not while Enter is held."""
        self.note(meaning)
        changed_lately = self._held_keys.now() - self._changed_at < AFTER_A_MOVE
        too_fast = meaning != self._meant and self._held_keys.gap_s < AFTER_A_MOVE
        if changed_lately or too_fast:
            return False
        self._meant = meaning
        return True
