"""The words that run a step: by its plan and by consent, its undo, the check of its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from midwatch.api.plan import Plan
from midwatch.engine import workflow
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.workflow import ActionKind
from midwatch.incident.step_state import CriterionState
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.condition_forms import checks_in
from midwatch.runbook.model import Phase, Step
from midwatch.system.errors import MidwatchError
from tui.plain.checklist import titled
from tui.plain.collaboration import Collaboration
from tui.plain.line_terminal import LineTerminal
from tui.plain.plan_text import plan_lines, requirement_lines, script_lines
from tui.plain.step_output import follow, follow_batch, run_words

MET = {True: "met", False: "not met", None: "unknown"}


class StepCommands:
    """Each method is about one step; Ctrl+C before the consent leaves everything as it was."""

    def __init__(self, controller: IncidentControls, terminal: LineTerminal, company: Collaboration) -> None:
        self._controller, self._terminal, self._collaboration = controller, terminal, company
        self.inconclusive: set[str] = set()
        """Steps whose outcome was checked in vain."""

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
                    reason = terminal.require_reason(_why(unmet, undo=undo))
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
            self._terminal.say(f"Required: {required.title}: {MET[state.met]}. {state.detail}")
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

    def undo(self, step: Step, rest: str) -> None:
        """Undo what it did."""
        self.run(step, rest, undo=True)

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


def _why(unmet: Sequence[str], *, undo: bool) -> str:
    if undo:
        return "Why is it undone: "
    return "To run it all the same, say why; Enter alone does not run it: " if unmet else "Why again: "
