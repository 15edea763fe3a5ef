"""The words that show something and change nothing: where the incident is, a step, output, timeline, panels."""

from __future__ import annotations

from functools import partial

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.readings import panel_named, take_readings
from midwatch.output.index import OutputIndex
from midwatch.runbook.model import Step
from midwatch.system.errors import Refused
from midwatch.system.sanitize import safe_text
from tui.plain import descriptions
from tui.plain.checklist import checklist_lines, titled
from tui.plain.command_words import help_lines
from tui.plain.line_terminal import LineTerminal

_LAST = 20
"""Events, and lines of output, that are said when nobody asks for more."""
_LIVE_LIMIT_S = 15.0


class DisplayCommands:
    """Each method says what it is asked for."""

    def __init__(self, controller: IncidentControls, terminal: LineTerminal) -> None:
        self._controller, self._terminal = controller, terminal

    def where(self) -> None:
        """Where the incident is."""
        for line in descriptions.where_lines(self._controller, self._controller.clock.now()):
            self._terminal.say(line)

    def list(self, step: Step | None, rest: str) -> None:
        """The checklist around the step; `all`: the whole one."""
        incident, runbook = self._controller.incident, self._controller.runbook
        for line in checklist_lines(incident, runbook, step, whole=rest == "all"):
            self._terminal.say(line)

    def step(self, step: Step) -> None:
        """One step with all that is known of it."""
        for line in descriptions.step_lines(step, self._controller.incident, self._controller.runbook):
            self._terminal.say(line)

    def output(self, step: Step, rest: str) -> None:
        """The last lines of its output."""
        folder = self._controller.attempt_folder(step.id)
        if folder is None:
            raise Refused(f"{titled(step)} has written nothing")
        output_index, count = OutputIndex(folder.output), _count(rest)
        while output_index.refresh():
            pass
        first = max(output_index.line_count - count, 0)
        self._terminal.say(f"Lines {first + 1} to {output_index.line_count} of {folder.output}:")
        for line in output_index.lines(first, count):
            self._terminal.say(f"  {safe_text(line)}")
        output_index.close()

    def timeline(self, rest: str) -> None:
        """The last events, or the last ones that hold a text."""
        self._controller.poll()
        lines = [*descriptions.timeline_lines(self._controller)]
        if rest and not rest.isdecimal():
            lines = [line for line in lines if rest.lower() in line.lower()]
        for line in lines[-(_count(rest) or _LAST) :]:
            self._terminal.say(line)

    def live(self) -> None:
        """The panels, each read now."""
        runbook = self._controller.runbook
        names = [panel.name for panel in runbook.panels]
        if not names:
            raise Refused("The runbook has no panels")
        work = partial(take_readings, runbook, names, self._controller.clock, limit=_LIVE_LIMIT_S)
        for reading in self._terminal.beside("Still reading", work):
            title = panel_named(runbook, reading.probe).title or reading.probe.capitalize()
            self._terminal.say(f"{title}, read at {reading.at:%H:%M:%S} UTC:")
            if reading.error:
                self._terminal.say(f"  unknown: {reading.error}")
            for row in reading.rows:
                self._terminal.say(f"  {row.level.value}: {row.label}: {row.text}")

    def help(self) -> None:
        """The words."""
        for line in help_lines(driving=self._controller.driving):
            self._terminal.say(line)


def _count(rest: str) -> int:
    """How many lines are asked for."""
    return int(rest) if rest.isdecimal() and len(rest) < 6 else _LAST
