"""Makes the pictures of README and docs: the real screen on a real drill, at the moment before the emergency backup.

Run by `make screenshots`. Look at what it made before it is committed; to look at another size:
`python docs/pictures.py FOLDER 200x60` puts all of them there instead.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from drill.production import build
from midwatch.engine.answers import Answers, load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.policy import name_to_type
from midwatch.engine.repository import incidents, summary
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from midwatch.runbook.model import Step, StepKind
from midwatch.system.identity import Identity
from tui.app.app import MidwatchApp
from tui.app.base_app import BaseApp
from tui.app.declare_app import DeclareApp
from tui.app.screenshot import screenshot

FOLDER = Path(__file__).parent / "pictures"
TERMINAL = {"TERM": "xterm-256color"}
SMALL = (80, 24)
SIZES = {"incident": (160, 40), "incident-80x24": SMALL, "incident-200x60": (200, 60)}
SCENES: dict[str, tuple[str, ...]] = {
    "confirm": ("enter",),
    "skip": ("s",),
    "detail": ("d",),
    "timeline": ("e", "up", "asterisk"),
    "note": ("n", "tab", "tab", "right", "right", "tab"),
    "update": ("u",),
    "notify": ("t",),
    "severity": ("exclamation_mark",),
    "closure": ("c",),
    "help": ("question_mark",),
    "panel": ("3",),
    "live": ("l",),
    "output": ("o", "t"),
    "palette": ("colon", *"note"),
    "incidents": ("i",),
    "settings": ("comma",),
    "handoff": ("h", *"root"),
}
"""Further pictures of the driver's screen: the keys that lead there."""
BEFORE, DESTROYS = "emergency-backup", "clean-old-backups"


def take(controller: IncidentController, step: Step, answers: Answers) -> None:
    """Do one step as the drill's answers say."""
    if step.kind is StepKind.MANUAL:
        answer = answers.for_manual(step)
        controller.mark_done(step.id, note=answer.note, values=answer.values)
        return
    plan = controller.plan(step.id)
    controller.start(step.id, plan, typed=name_to_type(step, plan))
    while controller.incident.status(step) is StepStatus.RUNNING:
        controller.poll()


def shown(
    controller: IncidentController, answers: Answers
) -> Iterator[tuple[str, BaseApp[Any], tuple[int, int], tuple[str, ...]]]:
    """Name, application, size and keys of every picture; the later ones are of two people."""

    def screen(session: IncidentController = controller) -> BaseApp[Any]:
        return MidwatchApp(session, environment=TERMINAL)

    runbook = controller.runbook
    earlier = [summary(folder) for folder in incidents(runbook.location_of("logs"))]
    yield "declare", DeclareApp(runbook, [], {}, environment=TERMINAL), SMALL, ()
    yield "declare-later", DeclareApp(runbook, earlier, {}, environment=TERMINAL), SMALL, ()
    for name, size in SIZES.items():
        yield name, screen(), size, ()
    for name, press in SCENES.items():
        yield name, screen(), SMALL, press
    me = Identity.current().name
    bob = IncidentController.observe(controller.folder, actor="bob@bastion")
    bob.register_observer()
    yield "observing", screen(bob), SMALL, ()
    yield "control-requested", screen(bob), SMALL, ("w",)
    controller.offer_control(me)
    yield "handoff-standing", screen(), SMALL, ("h",)
    offered = IncidentController.observe(controller.folder, actor=f"{me}@bastion")
    yield "control", screen(offered), SMALL, ("w",)
    controller.withdraw_offer()
    go_on(controller, answers, BEFORE, DESTROYS)
    yield "destroy", screen(), SMALL, ("enter",)
    with_two(controller)
    yield "second-person", screen(), SMALL, ("enter",)
    controller.request_approval(DESTROYS, controller.plan(DESTROYS))
    bob.poll()
    yield "approve", screen(bob), SMALL, ("a",)


def go_on(controller: IncidentController, answers: Answers, first: str, last: str) -> None:
    """Do the steps from the first one on, up to the last one and without it."""
    ids = [step.id for step in controller.runbook.steps()]
    for step_id in ids[ids.index(first) : ids.index(last)]:
        take(controller, controller.runbook.step(step_id), answers)


def with_two(controller: IncidentController) -> None:
    """From now on the clean-up of old backups takes two people."""
    runbook = controller.runbook
    phases = tuple(
        replace(
            phase,
            steps=tuple(
                replace(step, requires_approval=step.requires_approval or step.id == DESTROYS) for step in phase.steps
            ),
        )
        for phase in runbook.phases
    )
    controller.session.runbook = replace(runbook, phases=phases)


def main(folder: Path = FOLDER, wanted: tuple[int, int] | None = None) -> None:
    """Build a drill, come as far as the emergency backup, and draw; all in one size where one is wanted."""
    if Identity.current().anonymous:  # the last pictures show an approval, which takes a person with a login
        Path("/proc/self/loginuid").write_text(str(os.getuid()), encoding="ascii")
    folder.mkdir(exist_ok=True)
    production = build("reference")
    try:
        os.environ.update(production.environment, XDG_CONFIG_HOME="/home/ada/.config")
        runbook = load(production.runbook, site=production.site)
        controller = IncidentController.declare(runbook, actor="ada@bastion")
        answers = load_answers(production.answers, runbook)
        go_on(controller, answers, next(runbook.steps()).id, BEFORE)
        for name, app, size, press in shown(controller, answers):
            drawn = asyncio.run(screenshot(app, size=wanted or size, press=press))
            (folder / f"{name}.svg").write_text(drawn, encoding="utf-8")
        controller.leave()
    finally:
        production.tear_down()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        columns, _, rows = sys.argv[2].partition("x")
        main(Path(sys.argv[1]), (int(columns), int(rows)))
    else:
        main()
