"""One key press, traced: each package is entered once on the way down and once on the way up (docs/architecture.md)."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from tests.support.screen_pilot import grid, opened, press, until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
RUNBOOK = """\
midwatch: 1
id: walk
title: A small incident
severity: SEV-2
phases:
  - title: Work
    steps: [{id: work, title: Do the work, run: echo done, risk: change}]
"""
LAYERS = (
    *("tui", "screens", "midwatch/engine", "midwatch/output", "midwatch/reports", "midwatch/journal"),
    *("midwatch/supervisor", "midwatch/control", "midwatch/incident", "midwatch/api", "midwatch/runbook"),
    *("midwatch/redaction", "midwatch/system"),
)
BESIDE = {"midwatch/output": {"midwatch/reports"}, "midwatch/journal": {"midwatch/supervisor", "midwatch/control"}}
"""Packages of one layer that stand behind one another in `LAYERS`, and may call one another."""


class Trace:
    """Every call between our functions while the trace is on, with the packages above it."""

    def __init__(self) -> None:
        self.paths: set[tuple[str, ...]] = set()
        """The packages of each stack, from the outermost to the innermost, neighbours of one package once."""
        self.entered: list[str] = []
        """`file:function`, at each start of a call; a coroutine that goes on is no new call."""
        self._frames: list[FrameType] = []

    @contextmanager
    def on(self) -> Iterator[None]:
        """Trace this thread and those that are started meanwhile."""
        threading.setprofile(self._take)
        sys.setprofile(self._take)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _take(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "call" or not package_of(frame):
            return
        path: list[str] = []
        outer: FrameType | None = frame
        while outer is not None:
            package = package_of(outer)
            if package and path[-1:] != [package]:
                path.append(package)
            outer = outer.f_back
        self.paths.add(tuple(reversed(path)))
        if frame.f_code.co_flags & 0x80 and any(frame is known for known in self._frames):
            return
        if frame.f_code.co_flags & 0x80:  # a coroutine: a call for each of its parts
            self._frames.append(frame)
        file = Path(frame.f_code.co_filename).relative_to(ROOT)
        self.entered.append(f"{file}:{frame.f_code.co_name}")


def package_of(frame: FrameType) -> str:
    """The layer that the code of this frame belongs to; empty where it is not ours."""
    file = frame.f_code.co_filename
    if not file.startswith(f"{ROOT}/"):
        return ""
    parts = file.removeprefix(f"{ROOT}/").split("/")
    package = "/".join(parts[:2]) if parts[0] == "midwatch" else parts[0]
    return package if package in LAYERS else ""


@pytest.fixture
def controller(here: Path) -> Iterator[IncidentController]:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    yield controller
    controller.leave()


def climbs(path: tuple[str, ...]) -> bool:
    """Whether a stack enters a package twice, or calls a package of a layer above.

    The screen may have the application show what is drawn: that is the way up.
    """
    downward = path[: path.index("screens") + 1] if path[-1] == "tui" and "screens" in path else path
    pairs = pairwise(downward)
    upward = [pair for pair in pairs if LAYERS.index(pair[1]) < LAYERS.index(pair[0])]
    upward = [(above, below) for above, below in upward if above not in BESIDE.get(below, set())]
    return len(set(path)) != len(path) or bool(upward)


@pytest.mark.slow
async def test_enter_on_a_change_step_enters_each_package_once_down_and_once_up(controller: IncidentController) -> None:
    trace, work = Trace(), controller.runbook.step("work")
    async with opened(controller, sources=[]) as pilot:
        await until(pilot, lambda: "Enter run" in grid(pilot))
        with trace.on():
            await press(pilot, "enter")
            await until(pilot, lambda: "[ Run ]" in grid(pilot))
            await press(pilot, "y")
            await until(pilot, lambda: controller.incident.status(work) is StepStatus.DONE)
            await until(pilot, lambda: "done after" in grid(pilot) or "Enter close" in grid(pilot))
    assert sorted(path for path in trace.paths if climbs(path)) == []
    down = [
        "screens/incident/step_runner.py:run",
        "screens/dialogs/confirm.py:action_accept",
        "midwatch/engine/step_runner.py:start",
        "midwatch/supervisor/launch.py:launch",
    ]
    assert [call for call in trace.entered if call in down] == down
    up = [
        "midwatch/engine/attempts.py:finished_body",
        "midwatch/engine/step_results.py:_record_finished",
        "midwatch/journal/writer.py:append",
        "midwatch/incident/reducer.py:apply_event",
        "screens/incident/screen.py:redraw",
    ]
    finished = trace.entered[trace.entered.index(up[0], trace.entered.index(down[-1])) :]
    at = 0
    for call in up:
        assert call in finished[at:], call
        at = finished.index(call, at) + 1
    assert [finished.count(call) for call in up[:2]] == [1, 1]


def test_page_on_the_architecture_tells_the_walk_in_the_order_of_the_layers() -> None:
    walk = PAGE.partition("## The way of one key press")[2].partition("Up, in the process")[0]
    rows = re.findall(r"^\| [1-5] \| `([a-z/]+)/`", walk, re.MULTILINE)
    packages = ["tui" if row.startswith("tui") else row for row in rows]
    assert packages == ["tui", "screens", "midwatch/engine", "midwatch/journal", "midwatch/supervisor"]
    assert all(file in PAGE for file in ("key_queue.py", "step_runner.py", "confirm.py", "StepRunner.start"))
