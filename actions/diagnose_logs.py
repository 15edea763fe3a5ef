"""The action `diagnose-logs`: reports the failures in the logs by kind, and the first failure of the last run."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.runbook.model import Risk
from midwatch.system.errors import Failed, OutcomeUnknown
from midwatch.system.mounts import require_answer
from midwatch.system.sanitize import safe_text
from probes.logs.failure_kinds import FailureKinds, Mark, mark_of
from probes.logs.line_time import split_time
from probes.logs.log_tail import LogLine
from probes.logs.rotated_log import Coverage, is_there, read_log

TAIL = 20_000_000
"""Bytes at the end of each log that are read."""
SHOWN = 10
_STARTED = re.compile(r"\bstarted\b|\[EMERGENCY\]")


@dataclass(slots=True)
class Failures:
    """What failed in one log."""

    coverage: Coverage = field(default_factory=Coverage)
    kinds: FailureKinds = field(default_factory=FailureKinds)
    unmarked: int = 0
    """Lines without a level that is known here: what they say was not judged."""
    first: LogLine | None = None
    """Of the last run: what failed first. What failed next usually follows from it."""
    end: deque[LogLine] = field(default_factory=deque)

    def add(self, line: LogLine) -> None:
        """Take in the next line of the log."""
        self.end.append(line)
        mark = mark_of(line.text)
        self.unmarked += mark is Mark.NONE and bool(line.text.strip())
        if mark is Mark.FAILURE:
            self.kinds.add(line)
            self.first = self.first or line
        elif _STARTED.search(line.text):
            self.first = None

    @property
    def summary(self) -> str:
        """How many of how many, and what keeps the number from being the whole truth."""
        text = f"{self.kinds.count.total()} failures in {self.coverage.lines} lines"
        text += f", {self.unmarked} of them without a known level" if self.unmarked else ""
        return text + (f"; passed over: {', '.join(self.coverage.passed_over)}" if self.coverage.passed_over else "")


@dataclass(frozen=True)
class DiagnoseLogs(Action):
    """Counts the failures in the logs by kind, with the first and the last time, and names what failed first in the
    last run.

    A failure is a line whose level says so: `[ERROR]`, `FATAL:`, `level=error`, `"severity":"critical"` and the like;
    lines that differ in numbers, ids and hashes only are of one kind. The newest rotation is read before the log, also
    a compressed one. What was not read, and how many lines have no known level, is said. A log that is not there, or
    whose mount does not answer, is said, and is no fault; unknown when none of them can be read. Fails when one is
    there and cannot be read. Memory stays flat however long a log is.
    """

    name: ClassVar[str] = "diagnose-logs"
    summary: ClassVar[str] = "Count the failures in the logs, and find what failed first"
    risk: ClassVar[Risk] = Risk.OBSERVE
    outputs: ClassVar[tuple[str, ...] | None] = ("failures", "first")

    logs: tuple[Path, ...] = param("which logs; backup.log and emergency-backup.log when left out", default=())
    tail: int = param("how many of the last lines to show", default=20)

    def plan(self, context: Context) -> Plan:
        """List the logs to read."""
        draft = self.draft()
        for path in self._paths(context):
            try:
                require_answer(path)
            except OutcomeUnknown as error:
                draft.fact("not read", str(error))
                continue
            draft.add(
                Verb.READ,
                f"the end of {path} and of its newest rotation"
                if is_there(path)
                else f"{path}, which is not there now",
            )
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Read the logs and report the failures by kind."""
        told, total, first, missing = [], 0, "", 0
        for path in self._paths(context):
            try:
                require_answer(path)
            except OutcomeUnknown as error:
                missing += 1
                context.console.say(str(error))
                told.append(f"{path.name}: not read, its mount does not answer")
                continue
            if not is_there(path):
                missing += 1
                context.console.say(f"There is no {path}")
                told.append(f"{path.name}: not there")
                continue
            found = self._read(path)
            self._say(context, path, found)
            total += found.kinds.count.total()
            told.append(f"{path.name}: {found.summary}")
            if found.first is not None:
                first = first or f"{found.first.place} {found.first.text}"
        if missing == len(told):
            raise OutcomeUnknown("None of the logs is there, so nothing was counted", hint="Name them: --logs")
        summary = "; ".join(told) + (f"; first of the last run: {safe_text(first)}" if first else "")
        return Outcome(True, summary, {"failures": str(total), "first": safe_text(first)})

    def _paths(self, context: Context) -> tuple[Path, ...]:
        logs = context.runbook.location_of("logs")
        return self.logs or (logs / "backup.log", logs / "emergency-backup.log")

    def _read(self, path: Path) -> Failures:
        found = Failures(end=deque(maxlen=self.tail))
        try:
            for line in read_log(path, TAIL, found.coverage):
                found.add(line)
        except Failed as error:
            raise Failed(error.sentence, hint="Look at its owner and mode") from error
        return found

    def _say(self, context: Context, path: Path, found: Failures) -> None:
        say = context.console.say
        kinds = found.kinds
        say(f"{path}: {safe_text(found.summary)}")
        say(f"  looked at {safe_text(str(found.coverage))}")
        for kind, count in kinds.count.most_common(SHOWN):
            first, last = (safe_text(split_time(line.text)[0]) or line.place for line in kinds.seen[kind])
            say(f"  {count:>5}  {safe_text(kind)}, {first if first == last else f'{first} to {last}'}")
        if len(kinds.count) > SHOWN:
            say(f"  and {len(kinds.count) - SHOWN} more kinds")
        if found.first is not None:
            say(f"  what failed first in the last run: {found.first.place}  {safe_text(found.first.text)}")
        if found.end:
            say("  the last lines:")
        for line in found.end:
            say(f"    {safe_text(line.text)}")
