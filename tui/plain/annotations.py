"""The words that only write into the record: notes, updates, tellings, severity, corrections, stars."""

from __future__ import annotations

from datetime import datetime

from midwatch.engine.annotations import ManualCommand
from midwatch.engine.incident_controls import IncidentControls
from midwatch.reports.event_text import words_of
from midwatch.reports.status_update import draft
from midwatch.runbook.model import Severity
from midwatch.system.errors import BadInput
from midwatch.system.time_parser import HOW, parse_time
from tui.plain.line_terminal import Interrupted, LineTerminal

_SEVERITIES = {
    Severity.SEV0: "loss of data",
    Severity.SEV1: "critical",
    Severity.SEV2: "major",
    Severity.SEV3: "minor",
}


class Annotations:
    """Each method is one word; Ctrl+C in the middle of one records nothing."""

    def __init__(self, controller: IncidentControls, terminal: LineTerminal) -> None:
        self._conductor, self._teletype = controller, terminal

    def note(self, rest: str) -> None:
        """`n it began at noon`, `n @02:10 it began`, or `n` alone, which asks."""
        if rest:
            at, text = self._timed(rest)
            self._conductor.note(text, at=at)
        else:
            text = self._teletype.several("What happened?")
            self._conductor.note(text, at=self._when())
        self._teletype.say(f"Noted, event {len(self._conductor.events)}.")

    def _timed(self, rest: str) -> tuple[datetime | None, str]:
        if not rest.startswith("@"):
            return None, rest
        time, _, text = rest[1:].partition(" ")
        return parse_time(time, self._conductor.clock.now()), text

    def _when(self) -> datetime | None:
        while True:
            try:
                return parse_time(self._teletype.ask(f"When, if not now ({HOW}): "), self._conductor.clock.now())
            except BadInput as error:
                self._teletype.say(str(error))

    def paste(self, rest: str) -> None:
        """Lines from another terminal."""
        excerpt = self._teletype.several("Paste the lines.")
        text = rest or self._teletype.ask("What is it (may stay empty): ")
        self._conductor.note(text, at=self._when(), pasted_output=excerpt)
        self._teletype.say(f"Noted with {len(excerpt.splitlines())} lines, event {len(self._conductor.events)}.")

    def command(self, rest: str) -> None:
        """A command that was run elsewhere."""
        command = rest or self._teletype.ask("Which command: ")
        host = self._teletype.ask("On which host: ")
        result = self._teletype.ask("What came of it: ")
        self._conductor.note("", at=self._when(), manual_command=ManualCommand(command, host, result))
        self._teletype.say(f"Noted, event {len(self._conductor.events)}.")

    def correct(self, rest: str) -> None:
        """`k 18 It was the mount`, or `k 18`, which asks."""
        number, _, text = rest.partition(" ")
        seq = _number(number)
        said = words_of(self._conductor.events, seq)
        if not text:
            self._teletype.say(f"Event {seq} says: {said}")
            text = self._teletype.ask("It should have said: ")
        self._conductor.correct(seq, text)
        self._teletype.say(f"Corrected; what it said before stays beside it. Event {len(self._conductor.events)}.")

    def star(self, rest: str) -> None:
        """Star it, or take the star away."""
        seq = _number(rest)
        starred = seq not in self._conductor.incident.stars
        self._conductor.star(seq, starred=starred)
        self._teletype.say(f"Event {seq} {'is starred' if starred else 'has no star any more'}.")

    def update(self, rest: str) -> None:
        """The draft, and whether it went out."""
        controller, terminal = self._conductor, self._teletype
        channel = controller.runbook.comms.channel or "the channel"
        text = rest or draft(controller.runbook, controller.incident, controller.events, controller.clock.now())
        terminal.say(f"The draft for {channel}:")
        terminal.say("\n".join(f"  {line}" for line in text.splitlines()))
        answer = terminal.ask_anew("Post it there yourself. y: it went out. e: write another. Enter: not now: ").lower()
        if answer in ("e", "edit"):
            text = terminal.several("Write it.")
            answer = "y" if terminal.agreed("Did it go out?") else ""
        if answer in ("y", "yes"):
            controller.update(text)
            terminal.say("Recorded, with the journal's head.")
        else:
            terminal.say("Nothing was recorded.")

    def notify(self, rest: str) -> None:
        """Who was notified, and what."""
        runbook, owed = self._conductor.runbook, self._conductor.incident.to_notify
        roles = sorted(runbook.roles.values(), key=lambda role: role.id not in owed)
        if not roles:
            raise BadInput("The runbook names nobody to tell")
        for number, role in enumerate(roles, start=1):
            why = f", {owed[role.id]}" if role.id in owed else ""
            contact = f", {role.contact}" if role.contact else ""
            self._teletype.say(f"  {number}: {role.name}{contact}{why}")
        chosen = roles[self._choice("Who was notified (number): ", len(roles)) - 1]
        self._conductor.record_notification(chosen.id, rest or self._teletype.ask("What was said: "))
        self._teletype.say(f"Recorded: {chosen.name} was notified.")

    def severity(self, rest: str) -> None:
        """One of four, with a reason."""
        now = self._conductor.incident.severity
        for number, (level, words) in enumerate(_SEVERITIES.items()):
            self._teletype.say(f"  {number}: {level} {words}{', now' if level is now else ''}")
        level = list(Severity)[self._choice("How bad is it (number): ", 3, first=0)]
        reason = self._teletype.ask_reason("Why: ", rest)
        if not reason:
            raise Interrupted
        self._conductor.set_severity(level, reason)
        self._teletype.say(f"It is {level} now.")

    def _choice(self, prompt: str, last: int, *, first: int = 1) -> int:
        while True:
            answer = self._teletype.ask_anew(prompt)
            if answer.isdecimal() and first <= int(answer) <= last:
                return int(answer)
            self._teletype.say(f"A number from {first} to {last}; Ctrl+C leaves it.")


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise BadInput("This takes the number of an event", hint="j tells the events with their numbers")
    return int(text)
