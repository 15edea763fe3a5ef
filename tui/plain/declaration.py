"""Before there is an incident: whether one is declared, and what the runbook asks for then, line by line."""

from __future__ import annotations

from collections.abc import Mapping

from midwatch.runbook.declaration import Declaration, inputs_of
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from tui.plain.line_terminal import Gone, Interrupted, LineTerminal
from tui.plain.question_prompt import answered


def declaration(runbook: Runbook, given: Mapping[str, str], *, sure: bool) -> Declaration | None:
    """What is declared; None when nothing is. `given` is asked for no more; `sure` says that it is wanted in any case.

    Raises `KeyboardInterrupt` on Ctrl+C, and `BadInput` for inputs that are too long together: nothing is declared
    then.
    """
    terminal = LineTerminal()
    with terminal.listening():
        try:
            severity = runbook.severity if sure else _severity(runbook, terminal)
            if severity is None:
                return None
            values = dict(given)
            for ask in runbook.inputs:
                if ask.name not in given:
                    values[ask.name] = answered(terminal, ask, ask.default, "declares nothing")
        except Gone:
            return None
        except Interrupted:
            raise KeyboardInterrupt from None
    return Declaration(severity, "", inputs_of(runbook, values))


def _severity(runbook: Runbook, terminal: LineTerminal) -> Severity | None:
    """How bad it is; None when nothing is declared."""
    question = (
        f"No incident of '{runbook.title}' is open. Declare one now, {runbook.severity}? "
        "[Y/n, or 0 to 3 for its severity] "
    )
    answer = terminal.ask_anew(question).lower().removeprefix("sev-")
    if answer in ("", "y", "yes"):
        return runbook.severity
    return next((level for level in Severity if level.value == f"SEV-{answer}"), None)
