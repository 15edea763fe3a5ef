"""Which log lines are failures, and which failures are of one kind."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from probes.logs.line_time import split_time
from probes.logs.log_tail import LogLine

KINDS_LIMIT = 500
"""Kinds that are told apart by all their words; further ones by their first words only, so that memory stays
bounded."""
OTHER = "(failures of further kinds)"
_KIND_LENGTH = 300
_FAILED = "EMERG|ALERT|CRITICAL|CRIT|FATAL|PANIC|SEVERE|FAILURE|FAILED|ERROR|ERR"
_OTHER = "EMERGENCY|WARNING|WARN|NOTICE|INFORMATION|INFO|LOG|OK|SUCCESS|VERBOSE|DEBUG\\d?|TRACE|DETAIL|HINT|STATEMENT|CONTEXT"
_MARK = re.compile(
    rf"""\[\s*(?P<bracket>(?i:{_FAILED}|{_OTHER}))\s*\]
    | \b(?i:level|lvl|severity|levelname|loglevel|error_severity)"?\s*[=:]\s*"?(?P<key>(?i:{_FAILED}|{_OTHER})|[0-7]|[1-6]0)\b
    | (?:^|(?<=[\s|\]>]))(?P<colon>(?i:{_FAILED}|{_OTHER}))(?=:\s)
    | (?:^|(?<=[\s|]))(?P<word>{_FAILED}|{_OTHER})(?=[\s|]|$)""",
    re.VERBOSE,
)
_MARK_WITHIN = 200
"""Characters at the beginning of a line in which its level stands."""
_FAILED_MARK = re.compile(rf"(?i:{_FAILED})|[0-3]|[56]0")
_IDS = re.compile(
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"  # UUIDs
    r"|\b(?:0x)?(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b"  # hashes
    r"|\b(?=(?:[a-z]*\d+[a-z]+){2})[a-z0-9]{6,}\b",  # letters and digits that take turns
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.:,]\d+)*")


class Mark(Enum):
    """What a line says of itself."""

    FAILURE = "failure"
    OTHER = "other"
    NONE = "none"
    """No level that is known here."""


def mark_of(text: str) -> Mark:
    """Judge a line by the first level in it: `[ERROR]`, `ERROR:`, `level=error`, `"severity":"ERROR"`, ` ERROR `."""
    found = _MARK.search(text[:_MARK_WITHIN])
    if found is None:
        return Mark.NONE
    return Mark.FAILURE if _FAILED_MARK.fullmatch(found[found.lastgroup or 0]) else Mark.OTHER


def kind_of(text: str) -> str:
    """The line without its time, with each id or hash as `ID` and each number as `N`."""
    return _NUMBER.sub("N", _IDS.sub("ID", split_time(text)[1]))[:_KIND_LENGTH]


@dataclass(slots=True)
class FailureKinds:
    """How often each kind of failure occurred, with its first and its last line."""

    count: Counter[str] = field(default_factory=Counter)
    seen: dict[str, tuple[LogLine, LogLine]] = field(default_factory=dict)

    def add(self, line: LogLine) -> None:
        """Take in a line that is a failure."""
        kind = kind_of(line.text)
        if kind not in self.count and len(self.count) >= KINDS_LIMIT:
            kind = f"{' '.join(kind.split()[:4])} …"
            if kind not in self.count and len(self.count) >= 2 * KINDS_LIMIT:
                kind = OTHER
        self.count[kind] += 1
        self.seen[kind] = (self.seen[kind][0] if kind in self.seen else line, line)
