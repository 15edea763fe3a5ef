"""A note for the timeline, now or back-dated: words, lines pasted from a terminal, a command that was run elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from textual.widget import Widget

from midwatch.engine.annotations import ManualCommand
from midwatch.engine.incident_controls import IncidentControls
from midwatch.system.time_parser import parse_time
from midwatch.system.units import counted
from screens.widgets.form import Field, Form
from screens.widgets.inline_button import PickOne
from screens.widgets.styles import FAINT, STRONG, TextStyles

_MORE = {"": (), "pasted_output": ("pasted_output",), "manual_command": ("command", "host", "result")}
"""The fields that each choice brings with it."""


class NoteForm(Form):
    """What happened, and when; more fields come once they are wanted. Pasted lines stay lines, and secrets are masked."""

    def __init__(self, text_styles: TextStyles, session: IncidentControls, pasted: str = "") -> None:
        """`pasted`: what was pasted where there is no field, offered as a note; lines as lines, one line as the words."""
        lines = pasted if "\n" in pasted.strip() else ""
        more = [("", "nothing"), ("pasted_output", "pasted lines"), ("manual_command", "a command run elsewhere")]
        fields = [
            Field("text", "What happened, what was seen", kind="text", value="" if lines else pasted.strip()),
            Field("at", "When, if not now: 02:10 (UTC) or 5 min ago", required=False),
            Field(
                "more",
                "With it",
                kind="one",
                required=False,
                value="pasted_output" if lines else "",
                options=more,
                across=True,
            ),
            Field("pasted_output", "Paste the lines here", kind="text", value=lines),
            Field("command", "The command"),
            Field("host", "On which host", required=False),
            Field("result", "What came of it", required=False),
        ]
        offer = f"Pasted {counted(len(pasted), 'character')}: keep them as a note?"
        super().__init__(
            text_styles,
            "Note",
            fields,
            lambda values: _write(session, values),
            words=[text_styles.ink(offer, STRONG)] if pasted else (),
            accept="Save",
            mark=text_styles.ink("for the timeline", FAINT),
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.watch(self.query_one("#field-more", PickOne), "picked", self._show, init=True)

    def wanted(self, field: Field) -> bool:
        """Whether the field is there now."""
        return not any(field.name in names for names in _MORE.values()) or field.name in _MORE[self._more]

    def required(self, field: Field) -> bool:
        """Lines or a command can stand for themselves."""
        return field.required and not (field.name == "text" and self._more)

    def _onward(self, widget: Widget) -> None:
        """A note of words alone is finished with its time; what else there may be is a Tab further."""
        if widget.id == "field-at" and not self._more:
            self.action_accept()
        else:
            super()._onward(widget)

    @property
    def _more(self) -> str:
        return next((choice.value for choice in self.query("#field-more").results(PickOne)), "")

    def _show(self) -> None:
        for field in self.fields:
            self.query_one(f"#field-{field.name}", Widget).display = self.wanted(field)
            self.query_one(f"#prompt-{field.name}", Widget).display = self.wanted(field)
        self.close_up()
        self.call_after_refresh(self._fit)


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
