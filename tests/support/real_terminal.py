"""A real terminal (tmux), and what a person does with the small incident there."""

from __future__ import annotations

import math
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from midwatch.engine.repository import find
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from tests.screens.line import BETWEEN_S
from tests.support.program import MIDWATCH
from tests.support.waiting import PATIENCE_S

MODE = re.compile(rb"\x1b\[\?([0-9]+)([hl])")
ON, READLINE = (b"7", b"25"), (b"2004",)
"""Modes that are on by themselves: wrapping, the cursor; and what the shell's own editor sets."""


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
