"""A note for the timeline, now or back-dated."""

from __future__ import annotations

from collections.abc import Mapping

from midwatch.when import moment
from screens.desk import Desk
from screens.widgets.form import Field, Form
from screens.widgets.pen import FAINT, Pen


class NoteForm(Form):
    """What happened, and when. Pasted lines stay lines."""

    def __init__(self, pen: Pen, desk: Desk) -> None:
        fields = [
            Field("text", "What happened, what was seen, what was run elsewhere", kind="text"),
            Field("at", "When, if not now: 02:10 (UTC), or 5 min ago", required=False),
        ]
        super().__init__(
            pen, "Note", fields, lambda values: _write(desk, values), accept="Save", mark=pen.ink("for the timeline", FAINT)
        )


def _write(desk: Desk, values: Mapping[str, str]) -> None:
    desk.note(values["text"], at=moment(values["at"], desk.clock.now()))
