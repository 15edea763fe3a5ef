"""Exports of an incident of 100,000 events beside one of 10,000: time and memory for each event, by format.

Run: `python -m bench.export`. Each export runs in a process of its own. Fails when an event of the large incident takes
more than `MOST` times as long, or adds more than `MOST` times as much memory, as one of the small incident.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from midwatch.incident.events import Event
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.codec import NO_LINE, digest, encode
from midwatch.journal.reader import read
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.system.clock import to_rfc3339

SMALL, LARGE, MOST = 10_000, 100_000, 2.0
RUNS = (
    ("md", "timeline"),
    ("md", "full timeline"),
    ("html", "timeline"),
    ("html", "post-mortem"),
    ("json", "timeline"),
)
BEGIN = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
_STEPS = 40


def runbook_text() -> str:
    """A runbook of scripts that measure the disk, and of manual steps with a question."""
    steps = [
        f"      - {{id: run-{n}, title: Run script {n}, run: echo {n}, risk: change, measure: [disk]}}\n"
        f"      - {{id: ask-{n}, title: Ask {n}, questions: [{{name: answer_{n}, prompt: What is it?}}]}}\n"
        for n in range(_STEPS // 2)
    ]
    head = "midwatch: 1\nid: large\ntitle: Large\nseverity: SEV-2\npanels: {disk: {paths: [.]}}\nphases:\n"
    return f"{head}  - title: All of it\n    steps:\n{''.join(steps)}"


def bodies(runbook: Runbook) -> Iterator[tuple[str, dict[str, Any]]]:
    """What happens, without end: attempts that fail and succeed, answers, corrections, severities."""
    declared = {"id": "INC-20261123-0200-large", "title": "Large", "severity": "SEV-2", "runbook": "runbook.yaml"}
    yield "incident.declared", declared | {"runbook_sha256": runbook.sha256, "base": "/", "host": "bench", "inputs": {}}
    yield "driver.joined", {"host": "bench", "pid": 1, "terminal": ""}
    plan = {"action": "shell", "parameters": {}, "effects": [], "facts": [], "refusal": ""}
    number, seq = 0, 2
    while True:
        number += 1
        run, attempt = f"run-{number % (_STEPS // 2)}", (number - 1) // (_STEPS // 2) + 1
        rows = [{"label": "/", "text": "", "level": "ok", "number": 40.0 + number % 50, "unit": "%"}]
        reading = {"probe": "disk", "at": to_rfc3339(BEGIN + timedelta(seconds=number)), "rows": rows, "error": ""}
        key = {"step": run, "attempt": attempt}
        failed = number % 3 == 0
        yield "step.confirmed", {**key, "plan": plan, "digest": f"{number:064x}", "reason": ""}
        yield "step.started", {**key, "command": f"echo {number}", "supervisor": {}}
        yield "reading", {**key, "when": "before", "reading": reading}
        yield (
            "step.finished",
            {
                **key,
                "outcome": "failed" if failed else "done",
                "exit": int(failed),
                "seconds": 1.5,
                "ended": to_rfc3339(BEGIN + timedelta(seconds=number + 1)),
                "summary": f"its last line: “job {number} of the queue on db-{number % 7}.example.org, 42.7 MB”",
                "values": {"bytes": str(number)},
                "notify": [],
                "output": {"bytes": 1000, "dropped": 0, "sha256": "ab" * 32, "masked": 0},
            },
        )
        yield "note", {"text": f"The queue holds {number} messages, and it still grows.", "source": "", "by": ""}
        yield "text.corrected", {"event": seq + 5, "text": f"The queue holds {number + 1} messages."}
        ask = f"ask-{number % (_STEPS // 2)}"
        yield (
            "step.marked_done",
            {"step": ask, "note": "", "values": {f"answer_{number % (_STEPS // 2)}": f"it is {number}"}},
        )
        yield "step.reopened", {"step": ask, "reason": "it was another one"}
        changed = {"from": "SEV-2", "to": "SEV-1"} if number % 2 else {"from": "SEV-1", "to": "SEV-2"}
        yield "incident.severity", {**changed, "reason": "by the queue", "automatic": True}
        yield "update.sent", {"message": f"{number} messages", "channel": "", "events": 0, "head": ""}
        seq += 10


def make(folder: Path, count: int) -> None:
    """An incident of so many events, on disk."""
    (folder / "runbook.yaml").write_text(runbook_text(), encoding="utf-8")
    runbook, head = load(folder / "runbook.yaml"), NO_LINE
    with (folder / "journal.jsonl").open("wb") as journal:
        for seq, (kind, body) in zip(range(1, count + 1), bodies(runbook), strict=False):
            event = Event(seq, BEGIN + timedelta(seconds=seq / 10), seq / 10, "boot", "ada@bench", kind, body)
            line = encode(event, head)
            head = digest(line)
            journal.write(line + b"\n")


def export(folder: Path, format: str, document: str) -> None:
    """Export in this process; print the seconds of a core, and the megabytes that came on top of the events."""
    from midwatch.reports.export import Document, Export, Format

    incident = IncidentFolder(folder)
    runbook, events = load(incident.runbook), read(incident.journal)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    content = Export(runbook, events, incident, Document(document)).made(Format(format))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(time.process_time() - began, (peak - before) / 1024, len(content) / 1e6)


def measured(folder: Path, format: str, document: str) -> list[float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "bench.export", str(folder), format, document]
    return [float(word) for word in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def main() -> int:
    """Measure, and print a line for each export."""
    if len(sys.argv) == 4:
        export(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
        return 0
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folders = {count: Path(name) / f"{count}" for count in (SMALL, LARGE)}
        for count, folder in folders.items():
            folder.mkdir()
            make(folder, count)
        for kind, document in RUNS:
            small, large = (measured(folder, kind, document) for folder in folders.values())
            ratios = [big / little / (LARGE / SMALL) for big, little in zip(large[:2], small[:2], strict=True)]
            worst = max(worst, *ratios)
            told = f"{large[0]:.1f} s and {large[1]:.0f} MB on top for {large[2]:.0f} MB"
            print(f"{document} as {kind}: {told}; an event {ratios[0]:.2f} of the time, {ratios[1]:.2f} of the memory")
    print(f"worst ratio of an event of {LARGE} to one of {SMALL}: {worst:.2f}, allowed {MOST}")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
