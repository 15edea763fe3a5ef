"""Every measurement, one after the other: `make bench`. Each compares with a peer in the same run and prints ratios."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run each benchmark in a process of its own, so that none warms another up. The number of those that failed."""
    failed = 0
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        print(f"\n== {path.stem} ==", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"bench.{path.stem}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
