"""A person did a step: what they say about it, and the answers that the step asks for."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from midwatch.engine.incident_controls import IncidentControls
from midwatch.incident.state import StepState
from midwatch.runbook.model import Runbook, Step
from screens.widgets.form import Field, Form, asked
from screens.widgets.markdown_text import markdown_lines
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import labelled

_WIDTH = 74


class MarkDone(Form):
    """The step's questions, then a note. A step that tells somebody says whom."""

    def __init__(self, text_styles: TextStyles, session: IncidentControls, step: Step, state: StepState | None) -> None:
        known = state.values if state else {}
        fields = [asked(ask, known.get(ask.name)) for ask in step.questions]
        prompt = "What was said" if step.notify else "Note"
        fields.append(Field(_NOTE_FIELD, prompt, required=False))
        super().__init__(
            text_styles,
            f"{step.number} {step.title}",
            fields,
            lambda values: session.mark_done(step.id, note=values[_NOTE_FIELD], values=_answers(values)),
            words=_words(step, session.runbook, text_styles),
            accept="Done",
            mark=text_styles.ink("manual", FAINT),
        )


_NOTE_FIELD = "-note"  # no question of a runbook can have this name


def _answers(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name != _NOTE_FIELD}


def _words(step: Step, runbook: Runbook, text_styles: TextStyles) -> list[Content]:
    lines = markdown_lines(step.instructions, _WIDTH, text_styles) if step.instructions else []
    if step.expect:
        lines += labelled("expected", step.expect, _WIDTH, text_styles, style=FAINT)
    if step.notify:
        lines += labelled(
            "notifies", ", ".join(runbook.roles[role].name for role in step.notify), _WIDTH, text_styles, style=FAINT
        )
    return lines
