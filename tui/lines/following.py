"""Follows a step that runs: its output as it comes, its progress now and then, and how it ended."""

from __future__ import annotations

import time

from midwatch.conductor import Conductor
from midwatch.export.moved import moved
from midwatch.incident.state import StepStatus
from midwatch.pace import PACE, Advance, Pace, advance
from midwatch.runbook.model import Step
from midwatch.spool import Spool
from midwatch.supervisor.progress import read_progress
from midwatch.units import duration
from tui.lines.teletype import Interrupted, Teletype
from tui.lines.telling import titled

_POLL = 0.2
_AT_ONCE = 200
"""Lines said for one look; of more, the last ones: nobody can read a flood."""
_SAY_PROGRESS = 15.0
"""Seconds between two words on how far it is."""


def follow(conductor: Conductor, step: Step, teletype: Teletype) -> bool:
    """Say what the step writes until it has ended; True then. False when the operator turned to something else."""
    folder = conductor.attempt_folder(step.id)
    if folder is None:
        return True
    spool, line, pace = Spool(folder.output), 0, Pace(PACE)
    said_at = time.monotonic()
    while True:
        try:
            conductor.poll()
            running = conductor.incident.status(step) is StepStatus.RUNNING
            line = _say_new(spool, line, teletype, whole=not running)
            if not running:
                break
            how_far = advance(read_progress(folder.progress), pace, folder.progress, time.monotonic())
            if time.monotonic() - said_at >= _SAY_PROGRESS:
                said_at = time.monotonic()
                teletype.say(f"{still_words(how_far)}.")
            teletype.pause(_POLL)
        except Interrupted:
            if not _go_on(conductor, step, teletype):
                return False
    spool.close()
    say_end(conductor, step, teletype)
    return True


def _say_new(spool: Spool, said: int, teletype: Teletype, *, whole: bool) -> int:
    while spool.refresh():
        pass
    upto = spool.line_count if whole else spool.ended_lines
    if upto - said > _AT_ONCE:
        teletype.say(f"  ({upto - said - _AT_ONCE} lines left out)")
        said = upto - _AT_ONCE
    for line in spool.lines(said, upto - said):
        teletype.say(f"  {line.replace(chr(10), ' ')}")
    return max(upto, said)


def still_words(how_far: Advance) -> str:
    """How far it is, in words; no more than `Still under way` of a step that does not tell."""
    share = [f"{how_far.share:.0%}"] if how_far.share is not None else []
    return ", ".join(["Still under way", *share, *how_far.words()])


def _go_on(conductor: Conductor, step: Step, teletype: Teletype) -> bool:
    """Ctrl+C asks: never is a step ended by a slip of the hand."""
    teletype.say(f"{titled(step)} goes on. What now?")
    try:
        answer = teletype.ask_anew(
            "Enter: go on following. b: back to the prompt, it goes on. x: end the step. [Enter]: "
        ).lower()
    except Interrupted:
        answer = ""
    if answer in ("x", "cancel", "end"):
        conductor.cancel(step.id)
        teletype.say("It is asked to end.")
        return True
    if answer in ("b", "back", "q", "quit"):
        return False
    if answer not in ("x", "cancel", "end"):
        teletype.say("Following again.")
    return True


def say_end(conductor: Conductor, step: Step, teletype: Teletype) -> None:
    """How its last attempt ended, what it moved, and what to do if it failed."""
    state = conductor.incident.step(step.id)
    last = state.last
    if last is None or last.outcome is None:
        return
    took = f" in {duration(last.seconds)}" if last.seconds is not None else ""
    summary = f": {last.summary}" if last.summary else ""
    teletype.say(f"{titled(step)}: {last.outcome.value}{took}{summary}")
    if step.measure:
        teletype.beside("Reading what it moved", conductor.settle)
        after = conductor.incident.step(step.id).last
        for line in moved(after) if after else []:
            teletype.say(f"  {line.replace('→', 'to')}")
    if conductor.incident.status(step) is StepStatus.FAILED and step.on_failure.advice:
        teletype.say(f"What to do: {' '.join(step.on_failure.advice.split())}")
