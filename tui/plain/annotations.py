"""The words that only write into the record: notes, updates, tellings, severity, corrections, stars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from midwatch.engine.annotations import ManualCommand
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.reports.event_text import words_of
from midwatch.reports.known_deliveries import known_deliveries
from midwatch.reports.message_text import delivery_words
from midwatch.runbook.channels import INCIDENT_CHANNEL
from midwatch.runbook.severity import Severity
from midwatch.system.errors import BadInput
from midwatch.system.time_parser import HOW, parse_time
from midwatch.system.units import counted
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
        self._controller, self._terminal = controller, terminal

    def note(self, rest: str) -> None:
        """`n it began at noon`, `n @02:10 it began`, or `n` alone, which asks."""
        if rest:
            at, text = self._timed(rest)
            self._controller.note(text, at=at)
        else:
            text = self._terminal.several("What happened?")
            self._controller.note(text, at=self._when())
        self._terminal.say(f"Noted, event {len(self._controller.events)}.")

    def _timed(self, rest: str) -> tuple[datetime | None, str]:
        if not rest.startswith("@"):
            return None, rest
        time, _, text = rest[1:].partition(" ")
        return parse_time(time, self._controller.clock.now()), text

    def _when(self) -> datetime | None:
        while True:
            try:
                return parse_time(self._terminal.ask(f"When, if not now ({HOW}): "), self._controller.clock.now())
            except BadInput as error:
                self._terminal.say(str(error))

    def paste(self, rest: str) -> None:
        """Lines from another terminal."""
        excerpt = self._terminal.several("Paste the lines.")
        text = rest or self._terminal.ask_text("What is it (may stay empty): ")
        self._controller.note(text, at=self._when(), pasted_output=excerpt)
        self._terminal.say(f"Noted with {len(excerpt.splitlines())} lines, event {len(self._controller.events)}.")

    def command(self, rest: str) -> None:
        """A command that was run elsewhere."""
        command = rest or self._terminal.ask_text("Which command: ")
        host = self._terminal.ask_text("On which host: ")
        result = self._terminal.ask_text("What came of it: ")
        self._controller.note("", at=self._when(), manual_command=ManualCommand(command, host, result))
        self._terminal.say(f"Noted, event {len(self._controller.events)}.")

    def correct(self, rest: str) -> None:
        """`k 18 It was the mount`, or `k 18`, which asks."""
        number, _, text = rest.partition(" ")
        seq = _number(number)
        said = words_of(self._controller.events, seq)
        if not text:
            self._terminal.say(f"Event {seq} says: {said}")
            text = self._terminal.ask_text("It should have said: ")
        self._controller.correct(seq, text)
        self._terminal.say(f"Corrected; what it said before stays beside it. Event {len(self._controller.events)}.")

    def star(self, rest: str) -> None:
        """Star it, or take the star away."""
        seq = _number(rest)
        starred = seq not in self._controller.incident.stars
        self._controller.star(seq, starred=starred)
        self._terminal.say(f"Event {seq} {'is starred' if starred else 'has no star any more'}.")

    def update(self, rest: str) -> None:
        """`u`, `u @press`, `u @press We are sorry`: the draft for an audience, and whether it is sent."""
        composer, terminal = self._controller.composer, self._terminal
        name, _, given = rest[1:].partition(" ") if rest.startswith("@") else (INCIDENT_CHANNEL, "", rest)
        draft = composer.draft(name)
        text, others = given or draft.text, [f"u @{other}" for other in composer.audiences() if other != name]
        if draft.kept_at and not given:
            terminal.say(f"A draft of yours from {draft.kept_at:%H:%M} UTC; d drafts it anew.")
        while True:
            terminal.say(f"The draft for {name}{', outside the team' if draft.outside else ''}:")
            terminal.say("\n".join(f"  {line}" for line in composer.preview(name, text).splitlines()))
            way = (
                f"y: send it to {'; '.join(draft.receivers)}."
                if draft.receivers
                else "Post it yourself. y: it went out."
            )
            answer = terminal.ask_anew(f"{way} e: write another. v: your editor. d: draft anew. Enter: later: ").lower()
            if answer in ("e", "edit"):
                text = terminal.several("Write it.")
            elif answer in ("v", "editor"):
                text = self._edited(name, text)
            elif answer in ("d", "draft"):
                composer.forget(name)
                text = composer.draft(name).text
            else:
                break
        is_sent = answer in ("y", "yes") and (not draft.outside or self._is_confirmed(draft.receivers))
        if is_sent:
            composer.send(name, text, confirmed=draft.outside)
            terminal.say("Queued." if draft.receivers else "Recorded, with the journal's head.")
            return
        is_own = draft.kept_at is not None or text != draft.text
        composer.keep(name, text if is_own else "")
        terminal.say(f"Nothing was sent{', and the draft is kept' if is_own else ''}.")
        if others:
            terminal.say(f"Other audiences: {', '.join(others)}.")

    def _edited(self, name: str, text: str) -> str:
        """The text as it came out of the operator's editor."""
        if not self._terminal.is_terminal:
            raise BadInput("An editor needs a terminal", hint="e writes another text here")
        with self._controller.heartbeat():
            return self._controller.composer.edit(name, text) or text

    def _is_confirmed(self, receivers: Sequence[str]) -> bool:
        words = "People outside the team read it. Send exactly this to"
        return self._terminal.agreed(f"{words} {'; '.join(receivers)}?")

    def send_update(self, rest: str) -> None:
        """The draft of the status update that is due, as it is."""
        sent = self._controller.composer.send_due_draft()
        self._terminal.say("\n".join(f"  {line}" for line in sent.text.splitlines()))
        self._terminal.say(f"Queued for {'; '.join(sent.receivers)}.")

    def messages(self, rest: str) -> None:
        """The messages by channels with their fates, and a decision on one that did not arrive."""
        controller, terminal = self._controller, self._terminal
        found = known_deliveries(controller.incident, controller.folder.outbox)
        for message in found:
            first = next(iter(message.text.splitlines()), "")
            terminal.say(f"  {message.queued_at:%H:%M:%S} UTC  {delivery_words(message)}: {first}")
        lost = [message.id for message in found if message.undelivered]
        terminal.say(f"{counted(len(found), 'message')}, {len(lost)} not delivered.")
        if not lost or not controller.can_decide_messages:
            return
        chosen = terminal.ask_anew(f"Decide on one ({', '.join(lost)}), or Enter for none: ")
        if not chosen:
            return
        answer = terminal.ask_anew("a: again, it may then arrive twice. g: give it up. Enter: neither: ").lower()
        if answer not in ("a", "again", "g", "give up"):
            return
        if reason := terminal.ask_reason("Why: "):
            controller.decide_message(chosen, retry=answer.startswith("a"), reason=reason)
            terminal.say(f"Message {chosen} is {'sent again' if answer.startswith('a') else 'not sent any more'}.")

    def notify(self, rest: str) -> None:
        """Who was notified, and what."""
        runbook, owed = self._controller.runbook, self._controller.incident.to_notify
        roles = sorted(runbook.roles.values(), key=lambda role: role.id not in owed)
        if not roles:
            raise BadInput("The runbook names nobody to tell")
        for number, role in enumerate(roles, start=1):
            words = ", ".join(filter(None, (role.name, role.contact, owed.get(role.id, role.notify_when))))
            self._terminal.say(f"  {number}: {words}")
        chosen = roles[self._choice("Who was notified (number): ", len(roles)) - 1]
        self._controller.record_notification(chosen.id, rest or self._terminal.ask_text("What was said: "))
        self._terminal.say(f"Recorded: {chosen.name} was notified.")

    def severity(self, rest: str) -> None:
        """One of four, with a reason."""
        now = self._controller.incident.severity
        for number, (level, words) in enumerate(_SEVERITIES.items()):
            self._terminal.say(f"  {number}: {level} {words}{', now' if level is now else ''}")
        level = list(Severity)[self._choice("How bad is it (number): ", 3, first=0)]
        reason = self._terminal.ask_reason("Why: ", rest)
        if not reason:
            raise Interrupted
        self._controller.set_severity(level, reason)
        self._terminal.say(f"It is {level} now.")

    def _choice(self, prompt: str, last: int, *, first: int = 1) -> int:
        while True:
            answer = self._terminal.ask_anew(prompt)
            if answer.isdecimal() and first <= int(answer) <= last:
                return int(answer)
            self._terminal.say(f"A number from {first} to {last}; Ctrl+C leaves it.")


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise BadInput("This takes the number of an event", hint="j tells the events with their numbers")
    return int(text)
