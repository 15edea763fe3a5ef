"""How bad it is, and why it is worse or better than before."""

from __future__ import annotations

from midwatch.runbook.severity import Severity
from screens.widgets.form import Field, Form
from screens.widgets.styles import TextStyles

WORDS = {
    Severity.SEV0: "loss of data",
    Severity.SEV1: "critical",
    Severity.SEV2: "major",
    Severity.SEV3: "minor",
}
"""What each severity means."""


def severity_form(text_styles: TextStyles, now: Severity) -> Form:
    """One of four, by the arrows, with a reason."""
    options = [
        (level.value, f"{level.value} {words}" + (", now" if level is now else "")) for level, words in WORDS.items()
    ]
    return Form(
        text_styles,
        "Severity",
        [Field("severity", "How bad is it?", kind="one", options=options, value=now.value), Field("reason", "Why")],
        accept="Set",
        choice_by_arrows="severity",
    )
