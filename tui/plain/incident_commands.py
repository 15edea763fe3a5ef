"""The words that decide on the whole incident: close it, abandon it, go on by the edited runbook."""

from __future__ import annotations

from midwatch.engine import workflow
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.workflow import ActionKind
from midwatch.system.errors import Refused
from tui.plain.line_terminal import LineTerminal
from tui.plain.plan_text import script_lines
from tui.plain.step_commands import MET


class IncidentCommands:
    """Ctrl+C before the last answer leaves everything as it was."""

    def __init__(self, controller: IncidentControls, terminal: LineTerminal) -> None:
        self._controller, self._terminal = controller, terminal

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
            terminal.say(f"  {MET[state.met]}: {criterion.title}. {state.detail}")
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
        self._controller.adopt(difference, self._terminal.require_reason("Why go on by it: ", rest))
        self._terminal.say("Adopted. What is done stays done; every approval has lapsed.")

    def abandon(self, rest: str) -> None:
        """End what is no incident."""
        if freeze := self._controller.abandon(self._terminal.require_reason("Why is it no incident: ", rest)):
            self._terminal.say(f"{freeze}.")
        self._terminal.say(f"{self._controller.incident.id} is abandoned. Its record: {self._controller.folder.path}")
