"""How bad it is, and why it is worse or better than before."""

from __future__ import annotations

from midwatch.engine.incident_controls import IncidentControls
from midwatch.runbook.model import Severity
from screens.widgets.form import Field, Form
from screens.widgets.styles import TextStyles

WORDS = {
    Severity.SEV0: "loss of data",
    Severity.SEV1: "critical",
    Severity.SEV2: "major",
    Severity.SEV3: "minor",
}
"""What each severity means."""


class SeverityForm(Form):
    """One of four, by the arrows, with a reason."""

    choice_by_arrows = "severity"

    def __init__(self, text_styles: TextStyles, session: IncidentControls) -> None:
        now = session.incident.severity
        options = [
            (level.value, f"{level.value} {words}" + (", now" if level is now else ""))
            for level, words in WORDS.items()
        ]
        super().__init__(
            text_styles,
            "Severity",
            [Field("severity", "How bad is it?", kind="one", options=options, value=now.value), Field("reason", "Why")],
            lambda values: session.set_severity(Severity(values["severity"]), values["reason"]),
            accept="Set",
        )
