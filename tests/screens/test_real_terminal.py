"""What a headless pilot cannot see: a real terminal (tmux), signals, suspending, and how the terminal is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.reducer import reduce
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.runbook.loader import load
from midwatch.system.actor import current_actor
from tests.support.program import MIDWATCH
from tests.support.real_terminal import Terminal, incident, status, to_the_work
from tests.support.small_incident import RUNBOOK
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"), pytest.mark.slow]
BROKEN = """\
import sys
from screens.incident.commands import Commands
from tui.cli import main

def broken(commands):
    password = "hunter" + str(2)
    raise RuntimeError("no such luck")

Commands.panels = broken
sys.exit(main())
"""
SLOW = """\
import sys, time
from pathlib import Path
from tui.cli import main

class Slow:
    def find_spec(self, name, path, target=None):
        while name == "tui.app.app" and not Path("go").exists():
            time.sleep(0.02)
        if name == "tui.app.app":
            raise ImportError("no such library")

sys.meta_path.insert(0, Slow())
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL])
def test_step_outlives_the_screen(terminal: Terminal, here: Path, number: signal.Signals) -> None:
    """Hang-up, termination and kill end the screen; the terminal is as it was, the step goes on, the next screen has
    it."""
    to_the_work(terminal, here)
    os.kill(terminal.pid, number)
    if number == signal.SIGKILL:
        terminal.until("The screen was killed. What runs goes on")
    else:
        terminal.until("ready$")
    terminal.until(lambda: terminal.clean)
    terminal.keys("clear", "Enter")
    terminal.until(lambda: terminal.shown.strip() == "ready$")
    terminal.keys(f"{MIDWATCH} runbook.yaml", "Enter")
    terminal.until("running")
    (here / "hold").unlink()
    terminal.until(lambda: status(here, "work") is StepStatus.DONE)
    assert (here / "ran").read_text(encoding="utf-8") == "ran\n"


def test_screen_that_breaks_says_so_and_leaves_the_terminal_as_it_was(terminal: Terminal, here: Path) -> None:
    """One sentence, where it broke, and no value that was at hand there."""
    (here / "broken.py").write_text(BROKEN, encoding="utf-8")
    terminal.keys(f"{sys.executable} broken.py --new runbook.yaml", "Enter")
    terminal.until("Enter mark 1.1 done")
    terminal.keys("l")
    terminal.until("midwatch: The screen broke: RuntimeError: no such luck. What runs goes on")
    terminal.until(lambda: terminal.clean)
    assert "hunter2" not in terminal.shown
    terminal.keys(f"{MIDWATCH} runbook.yaml", "Enter")
    terminal.until("Enter mark 1.1 done")


def test_screen_ends_with_its_terminal_though_nobody_says_so(here: Path) -> None:
    """The kernel tells the session's leader of a hang-up, and `make`, for one, keeps it to itself."""
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test").leave()
    ours, theirs = os.openpty()
    line = f"trap '' HUP; {MIDWATCH} runbook.yaml; :"
    leader = subprocess.Popen(
        ["setsid", "--ctty", "sh", "-c", line],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=here,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(theirs)
    try:
        seen, deadline = b"", time.monotonic() + PATIENCE_S
        while b"SEV-2" not in seen:
            assert time.monotonic() < deadline, seen
            seen += os.read(ours, 65536)
    finally:
        os.close(ours)
    try:
        leader.wait(timeout=40)
    finally:
        leader.kill()
    assert not incident(here).driver


def test_terminal_is_restored_after_suspend_resize_and_leave(terminal: Terminal, here: Path) -> None:
    """Ctrl+Z gives the shell back, fg the screen; sizes change under it; leaving leaves the terminal as it was."""
    to_the_work(terminal, here)
    terminal.keys("C-z")
    terminal.until("Stopped")
    terminal.until(lambda: terminal.clean)
    terminal.keys("fg", "Enter")
    terminal.until("SEV-2")
    for columns, rows in (*((200, 60), (60, 15)) * 30, (20, 5), (160, 20), (80, 24)):
        terminal.ask("resize-window", "-x", str(columns), "-y", str(rows))
    terminal.until("Checklist 2")
    terminal.keys("q")
    terminal.until("goes on without the screen")
    terminal.keys("y")
    terminal.until("is open; its record:")
    terminal.until(lambda: terminal.clean)


def test_incident_that_was_chosen_from_the_list_opens_in_the_same_terminal(terminal: Terminal, here: Path) -> None:
    runbook = load(here / "runbook.yaml")
    first = IncidentController.declare(runbook, actor=current_actor())
    first.leave()
    second = IncidentController.declare(runbook, actor=current_actor())
    second.leave()
    terminal.keys(f"{MIDWATCH} runbook.yaml --incident {second.folder.id}", "Enter")
    terminal.until("Checklist")
    terminal.press("i", f"▶ {second.folder.id}")
    terminal.press("Down", f"▶ {first.folder.id}")
    terminal.press("Enter", "Checklist")
    terminal.press("q", "y leave")
    terminal.keys("y")
    terminal.until("is open; its record:")
    assert reduce(read(first.folder.journal)).driver == ""
    terminal.until(lambda: terminal.clean)


def test_idle_screen_sends_little(terminal: Terminal, here: Path) -> None:
    """Under 300 bytes a second, with a dialog or a page open as well: the line may be slow, a battery at its other end.

    So what somebody else wrote over it stands until Ctrl+L.
    """
    terminal.until("ready$")
    terminal.keys(f"{MIDWATCH} runbook.yaml", "Enter")
    terminal.until("Declare one now")
    terminal.keys("y")
    terminal.until("Enter mark 1.1 done")

    def sent() -> float:
        """Bytes a second in a few seconds of nothing happening."""
        file, began = here / "sent_idle", time.monotonic()
        terminal.ask("pipe-pane", f"cat > {file}")
        terminal.until(lambda: time.monotonic() - began > 2)
        terminal.ask("pipe-pane")
        return file.stat().st_size / (time.monotonic() - began)

    terminal.until(lambda: 0 < sent() < 300)  # the first seconds still paint
    for key, words in (("n", "What happened"), ("?", "How it works")):
        terminal.keys(key)
        terminal.until(words)
        terminal.until(lambda: sent() < 300)
        terminal.keys("Escape")
        terminal.until(lambda words=words: words not in terminal.shown)
    terminal.until(lambda: 0 < sent() < 300)  # the screen beneath paints itself once more
    with Path(terminal.ask("display-message", "-p", "#{pane_tty}").strip()).open("w", encoding="ascii") as line:
        line.write("\x1b[9;1Hthe system is going down\r\n")
    terminal.until("the system is going down")
    terminal.keys("C-l")
    terminal.until(lambda: "the system is going down" not in terminal.shown)
    assert "Enter mark 1.1 done" in terminal.shown


def test_pager_has_the_terminal_and_gives_it_back(terminal: Terminal, here: Path) -> None:
    """The operator's own pager gets plain text; a copy reaches the terminal's clipboard, and only when it is asked
    for."""
    pager = here / "pager.sh"
    pager.write_text("#!/bin/sh\ncat > paged\necho 'this is the pager'\nread -r answer < /dev/tty\n", encoding="utf-8")
    pager.chmod(0o755)
    terminal.until("ready$")
    terminal.keys("export PAGER=./pager.sh", "Enter")
    terminal.ask("set-option", "-s", "set-clipboard", "on")
    to_the_work(terminal, here)
    terminal.until("begun")
    terminal.press("o", "following")
    terminal.keys("v")
    terminal.until("this is the pager")
    assert (here / "paged").read_text(encoding="utf-8") == "begun\n"
    assert terminal.ask("list-buffers") == ""
    terminal.keys("Enter")
    terminal.until("following")
    terminal.keys("y")
    terminal.until(lambda: "begun" in terminal.ask("list-buffers"))


def test_checklist_stands_in_plain_lines_until_the_screen_is_loaded(terminal: Terminal, here: Path) -> None:
    """A screen that cannot be loaded gives the terminal back."""
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    IncidentController.declare(load(here / "runbook.yaml"), actor=current_actor()).leave()
    (here / "slow.py").write_text(SLOW, encoding="utf-8")
    terminal.until("ready$")
    terminal.keys(f"{sys.executable} slow.py runbook.yaml", "Enter")
    terminal.until("next, to do: 1.1 Take ownership")
    assert "Checklist 4 to do" in terminal.shown
    (here / "go").touch()
    terminal.until("This is a fault of Midwatch")
    terminal.until(lambda: terminal.clean)
