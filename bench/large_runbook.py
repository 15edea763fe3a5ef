"""A runbook of 2,000 steps, half of them items of loops, against one of 20: each per step.

Lint reads and checks the file, open reads the incident and its journal, move draws the checklist after a key, and go
finds what is next. It fails when the large one takes more than `MOST` times as long per step.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.workflow import next_action
from midwatch.runbook.loader import load
from screens.widgets.checklist_rows import checklist_lines, entries
from screens.widgets.styles import TextStyles

SMALL, LARGE, MOST = 20, 2000, 2.0
_ITEMS = 10
_PHASE = f"""\
  - title: Phase NUMBER
    steps:
      - id: read-NUMBER
        title: Read {{{{ item }}}}
        for_each: [{", ".join(f"web{item}" for item in range(_ITEMS // 2))}]
        run: echo "days=3" >> "$STEP_OUTPUT"
        env: {{HOST: {{from: item}}}}
        outputs: [days]
        risk: observe
      - id: renew-NUMBER
        title: Renew
        for_each: [{", ".join(f"web{item}" for item in range(_ITEMS // 2))}]
        run: echo "$HOST"
        env: {{HOST: {{from: item}}, DAYS: {{from: read-NUMBER.days}}}}
        when: {{answer: read-NUMBER.days, below: 7}}
        depends_on: [read-NUMBER]
        risk: change
"""


def text(steps: int) -> str:
    """A runbook of so many steps, in phases of twenty."""
    phases = []
    for number in range(1, steps // 20 + 1):
        others = (
            f"      - {{id: s-{number}-{n}, title: Step {n} of {number}, when: {{done: renew-{number}}}}}\n"
            for n in range(20 - _ITEMS)
        )
        phases.append(_PHASE.replace("NUMBER", str(number)) + "".join(others))
    return "midwatch: 1\ntitle: Large\nseverity: SEV-2\nphases:\n" + "".join(phases)


def fastest(call: Callable[[], object], times: int = 7) -> float:
    """Seconds of a core that the fastest of several calls takes; other work on the machine does not count."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)


def measured(steps: int) -> dict[str, float]:
    """Seconds by what is measured, of a runbook with so many steps."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "runbook.yaml"
        file.write_text(text(steps), encoding="utf-8")
        runbook = load(file)
        assert sum(1 for _ in runbook.steps()) == steps
        controller = IncidentController.declare(runbook, actor="bench")
        for phase in runbook.phases:
            for step in phase.steps[: _ITEMS // 2]:
                controller.skip(step.id, "measured")
        last, styles = list(runbook.steps())[-1].id, TextStyles(ascii=False)

        def move() -> None:
            incident, folds = controller.incident, {phase.id: True for phase in runbook.phases}
            shown = entries(runbook, incident, last, folds, "", 50)
            checklist_lines(shown, runbook, incident, last, 0.0, 60, styles)

        try:
            return {
                "lint": fastest(lambda: load(file)),
                "open": fastest(lambda: IncidentController.observe(controller.folder)),
                "move": fastest(move),
                "go": fastest(lambda: next_action(controller)),
            }
        finally:
            controller.leave()


def main() -> int:
    small, large, slow = measured(SMALL), measured(LARGE), 0
    for name, seconds in large.items():
        ratio = seconds / LARGE / (small[name] / SMALL)
        slow += ratio > MOST
        print(
            f"{name}: {seconds * 1000:.1f} ms for {LARGE} steps, {small[name] * 1000:.2f} ms for {SMALL}; "
            f"per step {ratio:.2f} times as long"
        )
    return slow


if __name__ == "__main__":
    sys.exit(main())
