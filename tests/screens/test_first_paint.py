"""What a start of the screen loads and reads before the checklist is on the terminal, and before its library is
loaded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pexpect
import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
title: A disk
severity: SEV-2
panels:
  disk: {paths: [.]}
phases:
  - title: Work
    steps:
      - {id: look, title: Look at the disk, uses: diagnose-disk}
      - {id: do, title: Make room, run: "true", risk: change}
"""
START = """\
import gc, json, sys
from collections import Counter
from pathlib import Path

import yaml

import midwatch.__main__
import midwatch.journal.codec
import tui.first_paint
import tui.launch_tui

parsed, real, show = Counter(), yaml.parse, tui.first_paint.FirstPaint.show
painted, decode, read = [], midwatch.journal.codec.decode, 0

def decoded(data):
    global read
    event, prev = decode(data)
    read += event.seq == 1
    return event, prev

def parse(text, **options):
    parsed[text] += 1
    return real(text, **options)

def shown(*args, **options):
    show(*args, **options)
    painted.append([read, sorted(sys.modules)])

def stop(controller, paint, **options):
    controller.leave()
    paint.hand_over()
    collection = gc.isenabled(), gc.get_freeze_count() > 0, gc.get_threshold()[0]
    Path("seen").write_text(json.dumps([painted, list(parsed.values()), read, collection]))

midwatch.journal.codec.decode = decoded
yaml.parse, tui.first_paint.FirstPaint.show, tui.launch_tui.open_front = parse, shown, stop
sys.exit(midwatch.__main__.main())
"""
LATER = (
    "textual",
    "rich",
    "actions",
    "probes",
    "psutil",
    "importlib.metadata",
    "midwatch.api.registry",
)
LATER += ("midwatch.redaction", "midwatch.supervisor", "midwatch.control", "midwatch.reports", "midwatch.output")
LATER += ("midwatch.engine.incident_controller", "midwatch.engine.workflow", "midwatch.runbook.argument_checks")


LEFT = "\x1b[?1049l\x1b[?25h"
"""The first screen again, with a cursor."""


def declared(here: Path) -> IncidentController:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    return IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")


def started(here: Path) -> pexpect.spawn[str]:
    (here / "start.py").write_text(START, encoding="utf-8")
    return pexpect.spawn(sys.executable, ["start.py", "runbook.yaml"], cwd=str(here), encoding="utf-8", timeout=60)


def exit_code(console: pexpect.spawn[str]) -> int | None:
    console.expect(pexpect.EOF)
    console.close()
    return console.exitstatus


def test_checklist_is_shown_before_engine_plug_ins_and_screen_are_loaded(here: Path) -> None:
    """The runbook is parsed once for the checklist, and once more from the incident's copy, to be run. The journal is
    read to find the open incident, to show it, to observe it and to take control. What is loaded is
    never searched for garbage again, and what is made later in small portions."""
    controller = declared(here)
    controller.skip("look", "the disk was replaced")
    controller.leave()
    console = started(here)
    console.expect_exact("Checklist 1 skipped, 1 to do")
    console.expect_exact("next, to do: 1.2 Make room")
    assert exit_code(console) == 0
    ((before, loaded),), parsed, read, collection = json.loads((here / "seen").read_text(encoding="utf-8"))
    assert [name for name in LATER if name in loaded] == []
    assert (parsed, before, read) == ([2], 2, 4)
    assert collection == [True, True, 2000]


def test_faulty_runbook_is_refused_on_the_first_screen(here: Path) -> None:
    """The checklist comes from the incident's copy; the operator's file was edited since."""
    declared(here).leave()
    wrong = RUNBOOK.replace("{paths: [.]}", "{paths: [.], colour: red}")
    (here / "runbook.yaml").write_text(wrong, encoding="utf-8")
    console = started(here)
    for text in ("Checklist 2 to do", LEFT, "There is no parameter 'colour'"):
        console.expect_exact(text)
    assert exit_code(console) == 2


def test_refused_control_is_said_on_the_first_screen(here: Path) -> None:
    controller = declared(here)
    try:
        console = started(here)
        for text in ("Checklist 2 to do", LEFT, "Observing."):
            console.expect_exact(text)
        assert exit_code(console) == 0
    finally:
        controller.leave()
