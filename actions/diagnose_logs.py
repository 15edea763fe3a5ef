"""The action `diagnose-logs`: reports the failures in the logs by kind, and the first failure of the last run."""

from __future__ import annotations

import re
from collections import Counter, deque
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
from probes.logs.log_tail import LogLine, tail_lines

TAIL = 20_000_000
"""Bytes at the end of each log that are read."""
SHOWN = 10
_FAILED = re.compile(r"\[(ERROR|FAILURE|CRITICAL|FATAL|ALERT)\]")
_STARTED = re.compile(r"\bstarted\b|\[EMERGENCY\]")
_TIME = re.compile(r"^\W*(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?)\s*")
_NUMBER = re.compile(r"\d+")


@dataclass(slots=True)
class Failures:
    """What failed in one log."""

    lines: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """Words with their numbers left out → how often."""
    seen: dict[str, tuple[LogLine, LogLine]] = field(default_factory=dict)
    """The first and the last line of each kind."""
    first: LogLine | None = None
    """Of the last run: what failed first. What failed next usually follows from it."""
    end: deque[LogLine] = field(default_factory=deque)

    def add(self, line: LogLine) -> None:
        """Take in the next line of the log."""
        self.lines += 1
        self.end.append(line)
        if _FAILED.search(line.text):
            kind = _NUMBER.sub("N", _TIME.sub("", line.text))
            self.kinds[kind] += 1
            self.seen[kind] = (self.seen[kind][0] if kind in self.seen else line, line)
            self.first = self.first or line
        elif _STARTED.search(line.text):
            self.first = None


@dataclass(frozen=True)
class DiagnoseLogs(Action):
    """Counts the failures in the logs by kind, with the first and the last time, and names what failed first in the last run.

    A failure is a line with `[ERROR]`, `[FAILURE]`, `[CRITICAL]`, `[FATAL]` or `[ALERT]`; lines that differ in numbers only
    are of one kind. Where a log was rotated, `NAME.1` is read before it. A log that is not there, or whose mount does not
    answer, is said, and is no fault; unknown when none of them can be read. Fails when one is there and cannot be read.
    Memory stays flat however long a log is.
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
            draft.add(Verb.READ, f"the end of {path}" if path.exists() else f"{path}, which is not there now")
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
            if not path.exists():
                missing += 1
                context.console.say(f"There is no {path}")
                told.append(f"{path.name}: not there")
                continue
            found = self._read(path)
            self._say(context, path, found)
            count = found.kinds.total()
            total += count
            told.append(f"{path.name}: {count} failures in {found.lines} lines")
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
        rotated = path.with_name(f"{path.name}.1")
        try:
            for file in (rotated, path) if rotated.is_file() else (path,):
                for line in tail_lines(file, TAIL):
                    found.add(line)
        except Failed as error:
            raise Failed(error.sentence, hint="Look at its owner and mode") from error
        return found

    def _say(self, context: Context, path: Path, found: Failures) -> None:
        say = context.console.say
        say(f"{path}: {found.kinds.total()} failures in {found.lines} lines")
        for kind, count in found.kinds.most_common(SHOWN):
            first, last = (_when(line) for line in found.seen[kind])
            say(f"  {count:>5}  {safe_text(kind)}, {first if first == last else f'{first} to {last}'}")
        if len(found.kinds) > SHOWN:
            say(f"  and {len(found.kinds) - SHOWN} more kinds")
        if found.first is not None:
            say(f"  what failed first in the last run: {found.first.place}  {safe_text(found.first.text)}")
        if found.end:
            say("  the last lines:")
        for line in found.end:
            say(f"    {safe_text(line.text)}")


def _when(line: LogLine) -> str:
    return safe_text(match[1]) if (match := _TIME.match(line.text)) else line.place
