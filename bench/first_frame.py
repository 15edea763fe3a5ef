"""How soon the terminal shows the checklist, and the whole screen, beside an empty Textual app, in turns."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from bench.screen import MIDWATCH, RUNBOOK, Screen, before_others
from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load

FRAME, WHOLE = b"Checklist", b"Enter"
"""What the plain lines and the screen show; what only the screen shows."""
EMPTY = f"""\
from textual.app import App
from textual.widgets import Static


class Empty(App):
    def compose(self):
        yield Static("{FRAME.decode()} {WHOLE.decode()}")


Empty().run()
"""
REFERENCE = Path(__file__).parents[1] / "runbook.yaml"
RUNS = 7


def first_frames(folder: Path, *command: str) -> tuple[float, float]:
    """Seconds from the start of a program to the word that its first frame holds, and to the word of its last line."""
    began, times, shown = time.perf_counter(), [], b""
    screen = Screen(folder, *command[1:], program=command[0])
    try:
        for word in (FRAME, WHOLE):
            while word not in shown:
                shown += os.read(screen.terminal, 65536)
            times.append(time.perf_counter() - began)
        return times[0], times[1]
    finally:
        screen.end()


def measure(folder: Path, runbook: str) -> None:
    """Print the fastest of each for an incident of this runbook, and how many times the empty app it takes."""
    commands = (MIDWATCH, "runbook.yaml"), (sys.executable, "empty.py")
    rounds = [[first_frames(folder, *command) for command in commands] for _ in range(RUNS)]
    empty = min(first for _, (first, _) in rounds)
    print(f"{runbook}: an empty Textual app {empty * 1000:.0f} ms")
    for which, what in enumerate(("the checklist in plain lines", "the whole screen")):
        seconds = min(ours[which] for ours, _ in rounds)
        print(f"{what} {seconds * 1000:.0f} ms: {seconds / empty:.2f} x")


def main() -> None:
    """Measure a small runbook, and the reference runbook, whose actions and checks are loaded before the screen."""
    for runbook, text in ("a small runbook", RUNBOOK), ("the reference runbook", REFERENCE.read_text(encoding="utf-8")):
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "empty.py").write_text(EMPTY, encoding="utf-8")
            (Path(name) / "runbook.yaml").write_text(text, encoding="utf-8")
            IncidentController.declare(load(Path(name) / "runbook.yaml"), actor="bench").leave()
            with before_others():
                measure(Path(name), runbook)


if __name__ == "__main__":
    main()
