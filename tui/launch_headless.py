"""The headless front end: lines on standard output, with the same controller and journal."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.incident.paths import IncidentFolder
from midwatch.runbook.model import Runbook
from midwatch.runbook.step_names import named_phase
from midwatch.system.errors import Exit
from tui.cli_context import debug_log
from tui.full_export import write_full_timeline
from tui.output import say, say_block

if TYPE_CHECKING:
    from midwatch.engine.incident_controller import IncidentController


def run_headless(
    runbook: Runbook,
    answers_file: Path | None,
    *,
    folder: IncidentFolder | None,
    export: Path | None,
    inputs: Mapping[str, str],
    reason: str = "",
    full_output: bool = False,
    observe: str = "",
    page: Callable[[IncidentController], AbstractContextManager[object]] = nullcontext,
) -> int:
    """Run the incident to its end or to the first step that fails; the timeline is exported either way. `page` is
    entered meanwhile.

    With the name of a phase in `observe`, run only what observes in this phase, for which no answers are needed.

    `inputs` for a new one come before those of the answers file.
    """
    from midwatch.engine import headless
    from midwatch.engine.answers import Answers, load_answers
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.incident.state import Incident
    from midwatch.supervisor.logind import logout_kills
    from midwatch.system.actor import current_actor
    from midwatch.system.interrupts import Interrupts

    answers = load_answers(answers_file, runbook) if answers_file else Answers("")
    phase = named_phase(runbook, observe).id if observe else ""
    actor = answers.actor or current_actor()
    began = time.monotonic()
    if folder:
        controller = IncidentController.observe(folder, actor=actor, own=runbook)
        if not observe:
            answers.require_complete(controller.runbook, controller.incident)
        if reason:
            controller.wait_for_lease_expiry(partial(_say, began))
        controller.take_control(reason)
    else:
        if not observe:
            answers.require_complete(runbook, Incident())
        controller = IncidentController.declare(runbook, actor=actor, inputs={**answers.inputs, **inputs})
    _say(began, f"{controller.incident.id} {'resumed' if folder else 'declared'} in {controller.folder.path}")
    if folder and (difference := controller.edited_source()):
        _say(began, f"{difference.lines[0]} To go on by it: midwatch adopt")
    if warning := logout_kills():
        _say(began, warning)
    with page(controller):
        try:
            with debug_log(controller), Interrupts() as interrupts:
                return headless.run(
                    controller,
                    answers,
                    partial(_say, began),
                    show=partial(_show, began),
                    retry=folder is not None,
                    full_output=full_output,
                    observe=phase,
                    pause=interrupts.allowed,
                )
        except KeyboardInterrupt:
            under_way = [state.id for state in controller.incident.running()]
            if under_way:
                words = ["midwatch", "run", str(runbook.file), "--headless", "--resume"]
                words += ["--answers", os.path.realpath(answers_file)] if answers_file else ["--observe", observe]
                _say(began, f"interrupted; {', '.join(under_way)} goes on under its supervisor: {shlex.join(words)}")
            return Exit.INTERRUPTED
        finally:
            controller.leave()
            if export:
                write_full_timeline(export, controller)


def _say(began: float, text: str) -> None:
    say(f"{_elapsed(began)}  {text}", flush=True)


def _show(began: float, block: str) -> None:
    indent = f"{_elapsed(began)}      "
    say_block(indent + block[:-1].replace("\n", f"\n{indent}") + block[-1:])


def _elapsed(began: float) -> str:
    seconds = int(time.monotonic() - began)
    return f"{seconds // 60:02d}:{seconds % 60:02d}"
