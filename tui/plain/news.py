"""The news since the last command word: steps that ended, what others did, what is due."""

from __future__ import annotations

import contextlib

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.incident.source_note import watcher_notice
from midwatch.journal.notices import journal_notice
from midwatch.reports.message_text import overdue_words
from midwatch.system.errors import Refused
from tui.plain import descriptions
from tui.plain.collaboration import Collaboration
from tui.plain.line_terminal import LineTerminal
from tui.plain.step_output import say_end


class News:
    """Says each thing once, and nothing that the operator has followed."""

    def __init__(self, controller: IncidentControls, terminal: LineTerminal, collaboration: Collaboration) -> None:
        self._controller, self._terminal, self._collaboration = controller, terminal, collaboration
        self._said = len(controller.events)
        """Events that were said, or passed over."""
        self._running: set[str] = set()
        """Running steps when they were last spoken of."""
        self.pass_over_ends()
        self._drove = controller.driving
        self._overdue_said = 0

    def pass_over_events(self) -> None:
        """What has happened by now was said otherwise."""
        self._said = len(self._controller.events)

    def pass_over_ends(self) -> None:
        """What has ended by now was said by whoever followed it."""
        self._running = {state.id for state in self._controller.incident.running()}

    def say(self) -> None:
        """Poll, and say what is new."""
        controller, say = self._controller, self._terminal.say
        with contextlib.suppress(Refused):  # control was taken; it is said below
            controller.poll()
        if self._drove and not controller.driving and controller.incident.open:
            say(f"{controller.incident.driver or 'Somebody'} took control. You observe from now on.")
        self._drove, before = controller.driving, self._running
        self.pass_over_ends()
        for step_id in before - self._running:
            say_end(controller, controller.runbook.step(step_id), self._terminal)
        if not controller.driving:
            for line in descriptions.timeline_lines(controller, first=self._said + 1):
                say(line)
        for event in controller.events[self._said :] if controller.driving else ():
            if words := journal_notice(event.kind, event.body) or watcher_notice(event):
                say(f"{words}.")
        self.pass_over_events()
        self._say_what_is_due()
        if (batch := controller.batch) is not None and not batch.is_active:
            for problem in batch.take_problems():
                say(f"Not started: {problem}")
        self._collaboration.news()

    def _say_what_is_due(self) -> None:
        controller, say = self._controller, self._terminal.say
        due, overdue = controller.next_update_due, controller.updates_overdue
        if due is not None and overdue > self._overdue_said:
            words = "us sends the draft, u shows it" if controller.composer.can_send_due_draft else "The word is u"
            say(f"{overdue_words(overdue, due)}. {words}.")
        self._overdue_said = overdue
        if controller.driving and controller.incident.open:
            for line in descriptions.owed_lines(controller.incident, controller.runbook):
                say(line)
