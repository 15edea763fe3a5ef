"""A status update for the channel: impact, what is done, what comes next, when the next one comes."""

from __future__ import annotations

from midwatch.engine.incident_controls import IncidentView
from midwatch.reports.message_draft import draft
from midwatch.runbook.channels import INCIDENT_CHANNEL
from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, TextStyles


def update_form(text_styles: TextStyles, session: IncidentView) -> Form:
    """A draft from the journal, to be edited. Who sends it posts it in the channel; here it is recorded with the
    head."""
    text = draft(session.runbook, session.incident, session.events, session.clock)
    receivers = session.receivers(INCIDENT_CHANNEL) if INCIDENT_CHANNEL in session.runbook.channels else []
    words = (
        f"It is sent to {'; '.join(receivers)}. Midwatch counts down to the next one."
        if receivers
        else "Post it in the channel yourself: Midwatch records that it went out, with the journal's head, "
        "and counts down to the next one."
    )
    form = Form(
        text_styles,
        "Status update",
        [Field("message", "Drafted from the journal; make it say what people need", kind="text", value=text)],
        words=[text_styles.ink(words, FAINT)],
        accept="Send" if receivers else "Record",
        mark=text_styles.ink(session.runbook.comms.channel, FAINT),
    )
    form.add_class("-tall")
    return form
