"""Failed logins and password changes in audit logs: `key=value` words, JSON, sshd, PAM and the kernel's audit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from probes.logs.line_time import epoch_time, split_time, time_within

_LOGIN = re.compile(r"log-?in(?!d\b)|logon|logged in|authenticat|password authentication|access denied", re.IGNORECASE)
_ACT = r"(?:re-?set|recover(?:ed|y)?|restored?|chang(?:e|ed|ing)|set|updat(?:e|ed|ing)|modified|renewed)(?![^\W_])"
_CHANGE = re.compile(
    r"\b(rotat\w*\b(?!\W+(?:the\W+)?logs?\b)|alter role|alter user|chauthtok|(?-i:RESET|RECOVER(?:ED)?)\b"
    rf"|(?:passw[^\W_]*|credentials?|secret)[\W_]+(?:[^\W_]+[\W_]+){{0,6}}?{_ACT}|account[\W_]+(?:\w+\W+)?re-?set\b"
    rf"|{_ACT}[\W_]+(?:[^\W_]+[\W_]+){{0,6}}?(?:passw|credential))",
    re.IGNORECASE,
)
"""A connection is reset as well, and a database restored: what is changed has to be said."""
_NO_CHANGE = re.compile(
    rf"(?:\b(?:fail\w*|cannot|could not|unable|must|needs? to|has to)\W+(?:\w+\W+){{0,3}}{_CHANGE.pattern})"
    rf"|(?:{_CHANGE.pattern}[\W_]+(?:\S+\s+){{0,3}}(?:fail\w*|denied|refused|rejected|request\w*|requir\w+|pending)\b)",
    re.IGNORECASE,
)
"""A change that was asked for or tried, and not made."""
_ABOUT = re.compile(
    r"log-?in(?!d\b)|logon|passw|authenti|credential"
    r"|anmeldung|kennwort|mot de passe|contrase[nñ]a|senha|парол|パスワード|ログイン|密码|登录",
    re.IGNORECASE,
)
"""Also in other languages, whose lines are counted as not understood."""
_OUTCOME = re.compile(
    r"(?P<good>\b(?:ok|succe\w+|accepted|granted|allowed|logged in)\b)"
    r"|(?P<bad>\bfail\w*|\bdenied\b|\brefused\b|\brejected\b|\binvalid\b)",
    re.IGNORECASE,
)
_RESULT_WORD = re.compile(r"(?P<good>true|yes|1|0x0|20\d)|(?P<bad>false|no|0|error|40[13])", re.IGNORECASE)
_NAMED_USER = re.compile(
    r"""\b(?:(?:user|role|account)\s+["'«]?|for\s+["'«]|(?-i:FOR)\s+|for\s+(?=\S+\s+from\b))([\w.@$-]*[\w$])""",
    re.IGNORECASE,
)
_NAMED_SOURCE = re.compile(r"""(?:\bfrom\s+|@')([\w.:-]*\w)""", re.IGNORECASE)
_FIELD = re.compile(r"""(?<![\w.])([A-Za-z@][\w.@-]*)=("[^"]*"|'[^']*'|[^\s"']+)""")
_AUDITD = re.compile(r"\btype=(\w+) msg=audit\((\d{9,11}(?:\.\d+)?):\d+\):(.*)")
_PROGRAM = re.compile(r"(?:^|\s)([\w./-]+?)(?:\[(\d+)\])?:\s+(.*)", re.DOTALL)
_PRIORITY = re.compile(r"<\d{1,3}>1 ")
_RFC5424 = re.compile(r"^\S+ ([\w./-]+) (\d+|-) \S+ (?:-|\[.*?\]) (.*)", re.DOTALL)
_SSHD = re.compile(r"(Failed|Accepted) \S+ for (?:invalid user )?(.*) from (\S+) port \d+")
_SUDO = re.compile(r"(?P<user>\S+) : (?P<count>\d{1,4}) incorrect password attempts?\b")
_SU = re.compile(r"FAILED SU \(to (?P<user>\S+)\) (?P<source>\S+) on ")
_OWN_LINES = {"sudo": _SUDO, "su": _SU}
"""What a program writes of failed attempts beside PAM, which goes before."""
_REPEATED = re.compile(r"message repeated (\d{1,6}) times: \[ ?(.*?)\]?$")
_PAM = re.compile(r"pam_\w+\((?P<service>[\w-]+):(?P<type>\w+)\): (?P<text>.*)")
_PAM_CHANGED = re.compile(r"password changed for (\S+)")
_USER = ("user", "username", "user.name", "acct", "account", "usr", "role", "principal", "login", "suser",
         "duser", "ruser")  # fmt: skip
_SOURCE = ("source", "source.ip", "src", "src_ip", "ip", "addr", "client", "client_ip", "client.ip", "rhost",
           "remote_addr", "remote_host", "remote_ip", "source_ip", "sourceipaddress", "rip", "hostname")  # fmt: skip
_TARGET = ("target", "database", "db", "dbname", "service")
_EVENT = ("event", "eventname", "event.action", "event.type", "action", "op", "type", "msg", "message")
_RESULT = ("result", "res", "outcome", "event.outcome", "status", "success")
_PORT = re.compile(r"^(?:(\d+\.\d+\.\d+\.\d+)|\[([0-9A-Fa-f:.]+)\]):\d+$")
_WHEN = ("time", "eventtime", "timestamp", "@timestamp", "ts", "date", "datetime")
_PENDING = 10_000
"""Entries of PAM and of the kernel's audit that wait for the entry of the program itself."""


class EventKind(Enum):
    """What a line says."""

    FAILED = "failed login"
    LOGGED_IN = "login"
    CHANGED = "password change"
    NOT_CHANGED = "password change that failed or was only asked for"
    OTHER = "something else"
    UNKNOWN = "not understood"
    """It names logins or passwords, and what it says of them is not understood."""


@dataclass(frozen=True, slots=True)
class LoginEvent:
    """One line. All texts are foreign."""

    kind: EventKind
    line: str
    time: str = "?"
    user: str = "?"
    target: str = ""
    """The database or service that the line names as its target; empty when it names none."""
    source: str = "?"
    count: int = 1
    service: str = ""
    """The program that wrote the line, such as `sshd`."""


def login_events(lines: Iterable[str]) -> Iterator[LoginEvent]:
    """What each line says. One attempt that PAM or the kernel's audit and the program report counts once."""
    pending: dict[str, LoginEvent] = {}
    for line in lines:
        event, waits_for, settles = read_line(line)
        if settles:
            pending.pop(settles, None)
        if not waits_for:
            yield event
            continue
        if (earlier := pending.pop(waits_for, None)) is not None:
            yield earlier
        elif len(pending) >= _PENDING:
            yield pending.pop(next(iter(pending)))
        pending[waits_for] = event
    yield from pending.values()


def read_line(line: str) -> tuple[LoginEvent, str, str]:
    """The event; the key under which it waits for the program's own line; and the key of what this line settles."""
    if (found := _AUDITD.search(line)) is not None:
        return _from_auditd(line, *found.groups())
    if (start := line.find("{")) >= 0 and line.rstrip().endswith("}"):
        try:
            data = json.loads(line[start:])
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, dict) and isinstance(data.get("log"), str):  # how an engine keeps a container's output
            event, waits_for, settles = read_line(data["log"].rstrip())
            time = event.time if event.time != "?" else split_time(f"{data.get('time')} ")[0] or "?"
            return replace(event, line=line, time=time), waits_for, settles
        if isinstance(data, dict):
            return _from_json(line, data), "", ""
    time, rest = split_time(line)
    is_framed = _PRIORITY.match(line) is not None
    program = (_RFC5424 if is_framed else _PROGRAM).search(rest)
    if program is not None:
        name, pid, text = program[1].rpartition("/")[2], program[2] or "", program[3]
        if "pam_" in text and (pam := _PAM.search(text)) is not None:
            return _from_pam(line, time or "?", name, pid, pam)
        if name.startswith("sshd"):
            return _from_sshd(line, time or "?", text), "", f"pam sshd {pid}"
        if name in _OWN_LINES and (own := _OWN_LINES[name].search(text)) is not None:
            said = {"source": "?", "count": "1", **own.groupdict()}
            user, source, count = said["user"], said["source"], int(said["count"])
            event = LoginEvent(EventKind.FAILED, line, time or "?", user, "", source, count, name)
            return event, "", f"pam {name} {pid}"
    return _from_words(line, time, program[3] if program and is_framed else rest), "", ""


def _from_sshd(line: str, time: str, text: str) -> LoginEvent:
    repeated = _REPEATED.match(text)
    found = _SSHD.match(repeated[2] if repeated else text)
    if found is None:
        return LoginEvent(EventKind.OTHER, line, time)
    count = int(repeated[1]) if repeated else 1
    kind = EventKind.LOGGED_IN if found[1] == "Accepted" else EventKind.FAILED
    return LoginEvent(kind, line, time, found[2] or "?", "", found[3], count, "sshd")


def _from_pam(line: str, time: str, name: str, pid: str, pam: re.Match[str]) -> tuple[LoginEvent, str, str]:
    text, service = pam["text"], pam["service"]
    if (changed := _PAM_CHANGED.search(text)) is not None:
        return LoginEvent(EventKind.CHANGED, line, time, changed[1], service=service), "", ""
    if not text.startswith("authentication failure"):
        return LoginEvent(EventKind.OTHER, line, time), "", ""
    fields = _fields(text)
    event = LoginEvent(EventKind.FAILED, line, time, _first(fields, _USER), "", _first(fields, _SOURCE), 1, service)
    if name.startswith("sshd"):
        return event, f"pam sshd {pid}" if pid else "", ""
    return event, f"pam {name} {pid}" if name in _OWN_LINES else "", ""


def _from_auditd(line: str, kind: str, when: str, text: str) -> tuple[LoginEvent, str, str]:
    fields = _fields(text.replace("msg='", " ").rstrip("'"))
    time, user = epoch_time(float(when)) or "?", _audited_name(text) or _first(fields, _USER)
    has_failed = fields.get("res", "") in ("failed", "0", "no")
    if not has_failed and (kind == "USER_CHAUTHTOK" or (kind == "USER_MGMT" and "passw" in fields.get("op", ""))):
        user = f"uid {fields['id']}" if user == "?" and "id" in fields else user
        return LoginEvent(EventKind.CHANGED, line, time, user, service="auditd"), "", ""
    if kind not in ("USER_AUTH", "USER_LOGIN") or (kind == "USER_AUTH" and not has_failed):
        return LoginEvent(EventKind.OTHER, line, time), "", ""
    source = fields.get("addr", "?")
    source = fields.get("hostname", "?") if source == "?" else source
    service = fields.get("exe", "auditd").rpartition("/")[2]
    event = LoginEvent(
        EventKind.FAILED if has_failed else EventKind.LOGGED_IN, line, time, user, "", source, 1, service
    )
    key = f"audit {fields.get('pid', '')}"
    return (event, key, "") if kind == "USER_AUTH" else (event, "", key)


def _audited_name(text: str) -> str:
    """The kernel writes a name with a blank or a quotation mark in hexadecimal digits."""
    found = re.search(r"\bacct=([0-9A-F]{2,})(?=\s|'|$)", text)
    try:
        return bytes.fromhex(found[1]).decode("utf-8", "replace") if found else ""
    except ValueError:
        return ""


def _from_json(line: str, data: Mapping[str, Any]) -> LoginEvent:
    fields: dict[str, Any] = {}
    for key, value in data.items():
        inner = value if isinstance(value, dict) else {}
        fields |= {f"{key}.{name}".lower(): one for name, one in inner.items()} | {
            str(name).lower(): one for name, one in inner.items() if str(name).lower() not in fields
        }
        if not inner:
            fields[key.lower()] = value
    texts = {key: str(value) for key, value in fields.items() if isinstance(value, str | int | float)}
    when = next((fields[key] for key in _WHEN if key in fields), "")
    time = epoch_time(when) if isinstance(when, int | float) else split_time(f"{when} ")[0]
    return _judged(line, time, "", texts)


def _from_words(line: str, time: str, rest: str) -> LoginEvent:
    """A line of words and `key=value`: what stands before the first pair says what happened; reasons behind it do
    not."""
    first, fields = _FIELD.search(rest), _fields(rest)
    if (named := _NAMED_SOURCE.search(_FIELD.sub(" ", rest))) is not None:
        fields.setdefault("hostname", named[1])  # of all names of a source the last that counts
    return _judged(line, time or time_within(line), rest[: first.start()] if first else rest, fields)


def _judged(line: str, time: str, head: str, fields: Mapping[str, str]) -> LoginEvent:
    if not (_LOGIN.search(head) or _CHANGE.search(head)):
        head = " ".join([head, *(fields[key].replace("_", " ") for key in _EVENT if key in fields)])
    result = " ".join(fields[key] for key in _RESULT if key in fields)
    named = [found[1] if (found := pattern.search(head)) else "?" for pattern in (_NAMED_USER, _NAMED_SOURCE)]
    user, source = _first(fields, _USER, named[0]), _first(fields, _SOURCE, named[1])
    if (ported := _PORT.match(source)) is not None:
        source = ported[1] or ported[2]
    return LoginEvent(_kind(head, result, line), line, time or "?", user, _first(fields, _TARGET, ""), source)


def _kind(head: str, result: str, line: str) -> EventKind:
    login, change = _LOGIN.search(head), _CHANGE.search(head)
    if change is not None and (login is None or change.start() < login.start()):
        made = _OUTCOME.search(result) or _RESULT_WORD.fullmatch(result)
        return EventKind.NOT_CHANGED if _NO_CHANGE.search(head) or (made and made["bad"]) else EventKind.CHANGED
    if login is None:
        return EventKind.UNKNOWN if _ABOUT.search(line) else EventKind.OTHER
    outcome = _RESULT_WORD.fullmatch(result) or _OUTCOME.search(result) or _OUTCOME.search(head)
    if outcome is None:
        return EventKind.UNKNOWN
    return EventKind.FAILED if outcome["bad"] else EventKind.LOGGED_IN


def _fields(text: str) -> dict[str, str]:
    return {key.lower(): value.rstrip(",;").strip("\"'<>") for key, value in _FIELD.findall(text)}


def _first(fields: Mapping[str, str], names: Iterable[str], missing: str = "?") -> str:
    return next((fields[name] for name in names if fields.get(name, "?") not in ("?", "")), missing)
