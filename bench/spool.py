"""Following a large output, beside reading it whole: `python bench/spool.py [MILLION LINES]`. Each in a process of its
own.

Every figure is measured here and now.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from midwatch.output.index import OutputIndex
from midwatch.output.search import find_text


def make(path: Path, lines: int) -> None:
    with path.open("wb") as file:
        for start in range(0, lines, 100_000):
            file.write(
                b"".join(
                    b"2026-11-23 02:14:07 line %d of the output of a step\n" % n for n in range(start, start + 100_000)
                )
            )


def memory() -> int:
    """MiB at the peak."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def by_spool(path: Path) -> None:
    before, began = memory(), time.perf_counter()
    output_index, longest = OutputIndex(path), 0.0
    while True:
        at = time.perf_counter()
        more = output_index.refresh()
        longest = max(longest, time.perf_counter() - at)
        if not more:
            break
    took = time.perf_counter() - began
    chosen = random.Random(3)
    pages = [chosen.randrange(output_index.line_count) for _ in range(1000)]
    at = time.perf_counter()
    for page in pages:
        output_index.lines(page, 50)
    page_time = (time.perf_counter() - at) / len(pages)
    at = time.perf_counter()
    find_text(output_index, "no such words", 0)
    search = time.perf_counter() - at
    report("spool", output_index.line_count, took, memory() - before)
    print(
        f"    longest refresh {longest * 1000:.1f} ms; random page of 50 lines {page_time * 1000:.2f} ms; "
        f"search {search:.2f} s"
    )


def by_readlines(path: Path) -> None:
    before, began = memory(), time.perf_counter()
    with path.open("rb") as file:
        lines = file.readlines()
    report("readlines", len(lines), time.perf_counter() - began, memory() - before)


def by_wc(path: Path) -> None:
    began = time.perf_counter()
    count = int(subprocess.run(["wc", "-l", str(path)], capture_output=True, check=True, timeout=600).stdout.split()[0])
    report("wc -l", count, time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)


def report(name: str, lines: int, took: float, grown: int) -> None:
    print(
        f"{name:12}{lines:12,} lines {took:8.2f} s {lines / took / 1e6:8.1f} million lines/s {grown:6} MiB more",
        flush=True,
    )


WAYS = {"spool": by_spool, "readlines": by_readlines, "wc": by_wc}


def main() -> None:
    if len(sys.argv) == 3:
        WAYS[sys.argv[1]](Path(sys.argv[2]))
        return
    lines = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "output"
        make(path, lines)
        print(f"{path.stat().st_size / 1e6:.0f} MB")
        for way in WAYS:
            subprocess.run([sys.executable, __file__, way, str(path)], check=True, timeout=600)


if __name__ == "__main__":
    main()
