"""The cost of one more event in a long incident, beside the same in a short one: the state is kept, never made anew.

Run: `python -m bench.append [FOLDER]`. Two incidents, of 100 and of 10,000 events, take the same events in turn; what
counts is the ratio of the medians. Fails when it is above the limit. In memory unless a folder is named: what a disk
takes for an event does not depend on the number of events, and varies more than the program's own part
(`bench/journal.py` has the disk).
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load

SHORT, LONG = 100, 10_000
"""Events."""
WINDOW = 600
"""Events that are timed in each incident."""
LIMIT = 1.2
"""Times that an event of the long incident may take what one of the short incident takes."""
RUNBOOK = """\
midwatch: 1
id: append
title: An incident of many events
severity: SEV-2
witness: false
roles: {boss: {name: The boss, notify_when: always}}
phases:
  - title: All of it
    section: "1"
    steps:
      - {id: first, title: The first step}
      - {id: second, title: The second step}
"""


def operations(controller: IncidentController) -> Iterator[Callable[[], None]]:
    """What people do, without end: each call appends one event."""
    for number in itertools.count():
        seq = len(controller.events)
        yield lambda number=number: controller.note(f"The queue holds {number} messages, and it still grows.")  # type: ignore[misc]
        yield lambda seq=seq: controller.star(seq)  # type: ignore[misc]
        yield lambda seq=seq: controller.correct(seq + 1, "The queue holds fewer messages.")  # type: ignore[misc]
        yield lambda: controller.skip("first", "it is done elsewhere")
        yield lambda: controller.reopen("first", "it was not done elsewhere")
        yield lambda: controller.record_notification("boss", "The queue still grows.")


@contextlib.contextmanager
def incident(events: int) -> Iterator[Iterator[Callable[[], None]]]:
    """An incident of so many events, and what to do next in it."""
    controller = IncidentController.declare(load(Path("runbook.yaml")), actor="bench")
    following = operations(controller)
    while len(controller.events) < events:
        next(following)()
    yield following
    controller.leave()


def seconds(operation: Callable[[], None]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    operation()
    return time.perf_counter() - begun


def main() -> int:
    """Measure and print. 1 when an event of the long incident costs too much."""
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place) as name, contextlib.chdir(name):
        Path("runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
        with incident(SHORT) as short, incident(LONG) as long:
            taken: dict[int, list[float]] = {SHORT: [], LONG: []}
            for _ in range(WINDOW // 2):
                for events, following in ((SHORT, short), (LONG, long), (LONG, long), (SHORT, short)):
                    taken[events].append(seconds(next(following)))
    first, last = statistics.median(taken[SHORT]), statistics.median(taken[LONG])
    ratio = last / first
    print(
        f"event {SHORT:,}: {first * 1e6:.0f} µs; event {LONG:,}: {last * 1e6:.0f} µs; {ratio:.2f} times (at "
        f"most {LIMIT})"
    )
    return ratio > LIMIT


if __name__ == "__main__":
    sys.exit(main())
