"""A decision that needs a reason: skip, failed, done manually, do it again."""

from __future__ import annotations

from collections.abc import Callable

from midwatch.engine.reasons import require_reason
from midwatch.runbook.model import Risk, Runbook, Step
from screens.widgets.environments import step_mark
from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import paragraph

_WIDTH = 74


def ask_reason(
    text_styles: TextStyles,
    runbook: Runbook,
    step: Step,
    title: str,
    prompt: str,
    words: str,
    accept: str,
    submit: Callable[[str], object],
) -> Form:
    """A form with one line for the reason; `submit` is given it."""
    return Form(
        text_styles,
        f"{title} {step.number} {step.title}",
        [Field("reason", prompt)],
        lambda values: submit(require_reason(values["reason"])),
        words=paragraph(words, _WIDTH, text_styles, style=FAINT),
        accept=accept,
        mark=None if step.risk is Risk.OBSERVE else step_mark(runbook.environment, step.risk, text_styles),
    )
