"""What a headless pilot cannot see: a real terminal (tmux), signals, suspending, and how the terminal is left."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import find
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident, StepStatus
from midwatch.journal.reader import read
from midwatch.runbook.loader import load
from tests.screens.line import BETWEEN_S
from tests.support.program import MIDWATCH
from tests.support.small_incident import RUNBOOK
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"), pytest.mark.slow]
MODE = re.compile(rb"\x1b\[\?([0-9]+)([hl])")
ON, READLINE = (b"7", b"25"), (b"2004",)
"""Modes that are on by themselves: wrapping, the cursor; and what the shell's own editor sets."""
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


class Terminal:
    """One tmux server of our own, with one window."""

    def __init__(self, folder: Path, *, columns: int = 80, rows: int = 24) -> None:
        self._socket = folder / "tmux"
        (folder / "bashrc").write_text("PS1='ready$ '\n", encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TERM")}
        subprocess.run(
            [
                *self._tmux,
                "-f",
                "/dev/null",
                "new-session",
                "-d",
                "-x",
                str(columns),
                "-y",
                str(rows),
                f"bash --rcfile {folder}/bashrc -i",
            ],
            check=True,
            cwd=folder,
            env=environment | {"LC_ALL": "C.UTF-8", "COLORFGBG": "", "TERM": "xterm-256color"},
            timeout=20,
        )
        self._sent = folder / "sent"
        self.ask("pipe-pane", f"cat > {self._sent}")
        self.until("ready$")
        self._set_before = self._line_set

    @property
    def _line_set(self) -> str:
        """How the line itself is set, while the shell waits for a command."""
        with Path(self.ask("display-message", "-p", "#{pane_tty}").strip()).open("rb") as line:
            return subprocess.run(
                ["stty", "-g"], stdin=line, check=True, capture_output=True, text=True, timeout=20
            ).stdout

    @property
    def _tmux(self) -> list[str]:
        return ["tmux", "-S", str(self._socket)]

    def ask(self, *arguments: str) -> str:
        """Have tmux do something."""
        return subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True, timeout=20).stdout

    def keys(self, *keys: str) -> None:
        self.ask("send-keys", *keys)

    def type(self, text: str) -> None:
        self.ask("send-keys", "-l", text)

    def enter(self, text: str, shown: str) -> None:
        """Type it until it stands there: a dialog is deaf for a moment after it opens."""
        self._repeat(lambda: self.type(text), lambda: shown in self.shown)

    def press(self, key: str, then: str | Callable[[], object]) -> None:
        """Press it until this is so."""
        self._repeat(lambda: self.keys(key), (lambda: then in self.shown) if isinstance(then, str) else then)

    def _repeat(self, act: Callable[[], None], done: Callable[[], object]) -> None:
        """As a person does who looks each time: a key that comes again too soon passes for one that is held."""
        acted = -math.inf

        def there() -> bool:
            nonlocal acted
            if done():
                return True
            if time.monotonic() - acted > BETWEEN_S:
                acted = time.monotonic()
                act()
            return False

        self.until(there)

    @property
    def shown(self) -> str:
        return self.ask("capture-pane", "-p")

    def until(self, text: str | Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not (text in self.shown if isinstance(text, str) else text()):
            assert time.monotonic() < deadline, f"{text!r} never came:\n{self.shown}"
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """The process of the screen."""
        shell = self.ask("display-message", "-p", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text(encoding="ascii").split()
        return int(children[-1])

    @property
    def clean(self) -> bool:
        """Back on the normal screen, the line set as before, and every mode that was set taken back."""
        if self.ask("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}").split() != [
            "0",
            "0",
            "1",
        ]:
            return False
        sent = self._sent.read_bytes()
        modes = {mode: value for mode, value in MODE.findall(sent) if mode not in READLINE}
        keys = sent.count(b"\x1b[>25u") <= sent.count(b"\x1b[<u")
        return (
            keys
            and all((value == b"h") is (mode in ON) for mode, value in modes.items())
            and self._line_set == self._set_before
        )

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True, timeout=20)


@pytest.fixture
def terminal(here: Path) -> Iterator[Terminal]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    terminal = Terminal(here)
    yield terminal
    (here / "hold").unlink(missing_ok=True)
    terminal.end()


def incident(folder: Path) -> Incident:
    return reduce(read(find(folder / "logs", "latest").journal))


def status(folder: Path, step: str) -> StepStatus | None:
    state = incident(folder).steps.get(step)
    return state.status if state else None


def to_the_work(terminal: Terminal, folder: Path) -> None:
    """Open the screen, do the first two steps, and start the third, which holds."""
    (folder / "hold").touch()
    terminal.until("ready$")
    terminal.keys(f"COLUMNS=1 LINES=1 {MIDWATCH} runbook.yaml", "Enter")  # the terminal knows its size better
    terminal.until("Declare one now")
    terminal.keys("y")
    own(terminal)
    time_to_move(terminal, "look", folder, StepStatus.DONE)
    terminal.until("Enter run 2.1")
    time_to_move(terminal, "work", folder, StepStatus.RUNNING)
    terminal.until(lambda: list(folder.glob("logs/incidents/*/steps/work/1/supervisor.json")))


def own(terminal: Terminal) -> None:
    """Do the first step: two questions and no note."""
    terminal.until("Enter mark 1.1 done")
    terminal.press("Enter", "[ Cancel ]")
    terminal.enter("Q", "Q")
    terminal.press("Enter", "choose one")
    terminal.enter("y", "▶ (*) yes")
    terminal.press("Enter", "  (*) yes")
    terminal.press("Enter", lambda: "[ Cancel ]" not in terminal.shown)
    terminal.until("Enter run 1.2")


def time_to_move(terminal: Terminal, step: str, folder: Path, wanted: StepStatus) -> None:
    """Press Enter (and consent) until the step has begun: for half a second after a move Enter is not heard."""
    terminal.press("Enter", lambda: "y run" in terminal.shown or status(folder, step) is not None)
    if status(folder, step) is None:
        terminal.press("y", lambda: status(folder, step) is not None)
    terminal.until(lambda: status(folder, step) is wanted)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL])
def test_the_step_outlives_the_screen(terminal: Terminal, here: Path, number: signal.Signals) -> None:
    """Hang-up, termination and kill end the screen; the terminal is as it was, the step goes on, the next screen has it."""
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


def test_a_screen_that_breaks_says_so_and_leaves_the_terminal_as_it_was(terminal: Terminal, here: Path) -> None:
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


def test_the_screen_ends_with_its_terminal_though_nobody_says_so(here: Path) -> None:
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


def test_suspend_resize_and_leave(terminal: Terminal, here: Path) -> None:
    """Ctrl+Z gives the shell back, fg the screen; sizes change under it; leaving leaves the terminal as it was."""
    to_the_work(terminal, here)
    terminal.keys("C-z")
    terminal.until("Stopped")
    terminal.until(lambda: terminal.clean)
    terminal.keys("fg", "Enter")
    terminal.until("SEV-2")
    for columns, rows in (*((200, 60), (60, 15)) * 30, (20, 5), (160, 20), (80, 24)):
        terminal.ask("resize-window", "-x", str(columns), "-y", str(rows))
    terminal.until("Checklist 2 of 4")
    terminal.keys("q")
    terminal.until("goes on without the screen")
    terminal.keys("y")
    terminal.until("is open; its record:")
    terminal.until(lambda: terminal.clean)


def test_an_idle_screen_sends_little(terminal: Terminal, here: Path) -> None:
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


def test_the_pager_has_the_terminal_and_gives_it_back(terminal: Terminal, here: Path) -> None:
    """The operator's own pager gets plain text; a copy reaches the terminal's clipboard, and only when it is asked for."""
    pager = here / "pager.sh"
    pager.write_text("#!/bin/sh\ncat > paged\necho 'this is the pager'\nread -r answer < /dev/tty\n", encoding="utf-8")
    pager.chmod(0o755)
    terminal.until("ready$")
    terminal.keys("export PAGER=./pager.sh", "Enter")
    terminal.ask("set-option", "-s", "set-clipboard", "on")
    to_the_work(terminal, here)
    terminal.until("begun")
    terminal.keys("o")
    terminal.until("following")
    terminal.keys("v")
    terminal.until("this is the pager")
    assert (here / "paged").read_text(encoding="utf-8") == "begun\n"
    assert terminal.ask("list-buffers") == ""
    terminal.keys("Enter")
    terminal.until("following")
    terminal.keys("y")
    terminal.until(lambda: "begun" in terminal.ask("list-buffers"))
