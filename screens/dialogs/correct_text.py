"""What somebody's words should have said: an event of its own; the words themselves are never changed."""

from __future__ import annotations

from midwatch.engine.incident_controls import IncidentControls
from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, TextStyles


class CorrectForm(Form):
    """Begins with what was said; where that is nothing, with what it was said of."""

    def __init__(self, text_styles: TextStyles, session: IncidentControls, seq: int, said: str, of: str) -> None:
        super().__init__(
            text_styles,
            "Correct",
            [Field("text", "It should have said", kind="text", value=said)],
            lambda values: session.correct(seq, values["text"]),
            words=[
                text_styles.ink(
                    f"Said: {text_styles.clean(said)}" if said else f"Without words so far: {text_styles.clean(of)}",
                    FAINT,
                )
            ],
            accept="Correct",
            mark=text_styles.ink(f"event {seq}; both stay in the record", FAINT),
        )
