"""The screen on a real pseudo-terminal: bytes over the line when idle and when a step floods.

`python -m bench.screen [SECONDS]`. Every figure is measured here and now. Idle with all panels is measured on a drill:
real servers, a volume that is full, backups, logs; once while the disk rests as far as it does, once while it is
written to. It fails when more goes over the line than may.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import find
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
        run: while :; do head -c 30000 /dev/urandom | base64 -w 190; sleep 0.05; done
        risk: observe
"""
"""The flood's lines share nothing, so that all in view is drawn anew; it writes no more in its time than is kept."""
MIDWATCH = str(Path(sys.executable).with_name("midwatch"))
SIZES = ((24, 80), (36, 120), (60, 200))
OPEN = (("nothing", b""), ("help", b"?"), ("a note", b"n"), ("the disk's panel", b"1"), ("all panels", b"l"))
"""What is open while nothing happens, and the key that opens it."""
IDLE, FLOOD = 300, 40_000
"""Bytes a second over the line, at most."""
WRITTEN = 9 << 20
"""Bytes a second that a busy disk takes."""


class Screen:
    """`midwatch`, or another program, on a pseudo-terminal; counts what it sends."""

    def __init__(
        self, folder: Path, *arguments: str, rows: int = 24, columns: int = 80, program: str = MIDWATCH
    ) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LC_ALL="C.UTF-8")
            os.execv(program, [program, *arguments])
        self.resize(rows, columns)

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

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def rate(self, seconds: float) -> float:
        """Bytes a second that come in the next so many seconds."""
        count, took = self.read(seconds)
        return count / took

    def press(self, key: bytes) -> None:
        os.write(self.terminal, key)

    def end(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(OSError):
            while os.read(self.terminal, 65536):
                pass
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


class Limits:
    """What was more than it may be."""

    def __init__(self) -> None:
        self.passed: list[str] = []

    def hold(self, what: str, rate: float, most: int) -> str:
        """The rate in words."""
        if rate >= most:
            self.passed.append(f"{what}: {rate:.0f} B/s, and less than {most} it should be")
        return f"{rate:.0f} B/s"


@contextlib.contextmanager
def before_others() -> Iterator[None]:
    """This process, and what it starts meanwhile, goes before all other work of the machine, where it may: so that a
    figure is of the program and not of its neighbours."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextlib.contextmanager
def busy_disk(folder: Path) -> Iterator[None]:
    """Its disk is written to until this ends: a file that grows, and begins anew at half a gigabyte."""
    ended = threading.Event()

    def write() -> None:
        piece = os.urandom(WRITTEN // 8)
        with (folder / "filling").open("wb") as file:
            while not ended.wait(1 / 8):
                file.write(piece)
                file.flush()
                if file.tell() > 512 << 20:
                    file.seek(0)
                    file.truncate()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def started(folder: Path, step: str) -> Iterator[Path]:
    """An incident in which this step runs, and where its output goes; without one nothing runs."""
    (folder / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(folder / "runbook.yaml"), actor="bench")
    if step:
        controller.start(step, controller.plan(step))
    attempt = controller.attempt_folder(step) if step else None
    controller.leave()
    try:
        yield attempt.output if attempt else folder / "runbook.yaml"
    finally:
        controller = IncidentController.resume(find(folder / "logs", "latest"), actor="bench")
        if step:
            controller.cancel(step)
        while controller.incident.running():
            controller.poll()
            time.sleep(0.05)
        controller.close(reason="measured")


def quiet(seconds: float) -> None:
    """Bytes a second of a step that runs and says nothing."""
    with tempfile.TemporaryDirectory() as name, started(Path(name), "quiet"):
        screen = Screen(Path(name), "runbook.yaml")
        try:
            screen.read(30, b"Checklist")
            screen.read(8)  # readings come, trends settle
            print(f"a step that says nothing: {screen.rate(seconds):.0f} B/s", flush=True)
        finally:
            screen.end()


def flood(seconds: float, limits: Limits) -> None:
    """Bytes a second of a step that never stops writing, at each size, beside its checklist and on its own page."""
    with tempfile.TemporaryDirectory() as name, started(Path(name), "flood"):
        screen = Screen(Path(name), "runbook.yaml")
        try:
            screen.read(30, b"Checklist")
            for rows, columns in SIZES:
                screen.resize(rows, columns)
                screen.read(5)
                at = f"a flood at {columns}x{rows}"
                beside = limits.hold(at, screen.rate(seconds), FLOOD)
                screen.press(b"o")
                screen.read(3)
                alone = limits.hold(f"{at}, on its page", screen.rate(seconds), FLOOD)
                screen.press(b"\x1b")
                print(f"{at}: {beside}, on its own page {alone}", flush=True)
        finally:
            screen.end()


def idle(seconds: float, limits: Limits) -> None:
    """Bytes a second of a drill in which nobody does anything, at each size and with each thing open."""
    with tempfile.TemporaryDirectory() as name:
        screen = Screen(Path(name), "drill", "--no-docker")
        try:
            screen.read(120, b"Checklist")
            screen.read(30)
            for disk, business in ("as it is", contextlib.nullcontext()), ("written to", busy_disk(Path(name))):
                with business:
                    screen.read(10)
                    for rows, columns in SIZES:
                        screen.resize(rows, columns)
                        screen.read(3)
                        found = [_with_open(screen, what, key, seconds, limits) for what, key in OPEN]
                        print(f"a drill at {columns}x{rows}, idle, its disk {disk}: {', '.join(found)}", flush=True)
        finally:
            screen.end()


def _with_open(screen: Screen, what: str, key: bytes, seconds: float, limits: Limits) -> str:
    screen.press(key)
    screen.read(4)
    rate = limits.hold(f"idle, {what} open", screen.rate(seconds), IDLE)
    screen.press(b"\x1b")
    screen.read(1)
    return f"{what} open {rate}"


def main() -> int:
    """0 when no more went over the line than may."""
    seconds, limits = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0, Limits()
    idle(seconds, limits)
    flood(seconds, limits)
    quiet(seconds)
    for sentence in limits.passed:
        print(f"too much over the line: {sentence}")
    return bool(limits.passed)


if __name__ == "__main__":
    sys.exit(main())
