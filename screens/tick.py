"""A person did a step: what they say about it, and the answers that the step asks for."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from midwatch.incident.state import StepState
from midwatch.runbook.model import Runbook, Step
from screens.desk import Desk
from screens.widgets.form import Field, Form, asked
from screens.widgets.pen import FAINT, Pen
from screens.widgets.prose import prose
from screens.widgets.rows import labelled

_WIDTH = 74


class Tick(Form):
    """The step's questions, then a note. A step that tells somebody says whom."""

    def __init__(self, pen: Pen, desk: Desk, step: Step, state: StepState | None) -> None:
        known = state.values if state else {}
        fields = [asked(ask, known.get(ask.name)) for ask in step.questions]
        prompt = "What was said" if step.notify else "Note"
        fields.append(Field(_NOTE_FIELD, prompt, required=False))
        super().__init__(
            pen,
            f"{step.number} {step.title}",
            fields,
            lambda values: desk.tick(step.id, note=values[_NOTE_FIELD], values=_answers(values)),
            words=_words(step, desk.runbook, pen),
            accept="Done",
            mark=pen.ink("by hand", FAINT),
        )


_NOTE_FIELD = "-note"  # no question of a runbook can have this name


def _answers(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name != _NOTE_FIELD}


def _words(step: Step, runbook: Runbook, pen: Pen) -> list[Content]:
    lines = prose(step.instructions, _WIDTH, pen) if step.instructions else []
    if step.expect:
        lines += labelled("good", step.expect, _WIDTH, pen, style=FAINT)
    if step.notify:
        lines += labelled("tells", ", ".join(runbook.roles[role].name for role in step.notify), _WIDTH, pen, style=FAINT)
    return lines
