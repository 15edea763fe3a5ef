"""Somebody was notified."""

from __future__ import annotations

from midwatch.incident.state import Incident
from midwatch.runbook.contacts import Role
from midwatch.runbook.model import Runbook
from screens.widgets.form import Field, Form
from screens.widgets.styles import TextStyles
from screens.widgets.text_layout import paragraph


def notify_form(text_styles: TextStyles, runbook: Runbook, incident: Incident) -> Form:
    """Who, and what was said. Those who have to be notified come first, with the reason; others with when they are."""
    owed = incident.to_notify
    roles = sorted(runbook.roles.values(), key=lambda role: role.id not in owed)
    options = [(role.id, _option(role, owed.get(role.id, role.notify_when), text_styles.signs.dash)) for role in roles]
    words = "Call or write to them yourself: Midwatch records that they were notified."
    first = next(iter(owed), "")
    return Form(
        text_styles,
        "Notify somebody",
        [Field("role", "Whom", kind="one", options=options, value=first), Field("message", "What was said")],
        words=paragraph(words, 74, text_styles),
        accept="Record",
        choice_by_arrows="role",
    )


def _option(role: Role, why: str, dash: str) -> str:
    name = f"{role.name}, {role.contact}" if role.contact else role.name
    return f"{name} {dash} {why}" if why else name
