"""The secrets of a step that a person types when it starts: unseen, and kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.runbook.model import Step
from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, TextStyles
from screens.widgets.text_layout import paragraph

_WIDTH = 74
_WORDS = "Nothing of it is shown or kept. It is masked in everything that this incident writes from now on."


def secrets_form(text_styles: TextStyles, step: Step, names: Sequence[str]) -> Form:
    """A form with one field for each name."""
    return Form(
        text_styles,
        f"Secrets for {step.number} {step.title}",
        [Field(name, f"{name}:", "secret") for name in names],
        words=paragraph(_WORDS, _WIDTH, text_styles, style=FAINT),
        accept="Go on",
    )
