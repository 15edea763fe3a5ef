"""A status update for the channel: what changed, what comes next, when the next one comes."""

from __future__ import annotations

from screens.desk import Desk
from screens.widgets.form import Field, Form
from screens.widgets.pen import FAINT, Pen
from screens.widgets.rows import paragraph


class UpdateForm(Form):
    """A text to complete. It is recorded here; who sends it posts it in the channel."""

    def __init__(self, pen: Pen, desk: Desk) -> None:
        channel = desk.runbook.comms.channel
        super().__init__(
            pen,
            "Status update",
            [Field("message", "What changed, what comes next, when the next update comes", kind="text", value=draft(desk))],
            lambda values: desk.update(values["message"]),
            words=paragraph("Post it in the channel yourself: Midwatch records that it went out.", 74, pen, style=FAINT),
            accept="Sent",
            mark=pen.ink(channel, FAINT),
        )


def draft(desk: Desk) -> str:
    """A first line with what the journal knows."""
    incident, runbook = desk.incident, desk.runbook
    settled, total = incident.counts(runbook.steps())
    running = [runbook.step(state.id).title for state in incident.running()]
    ahead = incident.next_step(runbook)
    now = f"Now: {', '.join(running)}. " if running else ""
    then = f"Next: {ahead.title}." if ahead else ""
    return f"{incident.severity} {runbook.title}: {settled} of {total} steps settled. {now}{then}".strip()
