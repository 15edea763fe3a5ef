"""Somebody was notified something."""

from __future__ import annotations

from midwatch.engine.incident_controls import IncidentControls
from screens.widgets.form import Field, Form
from screens.widgets.styles import TextStyles
from screens.widgets.text_layout import paragraph


class NotifyForm(Form):
    """Who, and what was said. Those who have to be notified come first, with the reason."""

    choice_by_arrows = "role"

    def __init__(self, text_styles: TextStyles, session: IncidentControls) -> None:
        runbook, owed = session.runbook, session.incident.to_notify
        roles = sorted(runbook.roles.values(), key=lambda role: role.id not in owed)
        options = [
            (role.id, role.name + (f" {text_styles.signs.dash} {owed[role.id]}" if role.id in owed else ""))
            for role in roles
        ]
        first = next(iter(owed), "")
        super().__init__(
            text_styles,
            "Notify somebody",
            [Field("role", "Whom", kind="one", options=options, value=first), Field("message", "What was said")],
            lambda values: session.record_notification(values["role"], values["message"]),
            words=paragraph(
                "Call or write to them yourself: Midwatch records that they were notified.", 74, text_styles
            ),
            accept="Record",
        )
