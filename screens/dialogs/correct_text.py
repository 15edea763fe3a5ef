"""What somebody's words should have said: an event of its own; the words themselves are never changed."""

from __future__ import annotations

from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, TextStyles


def correct_form(text_styles: TextStyles, seq: int, said: str, of: str) -> Form:
    """A form that begins with what was said; where that is nothing, with what it was said of."""
    words = f"Said: {text_styles.clean(said)}" if said else f"Without words so far: {text_styles.clean(of)}"
    form = Form(
        text_styles,
        "Correct",
        [Field("text", "It should have said", kind="text", value=said)],
        words=[text_styles.ink(words, FAINT)],
        accept="Correct",
        mark=text_styles.ink(f"event {seq}; both stay in the record", FAINT),
    )
    form.draft_name = f"Correct {seq}"
    return form
