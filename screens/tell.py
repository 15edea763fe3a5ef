"""Somebody was told something."""

from __future__ import annotations

from screens.desk import Desk
from screens.widgets.form import Field, Form
from screens.widgets.pen import Pen
from screens.widgets.rows import paragraph


class TellForm(Form):
    """Who, and what was said. Those who have to be told come first, with the reason."""

    choice_by_arrows = "role"

    def __init__(self, pen: Pen, desk: Desk) -> None:
        runbook, owed = desk.runbook, desk.incident.to_tell
        roles = sorted(runbook.roles.values(), key=lambda role: role.id not in owed)
        options = [(role.id, role.name + (f" {pen.signs.dash} {owed[role.id]}" if role.id in owed else "")) for role in roles]
        first = next(iter(owed), "")
        super().__init__(
            pen,
            "Tell somebody",
            [Field("role", "Whom", kind="one", options=options, value=first), Field("message", "What was said")],
            lambda values: desk.told(values["role"], values["message"]),
            words=paragraph("Call or write to them yourself: Midwatch records that they were told.", 74, pen),
            accept="Record",
        )
