"""Who logged in, from where and with what, and who changed access: out of audit logs, `auth.log` and servers' logs."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import chain, islice

from probes.logs.fast_time import Moments
from probes.logs.journal_lines import plain_lines
from probes.logs.login_events import EventKind, read_line
from probes.logs.server_log import refused_logins
from probes.logs.server_log_formats import REFUSED_STATES

_AUTHORIZED = re.compile(
    r"(?:replication )?connection authorized: user=(.*?)(?: database=(.*?))?(?: application_name=(.*?))?"
    r"(?: SSL enabled.*| GSS .*| \(.*)?$"
)
_CONNECTION = re.compile(rb"LOG:  ((?:replication )?connection (?:received: host=(\S+)|authorized: .*))")
_PID = re.compile(rb"\[(\d+)\]")
_STATEMENT = re.compile(
    r"(?:statement|execute [^:]*): +((?:CREATE|ALTER|DROP) +(?:ROLE|USER|GROUP) +(?!MAPPING)(?:\"[^\"]*\"|[^\s;]+)"
    r"|ALTER +SYSTEM +\w+ +[\w.]+|ALTER +DATABASE +\S+ +(?:SET|RESET) +\w+|(?:GRANT|REVOKE) [^';]{1,60}"
    r"|(?:REASSIGN|DROP) +OWNED +BY +\S+)(.*)",
    re.IGNORECASE | re.DOTALL,
)
_PARAMETER = re.compile(r'parameter "([\w.]+)" (?:changed to|removed from)')
_TABLE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [A-Za-z0-9+:-]+,")
_MESSAGES = ("connection authorized: ", "replication connection authorized: ", "statement: ", "execute ", "duration: ",
             'parameter "')  # fmt: skip
"""How the messages of a table begin that say something of access."""
_JSON_SIGNS = (b"connection authorized: ", b'"28', b"statement: ", b"execute ", b"parameter ")
_ROLE = re.compile(r"(?:ROLE|USER|GROUP) +\"?(.*?)\"?$", re.IGNORECASE)
_PORT = re.compile(r":\d+$")
_SIGNS = (
    b"log",
    b"auth",
    b"passw",
    b"accept",
    b"denied",
    b"rotat",
    b"recover",
    b"reset",
    b"restore",
    b"alter",
    b".conf",
)
"""A line of an audit log without any of these says nothing of access."""
_VOLATILE = re.compile(rb"\d\d\d\d+")
"""Process ids, ports, times since 1970: what differs between lines that say the same."""
_IDENTIFIERS = re.compile(rb"[0-9a-f]{4,}")
"""The same where lines have identifiers in hexadecimal digits."""
_MISSES = 2_000
"""Lines that were judged by the slow way, after which identifiers are looked for as well."""
_NUMBERED = re.compile(
    rb"\[\d*\]|\b(?:port|pid|sid|\w*id|seq|duration\w*|elapsed|ms|bytes)[\"=: ]+[0-9a-f-]*(?![\w.])", re.IGNORECASE
)
"""Short numbers and identifiers of the same kind; found more slowly."""
_APPLICATION = re.compile(
    r"""\b(?:application(?:_name)?|app|program|client_program)["']?[=:] ?("[^"]*"|[^\s,}]+)""", re.IGNORECASE
)
_FILES = re.compile(rb"(?:pg_hba|pg_ident|postgresql(?:\.auto)?)\.conf")
_READ_ONLY = re.compile(
    rb"COMMAND=\S*?(?:cat|less|more|grep|head|tail|view|ls|stat|diff|\w+sum)\b|no pg_hba|pg_hba\.conf rej"
)
_WRITES = re.compile(rb"COMMAND=|type=PATH|\b(?:chang|edit|modif|wr[io]t|replac|updat)\w*", re.IGNORECASE)
_PASSWORD = re.compile(r"passw|credential|chauthtok", re.IGNORECASE)
_SUDO = re.compile(r"sudo(?:\[\d+\])?: +(\S+) :")
_KEPT = 20_000
_HEAD_LINES = 100
"""Lines by which the format of a server's log is known."""


class AccessKind(Enum):
    """What happened."""

    LOGIN = "login"
    FAILED = "failed login"
    PASSWORD = "password change"  # noqa: S105  # no password
    CHANGE = "change of access"
    OTHER = "something else"


@dataclass(frozen=True, slots=True, eq=False)
class AccessEntry:
    """What one entry of a log says, whenever it was written. All texts are foreign.

    Entries that say the same may be one object, so that whoever counts them has to judge each but once.
    """

    kind: AccessKind
    role: str
    source: str = "?"
    application: str = ""
    target: str = ""
    """What the entry itself names as its target; empty in a server's own log."""
    text: str = ""
    """What was changed."""
    is_ours: bool = False
    """Whether the entry names the incident in which it was done."""
    count: int = 1


AccessEvent = tuple[float, AccessEntry]
"""Seconds since 1970, and what happened then."""


def server_events(lines: Iterable[bytes], moments: Moments) -> Iterator[AccessEvent]:
    """The entries of a PostgreSQL server's log, in the formats `stderr`, `csvlog` and `jsonlog`, or in a journal."""
    rest = plain_lines(lines)
    head = list(islice(rest, _HEAD_LINES))  # the first may be the end of an entry
    for number, line in enumerate(head):
        if line.startswith(b'{"timestamp":'):
            return _from_json(chain(head[number:], rest), moments)
        if _TABLE.match(line):
            return _from_table(chain(head[number:], rest), moments)
    return _from_stderr(chain(head, rest), moments)


def _from_stderr(lines: Iterator[bytes], moments: Moments) -> Iterator[AccessEvent]:
    sources: dict[bytes, str] = {}
    for line in lines:
        if b"connection " in line:
            found = _CONNECTION.search(line)
            if found is not None and not line.startswith(b"\t"):  # which continues an entry, and may say anything
                process = pid[1] if (pid := _PID.search(line)) else b""
                if found[2] is None:
                    message, source = found[1].decode("utf-8", "replace"), sources.get(process, "?")
                    yield from _authorized(message, moments.of(line)[0], source)
                    continue
                if len(sources) >= _KEPT:
                    sources.clear()
                sources[process] = found[2].decode("utf-8", "replace")
                continue
        if line.startswith(b"\t"):
            continue
        if b"FATAL:  " in line or b"28P01" in line or b"28000" in line:
            process = pid[1] if (pid := _PID.search(line)) else b""
            before = f"[{process.decode()}] LOG:  connection received: host={sources.get(process, '?')}"
            for refused in refused_logins([before, line.decode("utf-8", "replace")]):
                yield moments.of(line)[0], AccessEntry(AccessKind.FAILED, refused.user, refused.source)
        elif b"statement: " in line or b"execute " in line or b'parameter "' in line:
            yield from _changed(line.decode("utf-8", "replace"), moments.of(line)[0], "")


def _authorized(message: str, moment: float, source: str) -> Iterator[AccessEvent]:
    entry = _login(message, source)
    if entry is not None and moment:
        yield moment, entry


@lru_cache(maxsize=_KEPT)
def _login(message: str, source: str) -> AccessEntry | None:
    found = _AUTHORIZED.match(message)
    return AccessEntry(AccessKind.LOGIN, found[1], source, found[3] or "") if found else None


def _changed(message: str, moment: float, actor: str) -> Iterator[AccessEvent]:
    """A statement about roles, rights or settings; of one that sets a password, no more than its role."""
    if (parameter := _PARAMETER.search(message)) is not None:
        yield moment, AccessEntry(AccessKind.CHANGE, actor, text=f"setting {parameter[1]}")
        return
    found = _STATEMENT.search(message)
    if found is None or not moment:
        return
    what = " ".join(found[1].split())
    yield moment, AccessEntry(AccessKind.CHANGE, actor, text=what)
    role = _ROLE.search(what)
    if role is not None and what[:5].upper() != "DROP " and "PASSWORD" in found[2].upper():
        yield moment, AccessEntry(AccessKind.PASSWORD, role[1], text=what)


def _entry(message: str, moment: float, state: str, user: str, source: str) -> Iterator[AccessEvent]:
    if "connection authorized: " in message:
        yield from _authorized(message, moment, source)
    elif state in REFUSED_STATES:
        yield moment, AccessEntry(AccessKind.FAILED, user or "?", source)
    else:
        yield from _changed(message, moment, user)


def _from_table(lines: Iterator[bytes], moments: Moments) -> Iterator[AccessEvent]:
    reader = csv.reader(f"{line.decode('utf-8', 'replace')}\n" for line in lines)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue
        if len(row) > 13 and (row[12] in REFUSED_STATES or row[13].startswith(_MESSAGES)):
            source = _PORT.sub("", row[4]) or "?"
            yield from _entry(row[13], moments.of(row[0].encode())[0], row[12], row[1], source)


def _from_json(lines: Iterator[bytes], moments: Moments) -> Iterator[AccessEvent]:
    for line in lines:
        if not any(sign in line for sign in _JSON_SIGNS):
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            keys = ("message", "state_code", "user", "remote_host")
            message, state, user, host = (str(entry.get(key) or "") for key in keys)
            yield from _entry(
                message, moments.of(str(entry.get("timestamp", "")).encode())[0], state, user, host or "?"
            )


def audit_events(lines: Iterable[bytes], moments: Moments, unknown: list[str]) -> Iterator[AccessEvent]:
    """The entries of an access audit log, of `auth.log`, in the forms of `login_events`, or of a journal.

    Lines that say the same but for their time, port and process are judged once. Those that name logins and are not
    understood go into `unknown`, the last ten of them.
    """
    direct: dict[bytes, AccessEntry] = {}
    shortened: dict[bytes, AccessEntry] = {}
    volatile, misses = _VOLATILE, 0
    for line in plain_lines(lines):
        moment, begin, end = moments.of(line)
        key = volatile.sub(b"", line[:begin] + line[end:])
        known = direct.get(key)
        if known is None:
            lower = line.lower()
            if not any(sign in lower for sign in _SIGNS):
                continue
            misses += 1
            if misses > _MISSES:
                volatile = _IDENTIFIERS
            shorter = _NUMBERED.sub(b"", _IDENTIFIERS.sub(b"", key))
            known = shortened.get(shorter) or _judge(line, unknown)
            words = f"{known.role} {known.source} {known.application} {known.target}".encode()
            if volatile.search(words) is None:  # else the key does not tell it from others
                _keep(direct, key, known)
            if _IDENTIFIERS.search(words) is None and _NUMBERED.search(words) is None:
                _keep(shortened, shorter, known)
        if known.kind is not AccessKind.OTHER and moment:
            yield moment, known


def _keep(entries: dict[bytes, AccessEntry], key: bytes, entry: AccessEntry) -> None:
    if len(entries) >= _KEPT:
        entries.clear()
    entries[key] = entry


def _judge(line: bytes, unknown: list[str]) -> AccessEntry:
    text = line.decode("utf-8", "replace")
    is_ours = " incident=" in text and " incident=none" not in text
    if (file := _FILES.search(line)) is not None and _WRITES.search(line) and not _READ_ONLY.search(line):
        actor = found[1] if (found := _SUDO.search(text)) else "?"
        return AccessEntry(AccessKind.CHANGE, actor, text=file[0].decode(), is_ours=is_ours)
    event, waits_for, _ = read_line(text)
    kind = _KINDS.get(event.kind, AccessKind.OTHER)
    if waits_for and not waits_for.startswith("audit"):  # the program writes a line of its own
        kind = AccessKind.OTHER
    if event.kind is EventKind.UNKNOWN:
        unknown[:] = [*unknown[-9:], text]
    if kind is AccessKind.PASSWORD and event.user == "?" and not _PASSWORD.search(text):
        kind = AccessKind.OTHER  # a connection is reset, a kernel restores its registers
    if kind is AccessKind.PASSWORD and " method=found" in text:
        kind = AccessKind.OTHER  # a password that was lost and found again is no new one
    application = found[1].strip("\"'") if (found := _APPLICATION.search(text)) else event.service
    what = f"password of {event.user}" if kind is AccessKind.PASSWORD else ""
    target = event.target or event.service
    return AccessEntry(kind, event.user, event.source, application, target, what, is_ours, min(event.count, 1000))


_KINDS = {
    EventKind.LOGGED_IN: AccessKind.LOGIN,
    EventKind.FAILED: AccessKind.FAILED,
    EventKind.CHANGED: AccessKind.PASSWORD,
}
