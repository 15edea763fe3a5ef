"""The environment of the targets as a word in a colour: in the header, and in each dialog of a step that changes
things."""

from __future__ import annotations

from textual.content import Content

from midwatch.runbook.model import Environment, Risk
from screens.widgets.styles import CHOSEN, FAINT, SOON, WELL, WRONG, TextStyles

_STYLES = {Environment.PRODUCTION: SOON, Environment.STAGING: CHOSEN, Environment.REHEARSAL: WELL}


def environment_text(environment: Environment, text_styles: TextStyles) -> Content:
    """`PRODUCTION`: the word says what the colour says."""
    return text_styles.ink(environment.word, f"bold {_STYLES[environment]}")


def step_mark(environment: Environment, risk: Risk, text_styles: TextStyles) -> Content:
    """The mark beside the title of a step's dialog: `PRODUCTION · change`; the risk alone where nothing is changed."""
    word = text_styles.ink(risk.value, WRONG if risk is Risk.DESTROY else FAINT)
    if risk is Risk.OBSERVE:
        return word
    return Content.assemble(
        environment_text(environment, text_styles), text_styles.ink(f" {text_styles.signs.dot} ", FAINT), word
    )
