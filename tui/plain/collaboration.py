"""The words that take two people: control offered, taken and asked for; a plan that a second one approves or
declines."""

from __future__ import annotations

import time
from functools import partial

from midwatch.api.plan import Plan
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.pending_requests import ASK, control_option, pending_request
from midwatch.engine.policy import approval_of, name_to_type
from midwatch.incident.state import Approval
from midwatch.reports.handoff_summary import as_lines, handoff_summary
from midwatch.runbook.model import Step
from midwatch.runbook.step_names import named
from midwatch.system.errors import Refused
from tui.plain.checklist import titled
from tui.plain.line_terminal import Interrupted, LineTerminal
from tui.plain.plan_text import plan_lines

_LOOK = 0.3
_SAY_AGAIN = 60.0
"""Seconds after which the driver is told that the second person has not answered yet."""


class Collaboration:
    """Each method is one word, but `second_person`, which a driver meets on the way to a step that takes two."""

    def __init__(self, controller: IncidentControls, terminal: LineTerminal) -> None:
        self._controller, self._terminal = controller, terminal
        self._called = ""

    def news(self) -> None:
        """What somebody wants of whoever sits here, once for as long as they want it."""
        found = pending_request(self._controller)
        words = f"{found.message}.{f' The word is {found.answer}.' if found.answer else ''}" if found else ""
        if words and words != self._called:
            self._terminal.say(words)
        self._called = words

    # The driver

    def handoff(self, rest: str) -> None:
        """How it stands, and control offered to a login; while an offer stands, it is taken back here."""
        controller, say = self._controller, self._terminal.say
        self._stands()
        if offer := controller.offer:
            say(f"Offered to {offer.to} until {offer.expires:%H:%M:%S} UTC. You have control until they take it.")
            if self._terminal.agreed("Offer it no longer?"):
                controller.withdraw_offer()
                say("It is offered no longer.")
            return
        asked = controller.incident.asked_by
        default = f" [{asked}]" if asked else ", Enter alone offers it to nobody"
        to = rest or self._terminal.ask_anew(f"To whom (a login{default}): ") or asked
        if not to:
            say("It is offered to nobody.")
            return
        controller.offer_control(to)
        assert controller.offer is not None
        until = f"{controller.offer.expires:%H:%M:%S} UTC"
        say(f"Offered to {to} until {until}. You have control until they take it, with 'midwatch' from their login.")

    def second_person(self, step: Step, plan: Plan, *, is_requested: bool) -> bool:
        """Whether a second person approves this plan: one is asked unless somebody was already, and waited for."""
        if not is_requested:
            if not self._terminal.agreed(f"{self._where} It takes two people. Ask for a second one?"):
                return False
            self._controller.request_approval(step.id, plan)
        approval = self._approval(step, plan)
        if approval and approval.waits:
            command = f"midwatch approve {self._controller.incident.id} {step.id}"
            self._terminal.say(f"It waits for a second person, who types at their own login: {command}")
            self._terminal.say("You are told when they have answered. Ctrl+C stops waiting; it stays asked for.")
            try:
                approval = self._answered(step, plan)
            except Interrupted:
                self._terminal.say(f"{titled(step)} stays asked for. Run it again once they have approved it.")
                return False
        if approval is None:
            self._terminal.say("It is asked for no longer.")
            return False
        self._called = ""
        if approval.declined:
            self._terminal.say(f"{approval.judge} declined it: {approval.declined}")
            return False
        self._terminal.say(f"{approval.judge} approved it.")
        return True

    @property
    def _where(self) -> str:
        return f"This is {self._controller.runbook.environment.word}."

    def _approval(self, step: Step, plan: Plan) -> Approval | None:
        return approval_of(step, plan, self._controller.incident)

    def _answered(self, step: Step, plan: Plan) -> Approval | None:
        """Wait until somebody has approved or declined it; None when it is asked for no longer."""
        began = said = time.monotonic()
        while (approval := self._approval(step, plan)) and approval.waits:
            self._terminal.pause(_LOOK)
            self._controller.poll()
            if time.monotonic() - said >= _SAY_AGAIN:
                said = time.monotonic()
                self._terminal.say(f"Nobody has answered yet, after {(said - began) / 60:.0f} min.")
        return approval

    # Who follows along

    def control(self, rest: str) -> None:
        """Take control where nobody holds it any more, or request it from whoever does."""
        controller, say = self._controller, self._terminal.say
        controller.poll()
        way = control_option(controller)
        say(way.message)
        self._stands()
        if way.needs_reason:
            reason = self._terminal.ask_reason("To take it, say why; Enter alone does not take it: ", rest)
            agreed = bool(reason)
        else:
            reason, agreed = "", self._terminal.agreed(f"{way.action}?")
        if not agreed:
            say("You observe as before.")
            return
        way.go(controller, reason)
        say("They are told that you ask for it." if way.action == ASK else "You have control.")

    def approve(self, rest: str) -> None:
        """The plan that waits, from its driver; approved by consent to this plan and no other."""
        controller, say = self._controller, self._terminal.say
        step = self._waiting(rest)
        plan = self._terminal.beside("Still fetching the plan", partial(controller.plan_to_approve, step.id))
        say(
            f"{titled(step)}, {step.risk}. {controller.incident.approvals[step.id].asked_by.name} asks you to "
            "approve this:"
        )
        for line in plan_lines(plan):
            say(f"  {line}")
        name = name_to_type(step, plan)
        if name:
            typed = self._terminal.ask_anew(
                f"{self._where} This cannot be undone. To approve it, type {name} ; Enter alone does not: "
            )
            agreed = typed == name
            if typed and not agreed:
                say("That is not the name.")
        else:
            typed, agreed = "", self._terminal.agreed(f"{self._where} Approve it?")
        if not agreed:
            say("Nothing was said to it; it goes on waiting. The word decline says no.")
            return
        controller.approve(step.id, plan, typed=typed if name else "")
        say("Approved. It may run as it was said here, once.")

    def decline(self, rest: str) -> None:
        """No, and why; its driver reads it."""
        step = self._waiting("")
        reason = self._terminal.ask_reason(f"Why is {titled(step)} declined: ", rest)
        if not reason:
            raise Interrupted
        self._controller.decline(step.id, reason)
        self._terminal.say("Declined.")

    def _waiting(self, rest: str) -> Step:
        self._controller.poll()  # it may have been asked for while the word was typed
        waiting = self._controller.pending_steps()
        if not waiting:
            raise Refused("No plan waits for a second person")
        step = named(self._controller.runbook, rest) if rest else waiting[0]
        if step not in waiting:
            raise Refused(f"{titled(step)} does not wait for a second person", hint=f"What does: {waiting[0].id}")
        return step

    def _stands(self) -> None:
        controller = self._controller
        sections = handoff_summary(
            controller.runbook, controller.incident, controller.clock, controller.next_update_due
        )
        for line in as_lines(sections):
            self._terminal.say(line)
