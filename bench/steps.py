"""What a trivial step costs without a screen, beside `script`, which records the output of a command as well.

`python bench/steps.py [STEPS]`. The start of the program is taken off: a run of many steps less a run of one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIDWATCH = str(Path(sys.executable).with_name("midwatch"))
RUNBOOK = "midwatch: 1\ntitle: Trivial\nseverity: SEV-3\nphases:\n  - title: P\n    steps:\n"
RUNS = 3


def headless(steps: int) -> float:
    """Seconds of a run with so many steps; the fastest of some."""
    times = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as name:
            lines = (f"      - {{id: s{n}, title: S{n}, risk: observe, run: 'true'}}\n" for n in range(steps))
            (Path(name) / "runbook.yaml").write_text(RUNBOOK + "".join(lines), encoding="utf-8")
            (Path(name) / "answers.yaml").write_text("{}\n", encoding="utf-8")
            began = time.perf_counter()
            command = [MIDWATCH, "run", "runbook.yaml", "--headless", "--answers", "answers.yaml"]
            subprocess.run(command, cwd=name, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - began)
    return min(times)


def recorded() -> float:
    """Seconds of `script` with the same command; the fastest of some."""
    times = []
    for _ in range(5 * RUNS):
        began = time.perf_counter()
        subprocess.run(["script", "-qec", "true", "/dev/null"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Print both, and how many times the other one a step takes."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    step, script = (headless(steps + 1) - headless(1)) / steps, recorded()
    print(f"a trivial step {step * 1000:.0f} ms, script {script * 1000:.0f} ms: {step / script:.1f} x")


if __name__ == "__main__":
    main()
