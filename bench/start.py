"""How long the program takes to start, beside an interpreter that does nothing and one that imports the screen's
library."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

MIDWATCH = str(Path(sys.executable).parent / "midwatch")
RUNS = 15


def best(argv: list[str]) -> float:
    """The fastest of some runs, in seconds: what is slower is the machine's doing."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Print each as a multiple of the bare interpreter."""
    bare = best([sys.executable, "-c", "pass"])
    rows = {
        "python -c pass": bare,
        "midwatch --help": best([MIDWATCH, "--help"]),
        "midwatch action": best([MIDWATCH, "action"]),
        "import textual.app": best([sys.executable, "-c", "import textual.app"]),
    }
    for name, seconds in rows.items():
        print(f"{name:22}{seconds * 1000:8.0f} ms{seconds / bare:8.1f} x")


if __name__ == "__main__":
    main()
