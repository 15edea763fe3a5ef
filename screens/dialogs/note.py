"""A note for the timeline, now or back-dated: words, lines pasted from a terminal, a command that was run elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import App

from midwatch.engine.annotations import ManualCommand
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.system.time_parser import parse_time
from midwatch.system.units import counted
from screens.widgets.form import Field, Form
from screens.widgets.styles import FAINT, STRONG, TextStyles

_PASTED, _COMMAND = ("more", "pasted_output"), ("more", "manual_command")


async def write_note(app: App[Any], text_styles: TextStyles, session: IncidentControls, pasted: str = "") -> None:
    """Ask for a note and write it.

    `pasted`: what was pasted where there is no field, offered as a note; lines as lines, one line as the words.
    """
    form = _note_form(text_styles, pasted)
    form.adds_to_draft = bool(pasted)
    async for values in form.answers(app):
        await form.carry_out(_write, session, values)


def _note_form(text_styles: TextStyles, pasted: str) -> Form:
    """What happened, and when; more fields come once they are wanted. Pasted lines stay lines, and secrets are
    masked."""
    lines = pasted if "\n" in pasted.strip() else ""
    more = [("", "nothing"), ("pasted_output", "pasted lines"), ("manual_command", "a command run elsewhere")]
    chosen = "pasted_output" if lines else ""
    words = "" if lines else pasted.strip()
    fields = [
        Field("text", "What happened, what was seen", kind="text", value=words, optional_with="more"),
        Field("at", "When, if not now: 02:10 (UTC) or 5 min ago", required=False, last_without="more"),
        Field("more", "With it", kind="one", required=False, value=chosen, options=more, across=True),
        Field("pasted_output", "Paste the lines here", kind="text", value=lines, shown_with=_PASTED),
        Field("command", "The command", shown_with=_COMMAND),
        Field("host", "On which host", required=False, shown_with=_COMMAND),
        Field("result", "What came of it", required=False, shown_with=_COMMAND),
    ]
    offer = f"Pasted {counted(len(pasted), 'character')}: keep them as a note?"
    return Form(
        text_styles,
        "Note",
        fields,
        words=[text_styles.ink(offer, STRONG)] if pasted else (),
        accept="Save",
        mark=text_styles.ink("for the timeline", FAINT),
    )


def _write(session: IncidentControls, values: Mapping[str, str]) -> None:
    more = values["more"]
    session.note(
        values["text"],
        at=parse_time(values["at"], session.clock.now()),
        pasted_output=values["pasted_output"] if more == "pasted_output" else "",
        manual_command=ManualCommand(values["command"], values["host"], values["result"])
        if more == "manual_command"
        else None,
    )
