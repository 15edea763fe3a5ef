"""The screen on a real pseudo-terminal: bytes over the line when idle and when a step floods, and how soon a key is answered.

`python bench/screen.py [SECONDS]`. Every figure is measured here and now; what counts is the ratio of the answers. Idle with
all panels is measured on a drill: real servers, a disk that fills up, backups, logs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

from midwatch.conductor import Conductor
from midwatch.incident.shelf import find
from midwatch.runbook.loader import load

RUNBOOK = """\
midwatch: 1
title: A flood
severity: SEV-2
panels:
  disk: {paths: [.], warn: 100 %, critical: 100 %}
  alerts: {}
phases:
  - title: Work
    steps:
      - {id: quiet, title: Stay quiet, run: sleep 900, risk: observe}
      - id: flood
        title: Flood the screen
        run: while :; do seq -f "line %.0f of a step that never stops" 1 100000; done
        risk: observe
"""
ANSWER = b"How it works"
"""What only the help page says."""
PRESSES = 15
SIZES = ((24, 80), (36, 120), (60, 200))
OPEN = (("nothing", b""), ("help", b"?"), ("a note", b"n"), ("a panel", b"1"))
"""What is open while nothing happens, and the key that opens it."""


class Screen:
    """`midwatch` on a pseudo-terminal; counts what it sends."""

    def __init__(self, folder: Path, *arguments: str, rows: int = 24, columns: int = 80) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LC_ALL="C.UTF-8")
            program = Path(sys.executable).with_name("midwatch")
            os.execv(program, [str(program), *arguments])
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float, until: bytes = b"") -> tuple[int, float]:
        """Bytes that came within so many seconds, or until these came; and how long that took."""
        began, count, tail = time.perf_counter(), 0, b""
        while (left := seconds - (time.perf_counter() - began)) > 0:
            if not select.select([self.terminal], [], [], left)[0]:
                break
            data = os.read(self.terminal, 65536)
            count, tail = count + len(data), (tail + data)[-100_000:]
            if until and until in tail:
                break
        return count, time.perf_counter() - began

    def press(self, key: bytes) -> None:
        os.write(self.terminal, key)

    def key_times(self) -> list[float]:
        """Milliseconds from a key to the page that it opens."""
        found = []
        for _ in range(PRESSES):
            self.press(b"?")
            found.append(self.read(20, ANSWER)[1] * 1000)
            self.press(b"\x1b")
            self.read(0.7)
        return found

    def end(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(OSError):
            while os.read(self.terminal, 65536):
                pass
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def measure(folder: Path, step: str, seconds: float) -> tuple[float, list[float], float]:
    """Bytes a second, key times, and the megabytes that the step had written: the screen opened on a step that runs.

    Without a step nothing runs.
    """
    conductor = Conductor.declare(load(folder / "runbook.yaml"), actor="bench")
    if step:
        conductor.start(step, conductor.plan(step))
    conductor.leave()
    screen = Screen(folder, "runbook.yaml")
    try:
        screen.read(30, b"Checklist")
        screen.read(8)  # readings come, trends settle
        count, took = screen.read(seconds)
        times = screen.key_times()
    finally:
        screen.end()
        conductor = Conductor.resume(find(folder / "logs", "latest"), actor="bench")
        attempt = conductor.attempt_folder(step) if step else None
        written = attempt.output.stat().st_size / 1e6 if attempt else 0.0
        if step:
            conductor.cancel(step)
        while conductor.incident.running():
            conductor.poll()
            time.sleep(0.05)
        conductor.close(reason="measured")
    return count / took, times, written


def idle_with_all_panels(seconds: float) -> None:
    """Bytes a second of a drill in which nobody does anything, at each size and with each thing open."""
    for rows, columns in SIZES:
        with tempfile.TemporaryDirectory() as name:
            screen = Screen(Path(name), "drill", "--no-docker", rows=rows, columns=columns)
            try:
                screen.read(120, b"Checklist")
                screen.read(20)
                found = []
                for what, key in OPEN:
                    screen.press(key)
                    screen.read(4)
                    count, took = screen.read(seconds)
                    found.append(f"{what} open {count / took:.0f} B/s")
                    screen.press(b"\x1b")
                    screen.read(1)
            finally:
                screen.end()
        print(f"a drill at {columns}x{rows}, idle: {', '.join(found)}", flush=True)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    idle_with_all_panels(seconds)
    middle: dict[str, float] = {}
    for step in ("", "quiet", "flood"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
            rate, times, written = measure(folder, step, seconds)
        middle[step] = statistics.median(times)
        answer = f"a key is answered in {middle[step]:.0f} ms (median), {max(times):.0f} ms (longest)"
        print(f"{step or 'idle':6} {rate:8.0f} B/s over the line; {answer}; the step had written {written:.0f} MB", flush=True)
    print(f"ratio of the median answers, flood to idle: {middle['flood'] / middle['']:.2f}")


if __name__ == "__main__":
    main()
