"""The words that decide on a step: run it by its plan and by consent, mark it done, skip it, undo it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from midwatch.api.plan import Plan
from midwatch.engine import workflow
from midwatch.engine.incident_controls import IncidentControls
from midwatch.engine.step_selection import named_by_risk, steps_passed_over
from midwatch.engine.workflow import ActionKind
from midwatch.incident.state import CriterionState, StepStatus
from midwatch.runbook.condition_forms import checks_in
from midwatch.runbook.model import Phase, Question, Step, StepKind
from midwatch.system.errors import MidwatchError, Refused
from tui.plain.checklist import titled
from tui.plain.collaboration import Collaboration
from tui.plain.line_terminal import Interrupted, LineTerminal
from tui.plain.plan_text import plan_lines, requirement_lines, script_lines
from tui.plain.question_prompt import answered
from tui.plain.step_output import follow, follow_batch, run_words

_MET = {True: "met", False: "not met", None: "unknown"}


class StepCommands:
    """Each method is about one step; Ctrl+C before the consent leaves everything as it was."""

    def __init__(self, controller: IncidentControls, terminal: LineTerminal, company: Collaboration) -> None:
        self._controller, self._terminal, self._collaboration = controller, terminal, company
        self.inconclusive: set[str] = set()
        """Steps whose outcome was checked in vain."""

    # By machine

    def plan(self, step: Step, *, undo: bool = False) -> Plan:
        """Make its plan and say it. Raises `MidwatchError` when it cannot be made."""
        say = self._terminal.say
        say(f"Planning {'the undo of ' if undo else ''}{titled(step)}.")
        plan = self._terminal.beside("Still planning", partial(self._controller.plan, step.id, undo=undo))
        say("It would:")
        for line in plan_lines(plan):
            say(f"  {line}")
        return plan

    def show_plan(self, step: Step) -> None:
        """Say the plan of the step, and what running it requires. Changes nothing."""
        say = self._terminal.say
        try:
            plan = self.plan(step)
        except MidwatchError as error:
            say(f"It cannot be planned now: {error}")
            for line in requirement_lines(step, self._controller.runbook, None):
                say(f"  {line}")
            return
        if step.when is not None:
            say(f"Whether it is needed: {self._controller.incident.condition(step).reason}.")
        for required in step.preconditions:
            say(f"It requires: {required.title}.")
        for needed in workflow.requirements(self._controller, ActionKind.RUN, step.id, plan=plan):
            match needed:
                case workflow.Reason():
                    say("To run it, say why.")
                case workflow.Approval():
                    say("It takes a second person.")
                case workflow.OwnTerminal():
                    say("It takes this terminal until it ends.")
                case workflow.Secrets(names):
                    say(f"It asks for {' and '.join(names)}, unseen.")
                case workflow.TypedName(name):
                    say(f"To run it, type {name} when you are asked.")

    def run(self, step: Step, reason: str = "", *, undo: bool = False) -> None:
        """Plan it, ask for what the plan requires, run it, follow it."""
        controller, terminal = self._controller, self._terminal
        plan = self.plan(step, undo=undo)
        found = None if undo or plan.refusal else self._preconditions(step)
        kind, typed = ActionKind.UNDO if undo else ActionKind.RUN, ""
        secrets: dict[str, str] = {}
        for needed in workflow.requirements(controller, kind, step.id, plan=plan, found=found):
            match needed:
                case workflow.PinReason() if self._pinned_anew(plan):
                    self.run(step, reason, undo=undo)
                    return
                case workflow.PinReason() | workflow.Refusal():
                    return
                case workflow.Reason(unmet) if not reason:
                    reason = self._reason("", _why(unmet, undo=undo))
                case workflow.Approval(is_requested):
                    if not self._collaboration.second_person(step, plan, is_requested=is_requested):
                        return
                case workflow.Secrets(names):
                    secrets = {name: terminal.ask_unseen(f"The secret {name}, which is not shown: ") for name in names}
                case workflow.TypedName(name):
                    typed = name if self._is_typed(name) else ""
                    if not typed:
                        return
                case workflow.OwnTerminal():
                    if not terminal.is_terminal:
                        terminal.say(
                            "The step needs a person at its terminal, and there is none here. Nothing was done."
                        )
                        return
                case workflow.YesNo():
                    if not terminal.agreed(f"This is {self._where}. {'Undo' if undo else 'Run'} it?"):
                        terminal.say("Nothing was done.")
                        return
        controller.start(step.id, plan, typed=typed, reason=reason, undo=undo, secrets=secrets)
        if step.loop is not None:
            follow_batch(controller, terminal)
            return
        terminal.say(f"{run_words(controller, step)} runs.")
        follow(controller, step, terminal)

    def observe(self, phase: Phase) -> None:
        """Run every step of the phase that only observes."""
        self._controller.start_observing(phase.id)
        follow_batch(self._controller, self._terminal)

    def _pinned_anew(self, plan: Plan) -> bool:
        """Whether a server that is not the pinned one was said to be the right one."""
        prompt = "If it is the right server now, say why; Enter alone leaves it as it was pinned: "
        reason = self._terminal.ask_reason(prompt)
        if reason:
            self._controller.pin_anew(plan, reason)
            self._terminal.say("Pinned anew; planning again.")
        return bool(reason)

    def _preconditions(self, step: Step) -> Mapping[str, CriterionState]:
        """Evaluate the preconditions of the step, and say what was found."""
        if not step.preconditions:
            return {}
        self._terminal.say("Evaluating what it requires.")
        found = self._terminal.beside("Still evaluating", partial(self._controller.evaluate_preconditions, step.id))
        for required in step.preconditions:
            state = found[required.id]
            self._terminal.say(f"Required: {required.title}: {_MET[state.met]}. {state.detail}")
        return found

    def _is_typed(self, name: str) -> bool:
        """Whether the name of what is destroyed was typed."""
        prompt = f"This is {self._where}. This cannot be undone. To run it, type {name} ; Enter alone does not: "
        typed = self._terminal.ask_anew(prompt)
        if typed != name:
            self._terminal.say(f"{'That is not the name. ' if typed else ''}Nothing was done.")
        return typed == name

    @property
    def _where(self) -> str:
        return self._controller.runbook.environment.word

    # Manually

    def mark_done(self, step: Step) -> None:
        """A person did it: its questions, then a note."""
        if not self._terminal.agreed("Is it done?"):
            self._terminal.say("It stays to do. s skips it with a reason; f says that it failed.")
            return
        state = self._controller.incident.steps.get(step.id)
        known = state.values if state else {}
        otherwise = "leaves the step as it was"
        values = {
            ask.name: answered(self._terminal, ask, known.get(ask.name, ask.default), otherwise)
            for ask in self._questions(step)
        }
        prompt = "What was said: " if step.notify else "A note (may stay empty): "
        if (sent := self._controller.composer.draft_for(step)) is not None:
            self._terminal.say(f"This is sent to {'; '.join(sent.receivers)}:")
            self._terminal.say("\n".join(f"  {line}" for line in sent.text.splitlines()))
            prompt = "Another text, or Enter to send this one: "
        note = self._terminal.ask_text(prompt)
        self._controller.mark_done(step.id, note=note, values=values)
        self._terminal.say(f"{titled(step)}: done.")

    def _questions(self, step: Step) -> Sequence[Question]:
        """The questions with their choices; the commands that print them are said first."""
        commands = [ask for ask in step.questions if ask.options_command]
        for ask in commands:
            self._terminal.say(f"Reading the choices of {ask.name}: {' / '.join(ask.options_command.splitlines())}")
        if not commands:
            return step.questions
        return self._terminal.beside("Still reading", partial(self._controller.questions, step.id))

    def decide_need(self, step: Step) -> None:
        """Nobody can know whether the step is needed: the operator says so, with the reason."""
        self._terminal.say(f"Whether it is needed is not known: {self._controller.incident.condition(step).reason}.")
        reason = self._terminal.ask_reason(
            "If it is needed, say why; Enter alone decides nothing, s skips it: ", others=("s",)
        )
        if not reason:
            self._terminal.say("It stays undecided.")
        elif reason == "s":
            self.skip(step, "")
        else:
            self._controller.reopen(step.id, reason)
            self._terminal.say(f"{titled(step)} is needed.")

    def _reason(self, rest: str, prompt: str) -> str:
        """Why. Raises `Interrupted` when nobody says it."""
        reason = self._terminal.ask_reason(prompt, rest)
        if not reason:
            raise Interrupted
        return reason

    def skip(self, step: Step, rest: str) -> None:
        """Go on without it."""
        self._controller.skip(step.id, self._reason(rest, f"Why is {titled(step)} skipped: "))
        self._terminal.say(f"{titled(step)}: skipped.")

    def fail(self, step: Step, rest: str) -> None:
        """A person tried and it did not work."""
        self._controller.mark_failed(step.id, self._reason(rest, "What went wrong: "))
        advice = f" {' '.join(step.on_failure.advice.split())}" if step.on_failure.advice else ""
        self._terminal.say(f"{titled(step)}: failed.{advice}")

    def manually(self, step: Step, rest: str) -> None:
        """What Midwatch could not do, a person did."""
        self._controller.mark_done(step.id, note=self._reason(rest, "How was it done: "))
        self._terminal.say(f"{titled(step)}: done manually.")

    def again(self, step: Step, rest: str) -> None:
        """A concluded step once more: run with a reason, or opened again where a person does it."""
        if step.kind is StepKind.MANUAL:
            self._controller.reopen(step.id, self._reason(rest, "Why again: "))
            self._terminal.say(f"{titled(step)} is to do again.")
        else:
            self.run(step, rest)

    def undo(self, step: Step, rest: str) -> None:
        """Undo what it did."""
        self.run(step, rest, undo=True)

    def start(self, step: Step, rest: str) -> None:
        """Go on here, whatever waits before it."""
        skipped = steps_passed_over(step, self._controller.incident, self._controller.runbook)
        for risk, names in named_by_risk(skipped):
            self._terminal.say(f"This skips, {risk}: {names}")
        self._controller.start_from(step.id, self._reason(rest, f"Why start from {titled(step)}: "))
        self._terminal.say(f"Going on at {titled(step)}; the steps before it are skipped with this reason.")

    def check(self, step: Step) -> None:
        """How a step ended that nobody saw the end of, or else whether the step is needed."""
        if self._controller.incident.status(step) is StepStatus.UNKNOWN or not checks_in(step.when):
            self.check_outcome(step)
        else:
            self.check_need(step)

    def check_need(self, step: Step) -> None:
        """Evaluate the checks of the step's condition, and say what was found."""
        self._terminal.say(f"Checking whether {titled(step)} is needed.")
        for check in checks_in(step.when):
            for line in script_lines(check):
                self._terminal.say(f"  {line}")
        self._terminal.beside("Still checking", partial(self._controller.check_need, step.id))
        self._terminal.say(f"{titled(step)}: {workflow.need_words(self._controller, step)}.")

    def check_outcome(self, step: Step) -> None:
        """Have the step's action find out how it ended. When that fails, the next action is to run it again."""
        holds = None
        try:
            holds = self._terminal.beside("Still checking", partial(self._controller.check_outcome, step.id))
        finally:
            if holds is None:
                self.inconclusive.add(step.id)
        words = {
            True: "It took effect: done.",
            False: "It took no effect: it may be run again.",
            None: "It is still unknown. m says that it was done manually; Enter runs it again, with a reason.",
        }
        self._terminal.say(words[holds])

    def cancel(self, step: Step) -> None:
        """End it while it runs."""
        if self._terminal.agreed(
            f"This is {self._controller.runbook.environment.word}. End {titled(step)}? What it has done so far "
            "stays done."
        ):
            self._controller.cancel(step.id)
            follow(self._controller, step, self._terminal)

    # The end

    def close(self) -> None:
        """Every criterion as it is now; closing, with a reason where one is not met."""
        controller, terminal = self._controller, self._terminal
        terminal.say("Evaluating the closure criteria; slow checks read a whole backup.")
        for criterion in controller.runbook.closure:
            for line in script_lines(criterion):
                terminal.say(f"  {line}")
        found = terminal.beside("Still evaluating", controller.evaluate_closure)
        unmet = 0
        for criterion in controller.runbook.closure:
            state = found[criterion.id]
            unmet += state.met is not True
            terminal.say(f"  {_MET[state.met]}: {criterion.title}. {state.detail}")
        terminal.say(f"{unmet} of {len(controller.runbook.closure)} are not met." if unmet else "All are met.")
        reason = ""
        if not controller.driving or not controller.incident.open:
            return
        for left in workflow.open_ends(controller):
            terminal.say(f"{left}.")
        if freeze := terminal.beside("Still asking for the freeze", controller.freeze_to_lift):
            terminal.say(f"{freeze}.")
        for needed in workflow.requirements(controller, ActionKind.CLOSE, found=found):
            if isinstance(needed, workflow.Reason):
                reason = terminal.ask_reason("To close all the same, say why; Enter alone keeps it open: ")
                agreed = bool(reason)
            else:
                agreed = terminal.agreed(f"Close {controller.incident.id}?")
            if not agreed:
                terminal.say("It stays open.")
                return
        terminal.say("Evaluating once more, then closing.")
        if freeze := controller.close(reason=reason):
            terminal.say(f"{freeze}.")
        terminal.say(
            f"{controller.incident.id} is closed. Its record: {len(controller.events)} events, head {controller.head}"
        )

    def adopt(self, rest: str) -> None:
        """Show how the edited runbook differs from the incident's copy, and go on by it."""
        difference = self._controller.edited_source()
        if difference is None:
            raise Refused("There is no edited runbook to adopt", hint="midwatch adopt says why")
        for line in difference.lines:
            self._terminal.say(line)
        self._controller.adopt(difference, self._reason(rest, "Why go on by it: "))
        self._terminal.say("Adopted. What is done stays done; every approval has lapsed.")

    def abandon(self, rest: str) -> None:
        """End what is no incident."""
        if freeze := self._controller.abandon(self._reason(rest, "Why is it no incident: ")):
            self._terminal.say(f"{freeze}.")
        self._terminal.say(f"{self._controller.incident.id} is abandoned. Its record: {self._controller.folder.path}")


def running_step(controller: IncidentControls) -> Step | None:
    """The step running, if there is one; the newest of several."""
    running = controller.incident.running()
    return controller.runbook.step(running[-1].id) if running else None


def _why(unmet: Sequence[str], *, undo: bool) -> str:
    if undo:
        return "Why is it undone: "
    return "To run it all the same, say why; Enter alone does not run it: " if unmet else "Why again: "
