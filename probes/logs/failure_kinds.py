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
_FAILED = (
    "EMERG|ALERT|CRITICAL|CRIT|FATAL|PANIC|SEVERE|FAILURE|FAILED|ERROR|ERR|EROR"
    "|FEHLER|PANIK|ERREUR|ERRORE|ERRO|BŁĄD|ОШИБКА|ВАЖНО|エラー|错误|오류"  # PostgreSQL's in other languages
)
_OTHER = (
    "EMERGENCY|WARNING|WARN|NOTICE|INFORMATION|INFO|LOG|OK|SUCCESS|VERBOSE|DEBUG\\d?|TRACE"
    "|DETAIL|HINT|STATEMENT|CONTEXT"
)
_LEVEL = f"(?i:{_FAILED}|{_OTHER})"
_MARK = re.compile(
    rf"""\[\s*(?:\w+:)?(?P<bracket>{_LEVEL}|[EWI])\s*\]
    | \((?P<x11>EE|WW)\)
    | \b(?i:level|lvl|severity|severity_text|levelname|loglevel|error_severity)"?\s*[=:]\s*"?
        (?P<key>{_LEVEL}|[0-7]|[1-6]0)\b
    | "PRIORITY"\s*:\s*"?(?P<journald>[0-7])\b
    | <(?P<angle>{_LEVEL})>
    | ^(?P<klog>[EFWI])(?=\d{{4}}\s\d\d:\d\d:\d\d)
    | (?:^|(?<=[\s|\]>]))(?P<colon>{_LEVEL})(?=:\s)
    | ^(?P<python>{_FAILED}|{_OTHER})(?=:\w)
    | \b\w+\.(?P<channel>{_FAILED}|{_OTHER})(?=:?\s)
    | (?:^|(?<=[\s|]))(?P<word>{_FAILED}|{_OTHER})(?=[\s|]|$)""",
    re.VERBOSE,
)
_PRIORITY = re.compile(r"<(\d{1,3})>")
"""What syslog puts before a line: facility and severity. Programs that know none give one of their own: what the line
says counts first."""
_WORST_OF_SYSLOG = 3
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_MARK_WITHIN = 200
"""Characters at the beginning of a line in which its level stands."""
_FAILED_MARK = re.compile(rf"(?i:{_FAILED})|[0-3]|[56]0|E|EE|F")
_IDS = re.compile(
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"  # UUIDs
    r"|\beyJ[\w-]+(?:\.[\w-]+)+"  # tokens of JWT
    r"|(?<![\w:])(?=[0-9a-f:]*\d)(?=[0-9a-f:]*(?:[a-f]|::))(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])"  # IPv6, MAC
    r"|\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b"  # addresses, hashes
    r"|\b(?=(?:[a-z]*\d+[a-z]+){2}|[a-z]+\d+[a-z]+\d)[a-z0-9]{5,}\b"  # letters and digits that take turns
    r"|\b(?-i:(?=\w*\d)(?=\w*[a-z])(?=\w*[A-Z])\w{16,})\b",
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
    found = _MARK.search(_COLOUR.sub("", text[: 2 * _MARK_WITHIN])[:_MARK_WITHIN])
    if found is None:
        priority = _PRIORITY.match(text)
        if priority is None:
            return Mark.NONE
        return Mark.FAILURE if int(priority[1]) % 8 <= _WORST_OF_SYSLOG else Mark.OTHER
    return Mark.FAILURE if _FAILED_MARK.fullmatch(found[found.lastgroup or 0]) else Mark.OTHER


def kind_of(text: str) -> str:
    """The line without its time, with each id or hash as `ID` and each number as `N`."""
    return _NUMBER.sub("N", _IDS.sub("ID", split_time(text)[1][: 10 * _KIND_LENGTH]))[:_KIND_LENGTH]


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
