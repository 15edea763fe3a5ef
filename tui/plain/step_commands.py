"""The words that decide on a step: run it by its plan and by consent, mark it done, skip it, take it back."""

from __future__ import annotations

from functools import partial

from midwatch.api.plan import Plan
from midwatch.engine.incident_controls import IncidentControls
from midwatch.engine.policy import name_to_type, risk_of
from midwatch.incident.server_pins import other_servers, pins_of
from midwatch.runbook.model import Risk, Step, StepKind
from midwatch.system.errors import Refused
from tui.plain.collaboration import Collaboration
from tui.plain.descriptions import titled
from tui.plain.line_terminal import Interrupted, LineTerminal
from tui.plain.plan_text import plan_lines
from tui.plain.question_prompt import answered
from tui.plain.step_output import follow

_HOLDS = {True: "holds", False: "does not hold", None: "unknown"}
_MET = {True: "met", False: "not met", None: "unknown"}


class StepCommands:
    """Each method is about one step; Ctrl+C before the consent leaves everything as it was."""

    def __init__(self, controller: IncidentControls, terminal: LineTerminal, company: Collaboration) -> None:
        self._conductor, self._teletype, self._collaboration = controller, terminal, company

    # By machine

    def look(self, step: Step, *, undo: bool = False) -> Plan:
        """Make its plan and say it. Raises `MidwatchError` when it cannot be made."""
        say = self._teletype.say
        say(f"Looking what {'taking back ' if undo else ''}{titled(step)} would do.")
        plan = self._teletype.beside("Still looking", partial(self._conductor.plan, step.id, undo=undo))
        say("It would:")
        for line in plan_lines(plan):
            say(f"  {line}")
        return plan

    def run(self, step: Step, reason: str = "", *, undo: bool = False) -> None:
        """Plan, consent by risk, run, follow."""
        controller, terminal = self._conductor, self._teletype
        plan = self.look(step, undo=undo)
        if plan.refusal:
            if self._pinned_anew(plan):
                self.run(step, reason, undo=undo)
            return
        if not undo and not reason:
            reason = self._override(step)
        if not undo and not self._collaboration.second_person(step, plan):
            return
        typed = self._consent(step, plan)
        if typed is None:
            terminal.say("Nothing was done.")
            return
        controller.start(step.id, plan, typed=typed, reason=reason, undo=undo)
        terminal.say(f"{titled(step)} runs.")
        follow(controller, step, terminal)

    def _pinned_anew(self, plan: Plan) -> bool:
        """Whether a server that is not the pinned one was said to be the right one."""
        controller, terminal = self._conductor, self._teletype
        if not controller.driving or not other_servers(plan, pins_of(controller.runbook, controller.incident.pins)):
            return False
        reason = terminal.ask_reason("If it is the right server now, say why; Enter alone leaves it as it was pinned: ")
        if reason:
            controller.pin_anew(plan, reason)
            terminal.say("Pinned anew; planning again.")
        return bool(reason)

    def _override(self, step: Step) -> str:
        """Why it runs although something that it requires does not hold; empty when all holds."""
        if not step.preconditions:
            return ""
        found = self._teletype.beside("Still looking", partial(self._conductor.evaluate_preconditions, step.id))
        for required in step.preconditions:
            state = found[required.id]
            self._teletype.say(f"Required: {required.title}: {_HOLDS[state.met]}. {state.detail}")
        if all(found[required.id].met is True for required in step.preconditions):
            return ""
        reason = self._teletype.ask_reason("To run it all the same, say why; Enter alone does not run it: ")
        if not reason:
            raise Refused(f"{step.title} was not run", hint="Mend what it requires first")
        return reason

    def _consent(self, step: Step, plan: Plan) -> str | None:
        """What was typed where a name is needed, else an empty string; None for no consent."""
        risk = risk_of(step, plan)
        if risk is Risk.OBSERVE:
            return ""
        where = self._conductor.runbook.environment.word
        if name := name_to_type(step, plan):
            typed = self._teletype.ask_anew(
                f"This is {where}. This cannot be undone. To run it, type {name} ; Enter alone does not: "
            )
            if typed and typed != name:
                self._teletype.say("That is not the name.")
            return typed if typed == name else None
        return "" if self._teletype.agreed(f"This is {where}. Run it?") else None

    # Manually

    def tick(self, step: Step) -> None:
        """A person did it: its questions, then a note."""
        if not self._teletype.agreed("Is it done?"):
            self._teletype.say("It stays to do. s skips it with a reason; f says that it failed.")
            return
        state = self._conductor.incident.steps.get(step.id)
        known = state.values if state else {}
        otherwise = "leaves the step as it was"
        values = {
            ask.name: answered(self._teletype, ask, known.get(ask.name, ask.default), otherwise)
            for ask in step.questions
        }
        note = self._teletype.ask("What was said: " if step.notify else "A note (may stay empty): ")
        self._conductor.mark_done(step.id, note=note, values=values)
        self._teletype.say(f"{titled(step)}: done.")

    def decide_need(self, step: Step) -> None:
        """Nobody can know whether the step is needed: the operator says so, with the reason."""
        self._teletype.say(f"Whether it is needed is not known: {self._conductor.incident.condition(step).reason}.")
        reason = self._teletype.ask_reason(
            "If it is needed, say why; Enter alone decides nothing, s skips it: ", others=("s",)
        )
        if not reason:
            self._teletype.say("It stays undecided.")
        elif reason == "s":
            self.skip(step, "")
        else:
            self._conductor.reopen(step.id, reason)
            self._teletype.say(f"{titled(step)} is needed.")

    def _reason(self, rest: str, prompt: str) -> str:
        """Why. Raises `Interrupted` when nobody says it."""
        reason = self._teletype.ask_reason(prompt, rest)
        if not reason:
            raise Interrupted
        return reason

    def skip(self, step: Step, rest: str) -> None:
        """Go on without it."""
        self._conductor.skip(step.id, self._reason(rest, f"Why is {titled(step)} skipped: "))
        self._teletype.say(f"{titled(step)}: skipped.")

    def fail(self, step: Step, rest: str) -> None:
        """A person tried and it did not work."""
        self._conductor.mark_failed(step.id, self._reason(rest, "What went wrong: "))
        advice = f" {' '.join(step.on_failure.advice.split())}" if step.on_failure.advice else ""
        self._teletype.say(f"{titled(step)}: failed.{advice}")

    def manually(self, step: Step, rest: str) -> None:
        """What Midwatch could not do, a person did."""
        self._conductor.mark_done(step.id, note=self._reason(rest, "How was it done: "))
        self._teletype.say(f"{titled(step)}: done manually.")

    def again(self, step: Step, rest: str) -> None:
        """A concluded step once more: run with the reason, or opened again where a person does it."""
        reason = self._reason(rest, "Why again: ")
        if step.kind is StepKind.MANUAL:
            self._conductor.reopen(step.id, reason)
            self._teletype.say(f"{titled(step)} is to do again.")
        else:
            self.run(step, reason)

    def undo(self, step: Step, rest: str) -> None:
        """Undo what it did."""
        self.run(step, self._reason(rest, "Why is it taken back: "), undo=True)

    def start(self, step: Step, rest: str) -> None:
        """Go on here, whatever waits before it."""
        self._conductor.start_from(step.id, self._reason(rest, f"Why start from {titled(step)}: "))
        self._teletype.say(f"Going on at {titled(step)}; the steps before it are skipped with this reason.")

    def verify(self, step: Step) -> None:
        """Look up what nobody saw the end of."""
        holds = self._teletype.beside("Still looking", partial(self._conductor.check_outcome, step.id))
        words = {
            True: "It took effect: done.",
            False: "It took no effect: it may be run again.",
            None: "Unknown still.",
        }
        self._teletype.say(words[holds])

    def cancel(self, step: Step) -> None:
        """End it while it runs."""
        if self._teletype.agreed(
            f"This is {self._conductor.runbook.environment.word}. End {titled(step)}? What it has done so far stays done."
        ):
            self._conductor.cancel(step.id)
            follow(self._conductor, step, self._teletype)

    # The end

    def close(self) -> None:
        """Every criterion as it is now; closing, with a reason where one is not met."""
        controller, terminal = self._conductor, self._teletype
        terminal.say("Evaluating the closure criteria; slow checks read a whole backup.")
        found = terminal.beside("Still evaluating", controller.evaluate_closure)
        unmet = 0
        for criterion in controller.runbook.closure:
            state = found[criterion.id]
            unmet += state.met is not True
            terminal.say(f"  {_MET[state.met]}: {criterion.title}. {state.detail}")
        terminal.say(f"{unmet} of {len(controller.runbook.closure)} are not met." if unmet else "All are met.")
        if not controller.driving or not controller.incident.open:
            return
        reason = ""
        if unmet:
            reason = terminal.ask_reason("To close all the same, say why; Enter alone keeps it open: ")
        if not (reason if unmet else terminal.agreed(f"Close {controller.incident.id}?")):
            terminal.say("It stays open.")
            return
        terminal.say("Evaluating once more, then closing.")
        controller.close(reason=reason)
        terminal.say(
            f"{controller.incident.id} is closed. Its record: {len(controller.events)} events, head {controller.head}"
        )


def running_step(controller: IncidentControls) -> Step | None:
    """The step running, if there is one; the newest of several."""
    running = controller.incident.running()
    return controller.runbook.step(running[-1].id) if running else None
