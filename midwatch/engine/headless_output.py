"""What a headless run says of the steps that run: their output as it comes, and how they ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.output.index import OutputIndex
from midwatch.output.plain_text import plain_lines
from midwatch.runbook.model import Step
from midwatch.system.errors import Exit
from midwatch.system.folder_watch import FolderWatch
from midwatch.system.units import duration

Say = Callable[[str], None]
Pause = Callable[[], AbstractContextManager[None]]
POLL_S = 0.1
_BLOCK = 10_000
"""Lines that are read at once."""
_MOST_LINES, _LAST_LINES = 2000, 20
"""Lines of a step that are said as they come; lines of a longer output that are said at its end."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How the run speaks: line by line, and in blocks of a step's lines, which are safe and have their line ends."""

    say: Say
    show: Callable[[str], None]
    full_output: bool
    pause: Pause


def each_line(say: Say, block: str) -> None:
    """Say each line of a block."""
    for line in block.removesuffix("\n").split("\n"):
        say(f"    {line}")


def follow_batch(controller: IncidentController, voice: Voice) -> Exit:
    """Follow the steps of the batch in the order in which they start, until no further one starts.

    `Exit.FAILED` when one of them could not be started or is not done.
    """
    batch, followed, is_over = controller.batch, 0, False
    assert batch is not None
    while not is_over:
        is_over = not batch.is_active
        for step_id in batch.started[followed:]:
            step, followed = controller.runbook.step(step_id), followed + 1
            voice.say(f"{step.number} {step.title}")
            follow_step(controller, step, voice)
        controller.poll()
        with voice.pause():
            time.sleep(0 if is_over else POLL_S)
    problems = batch.take_problems()
    for problem in problems:
        voice.say(f"    not started: {problem}")
    done = all(controller.incident.step(name).status is StepStatus.DONE for name in batch.started)
    return Exit.DONE if done and not problems else Exit.FAILED


def follow_step(controller: IncidentController, step: Step, voice: Voice) -> None:
    """Show what the step writes, as it comes, until it has ended; of a flood the first lines and the last ones."""
    folder = controller.attempt_folder(step.id)
    assert folder is not None
    output_index, said, line = OutputIndex(folder.output), 0, ""
    running = True
    with FolderWatch(folder.path) as watch:  # the result is a new file there
        while running:
            controller.poll()
            running = controller.incident.status(step) is StepStatus.RUNNING
            while output_index.refresh():
                pass
            upto = output_index.ended_lines if running else output_index.line_count
            shown = upto if voice.full_output else min(upto, _MOST_LINES)
            line = _show_lines(output_index, said, shown, voice) or line
            said = max(said, shown)
            if not running and upto > said:
                first = max(said, upto - _LAST_LINES)
                if first > said:
                    voice.say(f"    ({first - said:,} lines left out; all of them are in {folder.output})")
                line = _show_lines(output_index, first, upto, voice)
            if running:
                with voice.pause():
                    watch.wait(POLL_S)
    last = controller.incident.step(step.id).last
    assert last is not None
    took = f" in {duration(last.seconds)}" if last.seconds is not None else ""
    summary = last.summary if last.summary not in ("exit 0", line.strip()) else ""
    voice.say(f"    {last.ending}{took}{f': {summary}' if summary else ''}")


def _show_lines(output_index: OutputIndex, first: int, upto: int, voice: Voice) -> str:
    """Show these lines; the last of them."""
    block = ""
    for at in range(first, upto, _BLOCK):
        block = plain_lines(output_index, at, min(upto, at + _BLOCK))
        voice.show(block)
    return block.removesuffix("\n").rpartition("\n")[2]
