"""The words by which a person decides on a step: done, skipped, failed, needed, once more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.step_selection import named_by_risk, steps_passed_over
from midwatch.runbook.model import Step, StepKind
from midwatch.runbook.value_sources import Question
from tui.plain.checklist import titled
from tui.plain.line_terminal import LineTerminal
from tui.plain.question_prompt import answered
from tui.plain.step_commands import StepCommands


class DecisionCommands:
    """Each method is about one step; Ctrl+C before the last answer leaves everything as it was."""

    def __init__(self, controller: IncidentControls, terminal: LineTerminal, steps: StepCommands) -> None:
        self._controller, self._terminal, self._steps = controller, terminal, steps

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

    def skip(self, step: Step, rest: str) -> None:
        """Go on without it."""
        self._controller.skip(step.id, self._terminal.require_reason(f"Why is {titled(step)} skipped: ", rest))
        self._terminal.say(f"{titled(step)}: skipped.")

    def fail(self, step: Step, rest: str) -> None:
        """A person tried and it did not work."""
        self._controller.mark_failed(step.id, self._terminal.require_reason("What went wrong: ", rest))
        advice = f" {' '.join(step.on_failure.advice.split())}" if step.on_failure.advice else ""
        self._terminal.say(f"{titled(step)}: failed.{advice}")

    def manually(self, step: Step, rest: str) -> None:
        """What Midwatch could not do, a person did."""
        self._controller.mark_done(step.id, note=self._terminal.require_reason("How was it done: ", rest))
        self._terminal.say(f"{titled(step)}: done manually.")

    def again(self, step: Step, rest: str) -> None:
        """A concluded step once more: run with a reason, or opened again where a person does it."""
        if step.kind is StepKind.MANUAL:
            self._controller.reopen(step.id, self._terminal.require_reason("Why again: ", rest))
            self._terminal.say(f"{titled(step)} is to do again.")
        else:
            self._steps.run(step, rest)

    def start(self, step: Step, rest: str) -> None:
        """Go on here, whatever waits before it."""
        skipped = steps_passed_over(step, self._controller.incident, self._controller.runbook)
        for risk, names in named_by_risk(skipped):
            self._terminal.say(f"This skips, {risk}: {names}")
        self._controller.start_from(step.id, self._terminal.require_reason(f"Why start from {titled(step)}: ", rest))
        self._terminal.say(f"Going on at {titled(step)}; the steps before it are skipped with this reason.")
