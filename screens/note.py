"""A note for the timeline, now or back-dated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from midwatch.errors import BadInput
from screens.desk import Desk
from screens.widgets.form import Field, Form
from screens.widgets.pen import FAINT, Pen

_CLOCK = re.compile(r"^(\d{1,2}):(\d\d)$")
_AGO = re.compile(r"^(\d{1,4})\s*min( ago)?$")


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


def moment(text: str, now: datetime) -> datetime | None:
    """The moment that `02:10` or `5 min ago` names, never in the future; None for nothing. Raises `BadInput`."""
    text = text.strip()
    if not text:
        return None
    if found := _AGO.match(text):
        return now - timedelta(minutes=int(found[1]))
    found = _CLOCK.match(text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise BadInput(f"{text!r} is no time", hint="Write it like 02:10, in UTC, or 5 min ago")
    at = now.astimezone(UTC).replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    return at if at <= now else at - timedelta(days=1)
