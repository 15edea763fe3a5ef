"""How soon the screen shows its first frame, beside an empty Textual app, each on a pseudo-terminal and in turns."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.screen import MIDWATCH, Screen, started

FRAME = b"Checklist"
EMPTY = f"""\
from textual.app import App
from textual.widgets import Static


class Empty(App):
    def compose(self):
        yield Static("{FRAME.decode()}")


Empty().run()
"""
RUNS = 7


def first_frame(folder: Path, *command: str) -> float:
    """Seconds from the start of a program to the word that its first frame holds."""
    began = time.perf_counter()
    screen = Screen(folder, *command[1:], program=command[0])
    try:
        screen.read(30, FRAME)
        return time.perf_counter() - began
    finally:
        screen.end()


def main() -> None:
    """Print the fastest of each, and how many times the empty app the screen takes."""
    with tempfile.TemporaryDirectory() as name, started(Path(name), ""):
        (Path(name) / "empty.py").write_text(EMPTY, encoding="utf-8")
        commands = (MIDWATCH, "runbook.yaml"), (sys.executable, "empty.py")
        times = [[first_frame(Path(name), *command) for command in commands] for _ in range(RUNS)]
    ours, empty = (min(column) for column in zip(*times, strict=True))
    print(f"first frame {ours * 1000:.0f} ms, an empty Textual app {empty * 1000:.0f} ms: {ours / empty:.2f} x")


if __name__ == "__main__":
    main()
