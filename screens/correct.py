"""What somebody's words should have said: an event of its own; the words themselves are never changed."""

from __future__ import annotations

from screens.desk import Desk
from screens.widgets.form import Field, Form
from screens.widgets.pen import FAINT, Pen


class CorrectForm(Form):
    """Begins with what was said; where that is nothing, with what it was said of."""

    def __init__(self, pen: Pen, desk: Desk, seq: int, said: str, of: str) -> None:
        super().__init__(
            pen,
            "Correct",
            [Field("text", "It should have said", kind="text", value=said)],
            lambda values: desk.correct(seq, values["text"]),
            words=[pen.ink(f"Said: {pen.clean(said)}" if said else f"Without words so far: {pen.clean(of)}", FAINT)],
            accept="Correct",
            mark=pen.ink(f"event {seq}; both stay in the record", FAINT),
        )
