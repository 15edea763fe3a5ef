"""What lies between a screen and its hands: a slow line, GNU screen with its detaching."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from midwatch.engine.repository import find
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from tests.screens import slow_line
from tests.support.program import MIDWATCH
from tests.support.real_terminal import Terminal, own, status, time_to_move

pytestmark = pytest.mark.slow

SLOW = f"{sys.executable} {slow_line.__file__}"


def bodies(folder: Path, kind: str) -> list[str]:
    """What the journal's events of a kind say, in order."""
    events = read(find(folder / "logs", "latest").journal)
    return [str(event.body.get("text", event.body.get("step"))) for event in events if event.kind == kind]


def test_over_a_slow_line_every_key_does_what_it_is_for_once(terminal: Terminal, here: Path) -> None:
    """0.3 s each way, sequences cut and keys gathered; text may be typed ahead, what decides is typed when it can be
    seen."""
    terminal.until("ready$")
    terminal.keys(f"{SLOW} {MIDWATCH} --new runbook.yaml", "Enter")
    terminal.until("Enter mark 1.1 done")
    terminal.keys("?")
    terminal.until("How it works")
    terminal.press("Escape", lambda: "How it works" not in terminal.shown)
    terminal.keys("n", *"smoke")
    terminal.until("smoke")
    terminal.press("C-s", lambda: bodies(here, "note") == ["smoke"] and "What happened" not in terminal.shown)
    own(terminal)
    assert status(here, "asked") is StepStatus.DONE
    terminal.keys("n", *"fire", "Escape", "q")  # Escape and `q` were typed for what was not there yet
    terminal.until("fire")
    terminal.press("Escape", lambda: "What happened" not in terminal.shown)
    time_to_move(terminal, "look", here, StepStatus.DONE)
    terminal.until("Enter run 2.1")
    time_to_move(terminal, "work", here, StepStatus.DONE)
    terminal.keys("Down", "Up", "n", *"out")
    terminal.until(
        lambda: re.search("fireq?out", terminal.shown)
    )  # what was left goes on, with `q` if it came together with Escape
    terminal.press("C-s", lambda: len(bodies(here, "note")) == 2)
    terminal.press("q", "Leave the screen?")
    terminal.press("y", "is open; its record:")
    assert bodies(here, "note") in (["smoke", "fireout"], ["smoke", "fireqout"])
    assert bodies(here, "step.started") == ["look", "work"]
    terminal.until(lambda: terminal.clean)


@pytest.mark.skipif(shutil.which("screen") is None, reason="GNU screen is not installed")
def test_gnu_screen_detached_and_attached_again(terminal: Terminal, here: Path) -> None:
    """The step goes on without anybody attached, and the screen stands there as before, at another size."""
    (here / "hold").touch()
    (here / "sockets").mkdir(mode=0o700)
    terminal.until("ready$")
    terminal.keys("export SCREENDIR=$PWD/sockets", "Enter")
    terminal.keys(f"screen -c /dev/null -U -S mw {MIDWATCH} --new runbook.yaml", "Enter")
    own(terminal)
    time_to_move(terminal, "look", here, StepStatus.DONE)
    terminal.until("Enter run 2.1")
    time_to_move(terminal, "work", here, StepStatus.RUNNING)
    terminal.until("begun")
    terminal.keys("C-a", "d")
    terminal.until("ready$")
    terminal.until(lambda: terminal.clean)
    (here / "hold").unlink()
    terminal.until(lambda: status(here, "work") is StepStatus.DONE)
    terminal.ask("resize-window", "-x", "100", "-y", "30")
    terminal.keys("screen -r mw", "Enter")
    terminal.until("begun")
    terminal.until("done")
    terminal.ask("resize-window", "-x", "60", "-y", "15")
    terminal.until("z checklist")
    terminal.press("q", "Leave the screen?")
    terminal.press("y", "ready$")
    terminal.until(lambda: terminal.clean)
    assert bodies(here, "step.started") == ["look", "work"]
