"""Events per second of the journal, beside what writes and syncs the same bytes without any of its promises.

Run: `python bench/journal.py [FOLDER]`. Each peer gets the same events, several rounds in turn, so that the disk's mood
meets them all; what counts is the ratio of the medians.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from midwatch.journal.reader import Tail, read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.clock import SystemClock

EVENTS = 400
ROUNDS = 7
BODY = {"text": "A note of the length that people write at two in the morning, more or less.", "at": None}


def journal(folder: Path, _: list[bytes]) -> None:
    """The journal: preallocated, chained, `fdatasync` for each event."""
    log = Journal.create(folder / "journal", actor="bench@host", clock=SystemClock())
    for _number in range(EVENTS):
        log.append("note", BODY)
    log.close()


def append_and_fsync(folder: Path, lines: list[bytes]) -> None:
    """A plain file: append, `fsync`."""
    with (folder / "plain").open("ab", buffering=0) as file:
        for line in lines:
            file.write(line)
            os.fsync(file.fileno())


def append_and_fdatasync(folder: Path, lines: list[bytes]) -> None:
    """A plain file: append, `fdatasync`."""
    with (folder / "plain-data").open("ab", buffering=0) as file:
        for line in lines:
            file.write(line)
            os.fdatasync(file.fileno())


def rewrite_and_rename(folder: Path, lines: list[bytes]) -> None:
    """A state file: written anew, synced and renamed over the old one for each event."""
    content = b""
    for line in lines:
        content += line
        with (folder / "state.part").open("wb", buffering=0) as file:
            file.write(content)
            os.fsync(file.fileno())
        (folder / "state.part").rename(folder / "state")


PEERS: list[Callable[[Path, list[bytes]], None]] = [journal, append_and_fsync, append_and_fdatasync, rewrite_and_rename]


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        journal(folder, [])
        lines = [line + b"\n" for line in (folder / "journal").read_bytes().split(b"\0")[0].splitlines()]
        (folder / "journal").unlink()
        taken: dict[str, list[float]] = {peer.__name__: [] for peer in PEERS}
        for number in range(ROUNDS):
            for peer in PEERS[number % len(PEERS) :] + PEERS[: number % len(PEERS)]:
                inner = folder / f"{number}-{peer.__name__}"
                inner.mkdir()
                taken[peer.__name__].append(seconds(lambda peer=peer, inner=inner: peer(inner, lines)))  # type: ignore[misc]
        ours = statistics.median(taken["journal"])
        print(f"{EVENTS} events of {len(lines[-1])} bytes, {ROUNDS} rounds, median")
        for peer in PEERS:
            median = statistics.median(taken[peer.__name__])
            spread = f"{min(taken[peer.__name__]) / EVENTS * 1e6:.0f} to {max(taken[peer.__name__]) / EVENTS * 1e6:.0f}"
            rate = f"{EVENTS / median:9,.0f} events/s  {median / EVENTS * 1e6:6.0f} µs each ({spread})"
            print(f"{peer.__name__:22}{rate}  {median / ours:5.2f} × the journal's time")
        path = folder / "0-journal" / "journal"
        tail = Tail(path)
        tail.poll()
        print(f"{'read':22}{EVENTS / seconds(lambda: read(path)):9,.0f} events/s")
        print(f"{'verify':22}{EVENTS / seconds(lambda: verify(path)):9,.0f} events/s")
        print(f"{'an idle poll':22}{seconds(lambda: [tail.poll() for _ in range(1000)]) * 1000:9.1f} µs")


if __name__ == "__main__":
    main()
