"""Consent to a plan: `y` for a change; for a destruction the target's name is typed, and Cancel has the focus."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from midwatch.api.plan import Plan
from midwatch.api.probe import Level
from midwatch.runbook.model import Environment, Risk, Step
from midwatch.system.clock import Clock
from midwatch.system.units import counted
from screens.widgets.dialog import Dialog
from screens.widgets.environments import environment_text, step_mark
from screens.widgets.inline_button import InlineButton
from screens.widgets.key_bindings import DECLINE, YES, bindings
from screens.widgets.line_input import LineInput
from screens.widgets.plan_lines import plan_column, plan_lines, total_lines, warnings_of
from screens.widgets.styles import FAINT, STRONG, WRONG, TextStyles
from screens.widgets.text_layout import joined, labelled, paragraph

GRACE = 0.3
"""Seconds in which keys are not heard: they were meant for the screen below."""
LOW, TINY, NARROW = 20, 12, 40
"""Lines of a terminal that has none to spare for a blank one, and of one in which even the totals scroll; cells of one
in which the frame alone says that it destroys."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What was answered to a plan."""

    typed: str = ""
    declined: bool = False


class Confirm(Dialog[Consent]):
    """Shows the plan that is consented to. Enter never confirms by itself: Cancel has the focus."""

    DEFAULT_CSS = """
    Confirm .plan { height: auto; width: 1fr; }
    Confirm #so { height: auto; width: 1fr; }
    Confirm #ask { height: auto; width: 1fr; margin-top: 1; }
    Confirm.-low #ask { margin-top: 0; }
    Confirm.-destroy > #box { border: double $wrong; }
    Confirm.-destroy.-ascii > #box { border: ascii $wrong; }
    Confirm.-tiny #head, Confirm.-tiny #choices, Confirm.-tiny #said { margin-top: 0; margin-bottom: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings((YES, DECLINE))
    letters_go_to_field = False

    def __init__(
        self,
        text_styles: TextStyles,
        step: Step,
        plan: Plan,
        at: datetime,
        clock: Clock,
        *,
        environment: Environment,
        name: str,
        spared: Sequence[str] = (),
        undo: bool = False,
        undoable: str = "",
        accept: str = "Run",
        doing: str = "Starting",
        above: str = "",
        below: Sequence[tuple[str, str]] = (),
        can_decline: bool = False,
    ) -> None:
        """`name` is what has to be typed; empty where `y` is enough.

        `above` and `below` are words around the plan, those below each with a style.

        `spared` are names of which it says that nothing removed bears them.

        `undo`: the plan undoes what the step did. `undoable`: how it can itself be taken back; empty: not known.
        """
        mark = step_mark(environment, Risk.DESTROY if name else step.risk, text_styles)
        title = f"{'Undo ' if undo else ''}{step.number} {step.title}"
        super().__init__(text_styles, title, mark=mark)
        self.set_class(bool(name), "-destroy")
        self._where = environment_text(environment, text_styles)
        self._target, self._undoable = plan.parameters.get("target", ""), undoable
        self._plan, self._at, self._clock, self._name = plan, at, clock, name
        self._spared, self._above, self._below, self._can_decline = spared, above, below, can_decline
        self._shown_at = math.inf
        self.accept_words, self.doing = accept, doing
        self.leave_words = "Not now" if can_decline else self.leave_words
        self._way_out = "{decline} decline" if can_decline else "Esc cancel"
        yes = f"{{yes}} {accept.lower()}"
        parts = [*([yes] * (not name)), self._way_out] if can_decline else [self._way_out, *([yes] * (not name))]
        self.hint = f" {text_styles.signs.dot} ".join(parts)

    def body(self) -> Iterable[Widget]:
        if self._above:
            words = paragraph(self._above, self.room, self.text_styles, style=FAINT)
            yield Static(joined([*words, Content("")]), markup=False, classes="plan")
        yield Static(id="plan", classes="plan", markup=False)

    def above(self) -> Iterable[Widget]:
        yield Static(id="so", markup=False)

    def below(self) -> Iterable[Widget]:
        if self._name or self._below:
            yield Static(id="ask", markup=False)
        if self._name:
            yield LineInput(id="typed")

    def on_mount(self) -> None:
        super().on_mount()
        self._draw()
        self.set_interval(1, self._draw)
        self._check()
        self.call_after_refresh(self._fit)
        self.call_after_refresh(self._stands)

    def resized(self) -> None:
        super().resized()
        self._draw()

    def _fit(self) -> None:
        tiny = self._is_tiny
        self.set_class(self.app.size.height < LOW, "-low")
        self.set_class(tiny, "-tiny")
        self.blank_rows = 0 if tiny else 1
        if self.app.size.width < NARROW:
            self.query_one("#aside", Static).update(self._where)
        super()._fit()

    @property
    def _is_tiny(self) -> bool:
        return self.app.size.height < TINY

    def _draw(self) -> None:
        tiny = self._is_tiny
        lines = plan_lines(self._plan, self._at, self._clock.now(), self.room, self.text_styles, total=tiny, bound=True)
        self.query_one("#plan", Static).update(joined(lines[1:] if tiny else lines))
        consequences, so = self._so(), self.query_one("#so", Static)
        so.display = bool(consequences)
        so.update(joined(consequences))
        for ask in self.query("#ask").results(Static):
            ask.update(joined(self._asked()))

    def _so(self) -> list[Content]:
        """What the plan comes to, above it: it stays in view, however many rows there are to read."""
        column = plan_column(self._plan)
        spared = self._spared if self.app.size.height >= LOW else ()
        if self._is_tiny:  # the totals are the first lines of the plan
            return []
        lines = total_lines(self._plan, self.room, self.text_styles, spared=spared, say_final=not self._name)
        if warnings := warnings_of(self._plan):
            text = f" {self.text_styles.signs.levels[Level.WARN]} {counted(len(warnings), 'warning')} in the plan"
            lines.append(self.text_styles.ink(text, WRONG))
        if self._target and self._target != self._name:
            lines += labelled(" target", self._target, self.room, self.text_styles, column=column, style=STRONG)
        if self._undoable and not self._name:
            lines += labelled(" undo", self._undoable, self.room, self.text_styles, column=column)
        return lines

    def _asked(self) -> list[Content]:
        if self._is_tiny and self._name:
            ask = f"To destroy, type: {self._name}"
            ask = ask if cell_len(ask) <= self.room else f"Type: {self._name}"
            return paragraph(ask, self.room, self.text_styles, style=f"bold {WRONG}")
        name = f"To go on, type the target's name:  {self._name}"
        words = [("This cannot be undone.", WRONG), (name, STRONG)] if self._name else self._below
        return [line for text, style in words for line in paragraph(text, self.room, self.text_styles, style=style)]

    def on_input_changed(self) -> None:
        """Another name is another try: what was said of the last one is gone."""
        self.say("", FAINT)
        self._check()

    def on_descendant_focus(self) -> None:
        self._check()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter in the field only moves on; it destroys nothing."""
        message.stop()
        if self._typed() == self._name:
            self.query_one("#accept", InlineButton).focus()
        else:
            self.complain("That is not the name; nothing was done.")

    def _typed(self) -> str:
        return self.query_one("#typed", Input).value.strip() if self._name else ""

    def _check(self) -> None:
        ready = self._typed() == self._name
        self.query_one("#accept", InlineButton).disabled = not ready
        if self._name:
            self.hint_at(f"{self._way_out} {self.text_styles.signs.dot} {self._towards(ready=ready)}")

    def _towards(self, *, ready: bool) -> str:
        """The next key on the way to a destruction, from where the focus is."""
        do = self.accept_words
        if self.focused is self.query_one("#typed", LineInput):
            return f"Enter goes to {do}" if ready else "type the name"
        if not ready:
            return "Tab to type the name"
        return f"Enter on {do} does it" if self._on_run() else f"Tab to {do}"

    def _stands(self) -> None:
        """From now on it can be read; until then no key can have been meant for it."""
        self._shown_at = time.monotonic()

    @property
    def _heard(self) -> bool:
        return time.monotonic() - self._shown_at >= GRACE

    def action_leave(self) -> None:
        if self._heard:
            super().action_leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`y` says nothing where a name is typed."""
        return {"yes": not self._name, "decline": self._can_decline}.get(action, True)

    def action_accept(self) -> None:
        if self._heard and self._typed() == self._name and not (self._name and not self._on_run()):
            self.answer(Consent(self._typed()))

    def action_decline(self) -> None:
        self.answer(Consent(declined=True))

    def _on_run(self) -> bool:
        """A destruction is confirmed on its own choice, and by no key that works from elsewhere."""
        return self.focused is self.query_one("#accept", InlineButton)
