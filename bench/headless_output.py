"""A step that writes ten million lines without a screen, beside `script`, which records the output of a command as
well.

`python -m bench.headless_output [MILLION LINES]`. What either says goes to a file. At most 2.5 times `script` may be
taken.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.steps import MIDWATCH, RUNBOOK

ROUNDS = 3
RUN = (MIDWATCH, "run", "runbook.yaml", "--headless", "--answers", "answers.yaml")


def seconds(folder: Path, *command: str) -> float:
    """How long a command takes in a folder."""
    with (folder / "said").open("wb") as said:
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=said, timeout=600)
        return time.perf_counter() - began


def main() -> None:
    """Print the fastest of some rounds in turns."""
    lines = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 10_000_000
    times: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as name:
            step = f"      - {{id: s, title: S, risk: observe, run: seq 1 {lines}}}\n"
            (Path(name) / "runbook.yaml").write_text(RUNBOOK + step, encoding="utf-8")
            (Path(name) / "answers.yaml").write_text("{}\n", encoding="utf-8")
            script = ("script", "-qec", f"seq 1 {lines}", "typescript")
            commands = {"script": script, "summarised": RUN, "--output full": (*RUN, "--output", "full")}
            for what, command in commands.items():
                times.setdefault(what, []).append(seconds(Path(name), *command))
    script_time = min(times["script"])
    for what, found in times.items():
        print(f"{lines:,} lines, {what}: {min(found):.1f} s, {min(found) / script_time:.2f} x")


if __name__ == "__main__":
    main()
