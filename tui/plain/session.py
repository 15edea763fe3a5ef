"""One incident, line by line: says what is next, asks, and does what a word says. The same core and the same
journal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from midwatch.engine import workflow
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.rehearsal_end import DELETED, RehearsalEnd
from midwatch.engine.workflow import ActionKind
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import Step
from midwatch.runbook.step_names import named
from midwatch.supervisor.logind import logout_kills
from midwatch.system.errors import MidwatchError, Refused
from tui.plain import descriptions
from tui.plain.absence_lines import lines_after_idling, lines_on_return
from tui.plain.annotations import Annotations
from tui.plain.checklist import titled
from tui.plain.collaboration import Collaboration
from tui.plain.command_words import parse
from tui.plain.decision_commands import DecisionCommands
from tui.plain.display_commands import DisplayCommands
from tui.plain.incident_commands import IncidentCommands
from tui.plain.line_terminal import Gone, Interrupted, LineTerminal
from tui.plain.news import News
from tui.plain.step_commands import StepCommands
from tui.plain.step_output import follow, follow_batch
from tui.plain.typed_ahead import has_typed_ahead


class Session:
    """What stands between the operator's words and the controller. It holds nothing but where the operator looks."""

    def __init__(
        self, controller: IncidentControls, terminal: LineTerminal, rehearsal: RehearsalEnd | None = None
    ) -> None:
        self._controller, self._terminal, self._rehearsal = controller, terminal, rehearsal
        self._collaboration = Collaboration(controller, terminal)
        self._steps = StepCommands(controller, terminal, self._collaboration)
        self._decisions = DecisionCommands(controller, terminal, self._steps)
        self._whole = IncidentCommands(controller, terminal)
        self._writing = Annotations(controller, terminal)
        self._display = DisplayCommands(controller, terminal)
        self._news = News(controller, terminal, self._collaboration)
        self._at: Step | None = None
        """The step that the operator went to; None goes with what is next."""
        self._need_checked: set[str] = set()
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
            self._display.where()
            for line in lines_on_return(self._controller):
                say(line)
            if warning := logout_kills():
                say(warning)
            if self._controller.incident.open and (difference := self._controller.edited_source()):
                say(f"{difference.lines[0]} The word adopt shows it and goes on by it.")
            say("A word and Enter; h lists the words, q leaves.")
            self._news.pass_over_events()
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
            self._news.say()
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

    def _check_need(self) -> None:
        """Evaluate the checks that decide whether the next step is needed; after a failure Enter checks it again."""
        action = workflow.next_action(self._controller)
        while action.kind is ActionKind.CHECK_NEED and action.step not in self._need_checked:
            self._need_checked.add(action.step)
            self._steps.check_need(self._controller.runbook.step(action.step))
            action = workflow.next_action(self._controller)

    def _ask_to_leave(self) -> None:
        try:
            if self._rehearsal is not None:
                self._left = self._ends_rehearsal(self._rehearsal)
            else:
                lost = "What you typed is lost then" if self._terminal.drafts.texts else "Nothing is lost"
                self._left = self._terminal.agreed(f"Ctrl+C. Leave? {lost}, and what runs goes on.")
        except Interrupted:
            self._terminal.say("You stay. q leaves.")

    # Words

    def words(self) -> dict[str, Callable[[str], None]]:
        """What each word does."""
        steps, decisions, writing, display = self._steps, self._decisions, self._writing, self._display
        return {
            "go": self._go,
            "where": lambda rest: display.where(),
            "list": lambda rest: display.list(self.step, rest),
            "view": lambda rest: display.step(self._named(rest)),
            "at": self._go_to,
            "plan": lambda rest: steps.show_plan(self._named(rest)),
            "skip": partial(self._settle, decisions.skip),
            "fail": partial(self._settle, decisions.fail),
            "manually": partial(self._settle, decisions.manually),
            "again": partial(self._settle, decisions.again),
            "undo": partial(self._settle, steps.undo),
            "observe": partial(self._settle, self._observe),
            "start": partial(self._settle, decisions.start),
            "check": lambda rest: steps.check(self._one()),
            "follow": lambda rest: self._follow(),
            "output": lambda rest: display.output(self._one(), rest),
            "cancel": lambda rest: steps.cancel(self._under_way()),
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
            "timeline": display.timeline,
            "live": lambda rest: display.live(),
            "closure": lambda rest: self._whole.close(),
            "abandon": self._whole.abandon,
            "adopt": self._whole.adopt,
            "help": lambda rest: display.help(),
            "quit": self._quit,
        }

    def _take_control(self, rest: str) -> None:
        self._collaboration.control(rest)
        self._news.pass_over_ends()

    def _one(self) -> Step:
        if self.step is None:
            raise Refused("No step is left", hint="at STEP goes to one")
        return self.step

    def _named(self, rest: str) -> Step:
        return named(self._controller.runbook, rest) if rest else self._one()

    def _under_way(self) -> Step:
        """The step that runs; the newest of several."""
        running = self._controller.incident.running()
        if not running:
            raise Refused("Nothing is running")
        return self._controller.runbook.step(running[-1].id)

    def _settle(self, decide: Callable[[Step, str], None], rest: str) -> None:
        decide(self._one(), rest)
        self._news.pass_over_ends()
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
            ActionKind.RUN: lambda: self._settle(self._run, ""),
            ActionKind.MARK_DONE: self._mark_done,
            ActionKind.DECIDE_NEED: self._decide_need,
            ActionKind.CHECK_NEED: lambda: self._steps.check_need(self._one()),
            ActionKind.CHECK_OUTCOME: lambda: self._steps.check_outcome(self._one()),
            ActionKind.OUTPUT: self._follow_or_read,
            ActionKind.TERMINAL: self._follow_or_read,
            ActionKind.TIMELINE: lambda: self._display.timeline(""),
            ActionKind.CLOSE: self._whole.close,
        }[action.kind]()

    def _next(self) -> workflow.NextAction:
        return workflow.next_action(self._controller, self._at.id if self._at else "", self._steps.inconclusive)

    def _run(self, step: Step, rest: str) -> None:
        if step.why:
            self._terminal.say(f"Why: {' '.join(step.why.split())}")
        self._steps.run(step)

    def _mark_done(self) -> None:
        self._display.step(self._one())
        self._decisions.mark_done(self._one())
        self._at = None

    def _decide_need(self) -> None:
        self._display.step(self._one())
        self._decisions.decide_need(self._one())

    def _observe(self, step: Step, rest: str) -> None:
        """Everything that only observes in the phase of the step."""
        self._steps.observe(self._controller.runbook.phase_of(step.id))

    def _follow_or_read(self) -> None:
        """The output of the step: followed while it runs, else its last lines."""
        step, batch = self._one(), self._controller.batch
        if batch is not None and batch.is_active:
            ended = [self._controller.incident.step(name).status is not StepStatus.RUNNING for name in batch.started]
            follow_batch(self._controller, self._terminal, first=ended.index(False) if False in ended else len(ended))
            self._news.pass_over_ends()
            self._at = None
        elif self._controller.incident.status(step) is StepStatus.RUNNING:
            self._followed(step)
            self._at = None
        else:
            self._display.output(step, "")

    def _go_to(self, rest: str) -> None:
        self._at = named(self._controller.runbook, rest) if rest else None
        if self.step is not None:
            self._terminal.say(f"At {titled(self.step)}, {self._controller.incident.status(self.step).value}.")

    def _follow(self) -> None:
        self._followed(self._under_way())

    def _followed(self, step: Step) -> None:
        follow(self._controller, step, self._terminal)
        self._news.pass_over_ends()

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
