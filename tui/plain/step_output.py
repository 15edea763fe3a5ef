"""Follows a step that runs: its output as it comes, its progress now and then, and how it ended."""

from __future__ import annotations

import time

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.engine.workflow import gives_terminal
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.step_status import StepStatus
from midwatch.output.index import OutputIndex
from midwatch.output.progress import PACE, Advance, RateMeter, advance
from midwatch.reports.metric_changes import metric_changes
from midwatch.runbook.model import Step
from midwatch.supervisor.progress import read_progress
from midwatch.supervisor.terminal_client import LEAVE_WORDS, Left, attach
from midwatch.system.errors import Failed
from midwatch.system.sanitize import safe_text
from midwatch.system.units import duration
from tui.plain.checklist import titled
from tui.plain.line_terminal import Gone, Interrupted, LineTerminal

_POLL = 0.2
_AT_ONCE = 200
"""Lines said for one look; of more, the last ones: nobody can read a flood."""
_SAY_PROGRESS = 15.0
"""Seconds between two words on how far it is."""


def follow(controller: IncidentControls, step: Step, terminal: LineTerminal) -> bool:
    """Say what the step writes until it has ended; True then. False when the operator turned to something else."""
    folder = controller.attempt_folder(step.id)
    if folder is None:
        return True
    if gives_terminal(controller, step) and not _sit_at(controller, step, folder, terminal):
        return False
    output_index, line, pace = OutputIndex(folder.output), 0, RateMeter(PACE)
    said_at = time.monotonic()
    while True:
        try:
            controller.poll()
            running = controller.incident.status(step) is StepStatus.RUNNING
            if not step.process.terminal:  # else it was seen at the terminal
                line = _say_new(output_index, line, terminal, whole=not running)
            if not running:
                break
            how_far = advance(read_progress(folder.progress), pace, folder.progress, time.monotonic())
            if time.monotonic() - said_at >= _SAY_PROGRESS:
                said_at = time.monotonic()
                terminal.say(f"{still_words(how_far)}.")
            terminal.pause(_POLL)
        except Interrupted:
            if not _go_on(controller, step, terminal):
                return False
    output_index.close()
    say_end(controller, step, terminal)
    return True


def _sit_at(controller: IncidentControls, step: Step, folder: AttemptFolder, terminal: LineTerminal) -> bool:
    """Give the step this terminal; False when the operator left it. Raises `Gone`."""
    terminal.say(f"It has this terminal now. {LEAVE_WORDS}")
    try:
        with controller.heartbeat():
            left = attach(folder)
    except Failed as error:
        terminal.say(f"{error}")
        return True
    if left is Left.HUNG_UP:
        raise Gone
    if left is Left.BY_KEY:
        terminal.say(f"{titled(step)} goes on. Enter goes back to its terminal.")
    return left is Left.CLOSED


def follow_batch(controller: IncidentControls, terminal: LineTerminal, *, first: int = 0) -> None:
    """Follow the steps of the batch in the order in which they start, from this one on, until none is left."""
    batch, followed, is_over = controller.batch, first, False
    while batch is not None and not is_over:
        is_over = not batch.is_active
        for step_id in batch.started[followed:]:
            step, followed = controller.runbook.step(step_id), followed + 1
            terminal.say(f"{run_words(controller, step)} runs.")
            if not follow(controller, step, terminal):
                return
        controller.poll()
        if not is_over:
            terminal.pause(_POLL)


def run_words(controller: IncidentControls, step: Step) -> str:
    """The step, or its undo if that is what ran last."""
    last = controller.incident.step(step.id).last
    return f"{'The undo of ' if last and last.undoes is not None else ''}{titled(step)}"


def _say_new(output_index: OutputIndex, said: int, terminal: LineTerminal, *, whole: bool) -> int:
    while output_index.refresh():
        pass
    upto = output_index.line_count if whole else output_index.ended_lines
    if upto - said > _AT_ONCE:
        terminal.say(f"  ({upto - said - _AT_ONCE} lines left out)")
        said = upto - _AT_ONCE
    for line in output_index.lines(said, upto - said):
        terminal.say(f"  {safe_text(line)}")
    return max(upto, said)


def still_words(how_far: Advance) -> str:
    """How far it is, in words; no more than `Still running` of a step that does not tell."""
    share = [f"{how_far.share:.0%}"] if how_far.share is not None else []
    return ", ".join(["Still running", *share, *how_far.words()])


def _go_on(controller: IncidentControls, step: Step, terminal: LineTerminal) -> bool:
    """Ctrl+C asks: never is a step ended by a slip of the hand."""
    terminal.say(f"{titled(step)} goes on. What now?")
    try:
        answer = terminal.ask_anew(
            "Enter: go on following. b: back to the prompt, it goes on. x: end the step. [Enter]: "
        ).lower()
    except Interrupted:
        answer = ""
    if answer in ("x", "cancel", "end"):
        controller.cancel(step.id)
        terminal.say("It is asked to end.")
        return True
    if answer in ("b", "back", "q", "quit"):
        return False
    terminal.say("Following again.")
    return True


def say_end(controller: IncidentControls, step: Step, terminal: LineTerminal) -> None:
    """How its last attempt ended, what it moved, and what to do if it failed."""
    state = controller.incident.step(step.id)
    last = state.last
    if last is None or last.outcome is None:
        return
    took = f" in {duration(last.seconds)}" if last.seconds is not None else ""
    terminal.say(f"{run_words(controller, step)}: {last.ending}{took}{f': {last.summary}' if last.summary else ''}")
    if step.measure:
        terminal.beside("Reading what it moved", controller.settle)
        after = controller.incident.step(step.id).last
        for line in metric_changes(after) if after else []:
            terminal.say(f"  {line.replace('→', 'to')}")
    if controller.incident.status(step) is StepStatus.FAILED and step.on_failure.advice:
        terminal.say(f"What to do: {' '.join(step.on_failure.advice.split())}")
