"""Makes the pictures of README and docs: the real screen on a real drill, at the moment before the emergency backup.

Run by `make screenshots`. Look at what it made before it is committed.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from drill.production import build
from midwatch.answers import Answers, load_answers
from midwatch.conductor import Conductor
from midwatch.incident.state import StepStatus
from midwatch.runbook.loader import load
from midwatch.runbook.model import Step, StepKind
from tui.app import MidwatchApp
from tui.declare_app import DeclareApp
from tui.picture import picture

FOLDER = Path(__file__).parent / "pictures"
SIZES = {"incident": (160, 40), "incident-80x24": (80, 24), "incident-200x60": (200, 60)}
SCENES: dict[str, tuple[str, ...]] = {
    "confirm": ("enter",),
    "timeline": ("j", "up", "asterisk"),
    "note": ("n", "tab", "tab", "right", "right", "tab"),
    "update": ("u",),
    "closure": ("C",),
    "help": ("question_mark",),
    "panel": ("3",),
    "output": ("o", "t"),
}
"""Further pictures at 80×24: the keys that lead there."""
BEFORE = "emergency-backup"


def take(conductor: Conductor, step: Step, answers: Answers) -> None:
    """Do one step as the drill's answers say."""
    if step.kind is StepKind.MANUAL:
        answer = answers.for_manual(step)
        conductor.tick(step.id, note=answer.note, values=answer.values)
        return
    conductor.start(step.id, conductor.plan(step.id))
    while conductor.incident.status(step) is StepStatus.RUNNING:
        conductor.poll()


def main() -> None:
    """Build a drill, come as far as the emergency backup, and draw."""
    FOLDER.mkdir(exist_ok=True)
    production = build("reference")
    try:
        os.environ.update(production.environment)
        runbook = load(production.runbook, site=production.site)
        conductor = Conductor.declare(runbook, actor="ada@bastion")
        answers = load_answers(production.answers, runbook)
        for step in runbook.steps():
            if step.id == BEFORE:
                break
            take(conductor, step, answers)
        for name, size in SIZES.items():
            app = MidwatchApp(conductor, environment={"TERM": "xterm-256color"})
            drawn = asyncio.run(picture(app, size=size))
            (FOLDER / f"{name}.svg").write_text(drawn, encoding="utf-8")
        for name, press in SCENES.items():
            app = MidwatchApp(conductor, environment={"TERM": "xterm-256color"})
            drawn = asyncio.run(picture(app, size=(80, 24), press=press))
            (FOLDER / f"{name}.svg").write_text(drawn, encoding="utf-8")
        first = DeclareApp(runbook, [], environment={"TERM": "xterm-256color"})
        (FOLDER / "declare.svg").write_text(asyncio.run(picture(first, size=(80, 24))), encoding="utf-8")
        conductor.leave()
    finally:
        production.tear_down()


if __name__ == "__main__":
    main()
