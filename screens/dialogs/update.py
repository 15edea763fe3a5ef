"""A status update for the channel: impact, what is done, what comes next, when the next one comes."""

from __future__ import annotations

from midwatch.engine.incident_controls import IncidentControls
from midwatch.reports.status_update import draft
from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, TextStyles


class UpdateForm(Form):
    """A draft from the journal, to be edited. Who sends it posts it in the channel; here it is recorded with the head."""

    DEFAULT_CSS = "UpdateForm TextArea { height: 8; }"

    def __init__(self, text_styles: TextStyles, session: IncidentControls) -> None:
        channel = session.runbook.comms.channel
        text = draft(session.runbook, session.incident, session.events, session.clock.now())
        words = (
            "Post it in the channel yourself: Midwatch records that it went out, with the journal's head, "
            "and counts down to the next one."
        )
        super().__init__(
            text_styles,
            "Status update",
            [Field("message", "Drafted from the journal; make it say what people need", kind="text", value=text)],
            lambda values: session.update(values["message"]),
            words=[text_styles.ink(words, FAINT)],
            accept="Record",
            mark=text_styles.ink(channel, FAINT),
        )
