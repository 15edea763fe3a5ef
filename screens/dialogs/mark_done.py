"""A person did a step: what they say about it, and the answers that the step asks for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from textual.app import App
from textual.content import Content

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.runbook.model import Runbook, Step
from screens.widgets.background import WorkFailed, in_background
from screens.widgets.form import Field, Form, asked
from screens.widgets.markdown_text import markdown_lines
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import labelled

_WIDTH = 74
_NOTE_FIELD = "-note"  # no question of a runbook can have this name


async def mark_done(app: App[Any], text_styles: TextStyles, session: IncidentControls, step: Step) -> bool:
    """Ask the step's questions and for a note, and mark the step as done; False when the operator left it undone."""
    state = session.incident.steps.get(step.id)
    known = state.values if state else {}
    questions = step.questions
    if any(ask.options_command for ask in questions):
        with suppress(WorkFailed):  # the form says it when it is accepted
            questions = await in_background(f"choices {step.id}", session.questions, step.id)
    note = Field(_NOTE_FIELD, "What was said" if step.notify else "Note", required=False)
    if (sent := session.composer.draft_for(step)) is not None:
        prompt = f"What is sent to {'; '.join(sent.receivers)}"
        note = Field(_NOTE_FIELD, prompt, kind="text", required=False, value=sent.text)
    form = Form(
        text_styles,
        f"{step.number} {step.title}",
        [*(asked(ask, known.get(ask.name)) for ask in questions), note],
        words=_words(step, session.runbook, text_styles),
        accept="Done",
        mark=text_styles.ink("manual", FAINT),
    )
    done = False
    async for values in form.answers(app):
        answers = {name: value for name, value in values.items() if name != _NOTE_FIELD}
        done = await form.carry_out(session.mark_done, step.id, note=values[_NOTE_FIELD], values=answers)
    return done


def _words(step: Step, runbook: Runbook, text_styles: TextStyles) -> list[Content]:
    """The instructions. A step that notifies somebody says whom."""
    lines = markdown_lines(step.instructions, _WIDTH, text_styles, step.text_values) if step.instructions else []
    if step.expect:
        lines += labelled("expected", step.expect, _WIDTH, text_styles, style=FAINT)
    if step.notify:
        roles = ", ".join(runbook.roles[role].name for role in step.notify)
        lines += labelled("notifies", roles, _WIDTH, text_styles, style=FAINT)
    return lines
