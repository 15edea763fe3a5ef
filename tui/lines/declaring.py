"""Before there is an incident: whether one is declared, and what the runbook asks for then, line by line."""

from __future__ import annotations

from collections.abc import Mapping

from midwatch.inputs import Declaration, inputs_of
from midwatch.runbook.model import Runbook
from tui.lines.answering import answered
from tui.lines.teletype import Gone, Interrupted, Teletype


def declaration(runbook: Runbook, given: Mapping[str, str], *, sure: bool) -> Declaration | None:
    """What is declared; None when nothing is. `given` is asked for no more; `sure` says that it is wanted in any case.

    Raises `KeyboardInterrupt` on Ctrl+C, and `BadInput` for inputs that are too long together: nothing is declared then.
    """
    teletype = Teletype()
    with teletype.listening():
        try:
            question = f"No incident of '{runbook.title}' is open. Declare one now, {runbook.severity}? [Y/n] "
            if not sure and teletype.ask(question).lower() not in ("", "y", "yes"):
                return None
            values = dict(given)
            for ask in runbook.inputs:
                if ask.name not in given:
                    values[ask.name] = answered(teletype, ask, ask.default, "declares nothing")
        except Gone:
            return None
        except Interrupted:
            raise KeyboardInterrupt from None
    return Declaration(runbook.severity, "", inputs_of(runbook, values))
