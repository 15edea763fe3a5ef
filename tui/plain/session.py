"""One incident, line by line: says what is next, asks, and does what a word says. The same core and the same
journal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from midwatch.engine import workflow
from midwatch.engine.incident_controls import IncidentControls
from midwatch.engine.readings import panel_named, take_readings
from midwatch.engine.rehearsal_end import DELETED, RehearsalEnd
from midwatch.engine.workflow import ActionKind
from midwatch.incident.source_note import watcher_notice
from midwatch.incident.state import StepStatus
from midwatch.journal.notices import journal_notice
from midwatch.output.index import OutputIndex
from midwatch.reports.message_text import overdue_words
from midwatch.runbook.model import Step
from midwatch.runbook.step_names import named
from midwatch.supervisor.logind import logout_kills
from midwatch.system.errors import MidwatchError, Refused
from midwatch.system.sanitize import safe_text
from tui.plain import descriptions
from tui.plain.absence_lines import lines_after_idling, lines_on_return
from tui.plain.annotations import Annotations
from tui.plain.checklist import checklist_lines, titled
from tui.plain.collaboration import Collaboration
from tui.plain.command_words import help_lines, parse
from tui.plain.line_terminal import Gone, Interrupted, LineTerminal
from tui.plain.step_commands import StepCommands, running_step
from tui.plain.step_output import follow, follow_batch, say_end
from tui.plain.typed_ahead import has_typed_ahead

_LAST = 20
"""Events, and lines of output, that are said when nobody asks for more."""
_LIVE_LIMIT = 15.0


class Session:
    """What stands between the operator's words and the controller. It holds nothing but where the operator looks."""

    def __init__(
        self, controller: IncidentControls, terminal: LineTerminal, rehearsal: RehearsalEnd | None = None
    ) -> None:
        self._controller, self._terminal, self._rehearsal = controller, terminal, rehearsal
        self._collaboration = Collaboration(controller, terminal)
        self._deciding, self._writing = (
            StepCommands(controller, terminal, self._collaboration),
            Annotations(controller, terminal),
        )
        self._at: Step | None = None
        """The step that the operator went to; None goes with what is next."""
        self._need_checked: set[str] = set()
        self._told = 0
        """Events that were told while others wrote them."""
        self._running = {state.id for state in controller.incident.running()}
        """Running steps when they were last spoken of."""
        self._drove = controller.driving
        self._overdue_told = 0
        self._left = False

    @property
    def step(self) -> Step | None:
        """The step that the words are about."""
        if self._at is not None:
            return self._at
        return workflow.current_step(self._controller)

    def run(self) -> bool:
        """Talk until the operator leaves; True when on purpose, False when nobody is there any more."""
        say = self._terminal.say
        try:
            for line in descriptions.where_lines(self._controller, self._controller.clock.now()):
                say(line)
            for line in lines_on_return(self._controller):
                say(line)
            if warning := logout_kills():
                say(warning)
            if self._controller.incident.open and (difference := self._controller.edited_source()):
                say(f"{difference.lines[0]} The word adopt shows it and goes on by it.")
            say("A word and Enter; h lists the words, q leaves.")
            self._told = len(self._controller.events)
            while not self._left:
                self._once()
        except Gone:
            pass
        with contextlib.suppress(Gone):
            for text in self._terminal.drafts.texts:
                say(f"Not written, and lost with this session: {text}")
        return self._left

    def _once(self) -> None:
        try:
            self._news()
            self._check_need()
            self._terminal.say(descriptions.next_line(self._controller, self._next()))
            too_early = has_typed_ahead()
            line = self._ask_for_word()
            word, rest = parse(line, driving=self._controller.driving)
        except Interrupted:
            self._ask_to_leave()
            return
        except MidwatchError as error:
            self._terminal.say(str(error))
            return
        if too_early and word.needs_prompt:
            self._terminal.say(f"{line or 'Enter'} was typed before the prompt stood here, and did nothing.")
            return
        try:
            with self._terminal.drafts.about(word.name):
                self.words()[word.name](rest)
        except Interrupted:
            self._terminal.say(f"Stopped; nothing more was done.{self._terminal.drafts.kept_words}")
        except MidwatchError as error:
            self._terminal.say(f"{error}{self._terminal.drafts.kept_words}")

    def _ask_for_word(self) -> str:
        clock, first = self._controller.clock, len(self._controller.events)
        asked_at = clock.monotonic()
        with self._terminal.drafts.about(""):
            line = self._terminal.ask_text("> ")
        for missed in lines_after_idling(self._controller, clock.monotonic() - asked_at, first):
            self._terminal.say(missed)
        return line

    def _news(self) -> None:
        """What happened by itself since the last word: steps that ended, what others did, what is due."""
        controller = self._controller
        with contextlib.suppress(Refused):  # control was taken; it is said below
            controller.poll()
        if self._drove and not controller.driving and controller.incident.open:
            self._terminal.say(f"{controller.incident.driver or 'Somebody'} took control. You observe from now on.")
        self._drove = controller.driving
        running = {state.id for state in controller.incident.running()}
        for step_id in self._running - running:
            say_end(controller, controller.runbook.step(step_id), self._terminal)
        self._running = running
        if not controller.driving:
            for line in descriptions.timeline_lines(controller, first=self._told + 1):
                self._terminal.say(line)
        for event in controller.events[self._told :] if controller.driving else ():
            if words := journal_notice(event.kind, event.body) or watcher_notice(event):
                self._terminal.say(f"{words}.")
        self._told = len(controller.events)
        due, overdue = controller.next_update_due, controller.updates_overdue
        if due is not None and overdue > self._overdue_told:
            words = "us sends the draft, u shows it" if controller.composer.can_send_due_draft else "The word is u"
            self._terminal.say(f"{overdue_words(overdue, due)}. {words}.")
        self._overdue_told = overdue
        if controller.driving and controller.incident.open:
            for line in descriptions.owed_lines(controller.incident, controller.runbook):
                self._terminal.say(line)
        if (batch := controller.batch) is not None and not batch.is_active:
            for problem in batch.take_problems():
                self._terminal.say(f"Not started: {problem}")
        self._collaboration.news()

    def _check_need(self) -> None:
        """Evaluate the checks that decide whether the next step is needed; after a failure Enter checks it again."""
        action = workflow.next_action(self._controller)
        while action.kind is ActionKind.CHECK_NEED and action.step not in self._need_checked:
            self._need_checked.add(action.step)
            self._deciding.check_need(self._controller.runbook.step(action.step))
            action = workflow.next_action(self._controller)

    def _ask_to_leave(self) -> None:
        try:
            if self._rehearsal is not None:
                self._left = self._ends_rehearsal(self._rehearsal)
            else:
                self._left = self._terminal.agreed("Ctrl+C. Leave? Nothing is lost, and what runs goes on.")
        except Interrupted:
            self._terminal.say("You stay. q leaves.")

    # Words

    def words(self) -> dict[str, Callable[[str], None]]:
        """What each word does."""
        deciding, writing = self._deciding, self._writing
        return {
            "go": self._go,
            "where": self._where,
            "list": self._list,
            "view": self._view,
            "at": self._go_to,
            "plan": self._plan,
            "skip": partial(self._settle, deciding.skip),
            "fail": partial(self._settle, deciding.fail),
            "manually": partial(self._settle, deciding.manually),
            "again": partial(self._settle, deciding.again),
            "undo": partial(self._settle, deciding.undo),
            "observe": lambda rest: self._observe(),
            "start": partial(self._settle, deciding.start),
            "check": lambda rest: deciding.check(self._one()),
            "follow": lambda rest: self._follow(),
            "output": self._output,
            "cancel": lambda rest: deciding.cancel(self._under_way()),
            "note": writing.note,
            "paste": writing.paste,
            "command": writing.command,
            "correct": writing.correct,
            "star": writing.star,
            "update": writing.update,
            "send": writing.send_update,
            "messages": writing.messages,
            "notify": writing.notify,
            "severity": writing.severity,
            "handoff": self._collaboration.handoff,
            "control": self._take_control,
            "approve": self._collaboration.approve,
            "decline": self._collaboration.decline,
            "timeline": self._timeline,
            "live": lambda rest: self._live(),
            "closure": lambda rest: deciding.close(),
            "abandon": deciding.abandon,
            "adopt": deciding.adopt,
            "help": self._help,
            "quit": self._quit,
        }

    def _take_control(self, rest: str) -> None:
        self._collaboration.control(rest)
        self._spoken_of()

    def _one(self) -> Step:
        if self.step is None:
            raise Refused("No step is left", hint="at STEP goes to one")
        return self.step

    def _under_way(self) -> Step:
        step = running_step(self._controller)
        if step is None:
            raise Refused("Nothing is running")
        return step

    def _settle(self, decide: Callable[[Step, str], None], rest: str) -> None:
        decide(self._one(), rest)
        self._spoken_of()
        self._at = None

    def _go(self, rest: str) -> None:
        """The next action."""
        action = self._next()
        step = self._controller.runbook.step(action.step) if action.step else None
        if action.kind is ActionKind.GO_TO and step is not None:
            if action.is_needed_first:
                self._terminal.say(f"{titled(step)} is needed first.")
            self._at = None if step is workflow.current_step(self._controller) else step
            return
        {
            ActionKind.RUN: self._run,
            ActionKind.MARK_DONE: self._mark_done,
            ActionKind.DECIDE_NEED: self._decide_need,
            ActionKind.CHECK_NEED: lambda: self._deciding.check_need(self._one()),
            ActionKind.CHECK_OUTCOME: lambda: self._deciding.check_outcome(self._one()),
            ActionKind.OUTPUT: self._follow_or_read,
            ActionKind.TERMINAL: self._follow_or_read,
            ActionKind.TIMELINE: lambda: self._timeline(""),
            ActionKind.CLOSE: self._deciding.close,
        }[action.kind]()

    def _next(self) -> workflow.NextAction:
        return workflow.next_action(self._controller, self._at.id if self._at else "", self._deciding.inconclusive)

    def _run(self) -> None:
        step = self._one()
        self._say_why(step)
        self._deciding.run(step)
        self._spoken_of()
        self._at = None

    def _mark_done(self) -> None:
        self._view("")
        self._deciding.mark_done(self._one())
        self._at = None

    def _decide_need(self) -> None:
        self._view("")
        self._deciding.decide_need(self._one())

    def _observe(self) -> None:
        """Everything that only observes in the phase of the step."""
        step = self._one()
        self._deciding.observe(self._controller.runbook.phase_of(step.id))
        self._spoken_of()
        self._at = None

    def _follow_or_read(self) -> None:
        """The output of the step: followed while it runs, else its last lines."""
        step, batch = self._one(), self._controller.batch
        if batch is not None and batch.is_active:
            ended = [self._controller.incident.step(name).status is not StepStatus.RUNNING for name in batch.started]
            follow_batch(self._controller, self._terminal, first=ended.index(False) if False in ended else len(ended))
            self._spoken_of()
            self._at = None
        elif self._controller.incident.status(step) is StepStatus.RUNNING:
            self._followed(step)
            self._at = None
        else:
            self._output("")

    def _say_why(self, step: Step) -> None:
        if step.why:
            self._terminal.say(f"Why: {' '.join(step.why.split())}")

    def _plan(self, rest: str) -> None:
        """What the step would touch, and what running it requires."""
        self._deciding.show_plan(named(self._controller.runbook, rest) if rest else self._one())

    def _where(self, rest: str) -> None:
        for line in descriptions.where_lines(self._controller, self._controller.clock.now()):
            self._terminal.say(line)

    def _list(self, rest: str) -> None:
        incident, runbook = self._controller.incident, self._controller.runbook
        for line in checklist_lines(incident, runbook, self.step, whole=rest == "all"):
            self._terminal.say(line)

    def _view(self, rest: str) -> None:
        step = named(self._controller.runbook, rest) if rest else self._one()
        for line in descriptions.step_lines(step, self._controller.incident, self._controller.runbook):
            self._terminal.say(line)

    def _go_to(self, rest: str) -> None:
        self._at = named(self._controller.runbook, rest) if rest else None
        if self.step is not None:
            self._terminal.say(f"At {titled(self.step)}, {self._controller.incident.status(self.step).value}.")

    def _follow(self) -> None:
        self._followed(self._under_way())

    def _followed(self, step: Step) -> None:
        follow(self._controller, step, self._terminal)
        self._spoken_of()

    def _spoken_of(self) -> None:
        """What has ended by now was said by who followed it."""
        self._running = {state.id for state in self._controller.incident.running()}

    def _output(self, rest: str) -> None:
        step = self._one()
        folder = self._controller.attempt_folder(step.id)
        if folder is None:
            raise Refused(f"{titled(step)} has written nothing")
        output_index, count = OutputIndex(folder.output), int(rest) if rest.isdecimal() and len(rest) < 6 else _LAST
        while output_index.refresh():
            pass
        first = max(output_index.line_count - count, 0)
        self._terminal.say(f"Lines {first + 1} to {output_index.line_count} of {folder.output}:")
        for line in output_index.lines(first, count):
            self._terminal.say(f"  {safe_text(line)}")
        output_index.close()

    def _timeline(self, rest: str) -> None:
        self._controller.poll()
        lines = list(descriptions.timeline_lines(self._controller))
        if rest and not rest.isdecimal():
            lines = [line for line in lines if rest.lower() in line.lower()]
        for line in lines[-(int(rest) if rest.isdecimal() and len(rest) < 6 and int(rest) else _LAST) :]:
            self._terminal.say(line)

    def _live(self) -> None:
        runbook = self._controller.runbook
        names = [panel.name for panel in runbook.panels]
        if not names:
            raise Refused("The runbook has no panels")
        work = partial(take_readings, runbook, names, self._controller.clock, limit=_LIVE_LIMIT)
        for reading in self._terminal.beside("Still reading", work):
            title = panel_named(runbook, reading.probe).title or reading.probe.capitalize()
            self._terminal.say(f"{title}, read at {reading.at:%H:%M:%S} UTC:")
            if reading.error:
                self._terminal.say(f"  unknown: {reading.error}")
            for row in reading.rows:
                self._terminal.say(f"  {row.level.value}: {row.label}: {row.text}")

    def _help(self, rest: str) -> None:
        for line in help_lines(driving=self._controller.driving):
            self._terminal.say(line)

    def _quit(self, rest: str) -> None:
        if self._rehearsal is not None:
            self._left = self._ends_rehearsal(self._rehearsal)
            return
        running = [titled(self._controller.runbook.step(state.id)) for state in self._controller.incident.running()]
        if running:
            self._terminal.say(f"This goes on without you: {', '.join(running)}.")
        self._left = True

    def _ends_rehearsal(self, rehearsal: RehearsalEnd) -> bool:
        """Whether the operator leaves although everything is deleted then; the timeline is kept when they like."""
        self._terminal.say(DELETED)
        try:
            if self._terminal.agreed("Keep its timeline in a file?", otherwise=True):
                self._terminal.say(f"The timeline is in {rehearsal.export()}.")
        except MidwatchError as error:
            self._terminal.say(str(error))
        return self._terminal.agreed("Leave, and delete it?")
