"""Leave the screen, and know what goes on without it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from midwatch.engine.incident_protocols import IncidentView
from midwatch.engine.rehearsal_end import DELETED, RehearsalEnd
from midwatch.system.errors import MidwatchError
from midwatch.system.programs import started_as
from screens.widgets.dialog import Dialog
from screens.widgets.drafts import drafts_of
from screens.widgets.key_bindings import EXPORT, YES, bindings
from screens.widgets.styles import WELL, TextStyles
from screens.widgets.text_layout import joined


class Leave(Dialog[bool]):
    """Says what keeps running and how to come back."""

    DEFAULT_CSS = "Leave #words { height: auto; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings((YES, EXPORT)), Binding("q", "accept", show=False)]
    leave_words = "Stay"
    accept_words = "Leave"

    def __init__(
        self, text_styles: TextStyles, session: IncidentView, warning: str = "", rehearsal: RehearsalEnd | None = None
    ) -> None:
        """`warning`: why what runs may not go on, if so. `rehearsal`: given where leaving deletes everything."""
        super().__init__(text_styles, "Leave the screen?")
        self._desk, self._warning, self._rehearsal = session, warning, rehearsal
        dot = text_styles.signs.dot
        export = f" {dot} {{export}} export the timeline" if rehearsal is not None else ""
        self.hint = f"Esc stay {dot} {{yes}} leave{export}"

    def body(self) -> Iterable[Widget]:
        incident, runbook = self._desk.incident, self._desk.runbook
        running = [f"{runbook.step(state.id).number} {runbook.step(state.id).title}" for state in incident.running()]
        texts = []
        if self._rehearsal is not None:
            texts.append(DELETED)
        elif running:
            texts.append(f"This goes on without the screen: {', '.join(running)}.")
            texts += [f"{self._warning}."] if self._warning else []
        if (batch := self._desk.batch) is not None and batch.is_active:
            texts.append("What has not started yet of the steps that run together does not start.")
        if self._rehearsal is not None:
            texts.append("Its timeline can be kept: the export goes into a file of the folder where you started it.")
        elif incident.open:
            texts.append(f"{incident.id} stays open. '{started_as()}' brings you back to it.")
        else:
            texts.append(f"{incident.id} is {incident.word}. 'midwatch export {incident.id}' writes its timeline.")
        if kept := drafts_of(self.app).kept:
            texts.append(f"Typed and never written, and lost with the screen: {', '.join(sorted(kept))}.")
        yield Static(joined([self.text_styles.ink(text) for text in texts]), id="words", markup=False)

    def action_accept(self) -> None:
        self.answer(True)

    def action_export(self) -> None:
        """Keep the timeline of a rehearsal; the dialog stays, and says where the file is."""
        if self._rehearsal is None:
            return
        try:
            self.say(f"The timeline is in {self._rehearsal.export()}", WELL)
        except MidwatchError as error:
            self.complain(str(error))
