"""How soon the terminal shows the checklist, and the whole screen, beside an empty Textual app, in turns."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from bench.screen import MIDWATCH, Screen, started

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


def main() -> None:
    """Print the fastest of each, and how many times the empty app the screen takes."""
    with tempfile.TemporaryDirectory() as name, started(Path(name), ""):
        (Path(name) / "empty.py").write_text(EMPTY, encoding="utf-8")
        commands = (MIDWATCH, "runbook.yaml"), (sys.executable, "empty.py")
        rounds = [[first_frames(Path(name), *command) for command in commands] for _ in range(RUNS)]
    first, whole = (min(ours[which] for ours, _ in rounds) for which in (0, 1))
    empty = min(first for _, (first, _) in rounds)
    print(f"an empty Textual app {empty * 1000:.0f} ms")
    for what, seconds in ("the checklist in plain lines", first), ("the whole screen", whole):
        print(f"{what} {seconds * 1000:.0f} ms: {seconds / empty:.2f} x")


if __name__ == "__main__":
    main()
