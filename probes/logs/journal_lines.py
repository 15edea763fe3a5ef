"""Entries of the systemd journal as lines of syslog: of `journalctl -o json`, and of `-o export`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, islice

_HEAD_LINES = 100
"""Lines by which a journal is known; the first may be the end of an entry."""
_TIME, _MESSAGE, _IDENTIFIER = "__REALTIME_TIMESTAMP", "MESSAGE", "SYSLOG_IDENTIFIER"
_FIELDS = (_MESSAGE, _IDENTIFIER, "SYSLOG_PID", "_PID", "_COMM", "_EXE", "_HOSTNAME")
OUTPUT_FIELDS = ",".join(_FIELDS)
"""As `--output-fields` of journalctl takes them; the time is always there."""
_KEYS = (_TIME, *_FIELDS)
_JSON_SIGN, _EXPORT_SIGN = f'"{_TIME}"'.encode(), f"{_TIME}=".encode()
_LIMIT_BYTES = 1 << 20
"""Bytes of a field that are read."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]+")
_GUARDED = "sshd"
"""Everybody may write to the journal under any identifier. Logins are believed of a program of this name only."""
_Entry = Mapping[str, str]


def plain_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines as they are; of a journal one line for each entry, `TIME HOST PROGRAM[PID]: MESSAGE`."""
    rest = iter(lines)
    head = list(islice(rest, _HEAD_LINES))
    whole = chain(head, rest)
    if any(line.startswith(b"{") and _JSON_SIGN in line for line in head):
        return map(_line, _from_json(whole))
    if any(line.startswith(_EXPORT_SIGN) for line in head):
        return map(_line, _from_export(whole))
    return whole


def _from_json(lines: Iterable[bytes]) -> Iterator[_Entry]:
    for line in lines:
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict) and _TIME in data:
            yield {key: one if type(one := data[key]) is str else _text(one) for key in _KEYS if key in data}


def _text(value: object) -> str:
    """A value: text, the bytes of what is no text, nothing where it is too long, or a list where there are several."""
    if isinstance(value, list) and value and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    return value if isinstance(value, str) else ""


def _from_export(lines: Iterable[bytes]) -> Iterator[_Entry]:
    """`FIELD=text`, or the field alone, then eight bytes of its length and its bytes. A blank line ends an entry."""
    entry: dict[str, str] = {}
    rest = iter(lines)
    for line in rest:
        name, sign, value = line.partition(b"=")
        if not line:
            yield from [entry] if _TIME in entry else []
            entry = {}
        elif sign:
            entry.setdefault(name.decode("ascii", "replace"), value.decode("utf-8", "replace"))
        else:
            entry.setdefault(name.decode("ascii", "replace"), _binary(rest).decode("utf-8", "replace"))
    yield from [entry] if _TIME in entry else []


def _binary(rest: Iterator[bytes]) -> bytes:
    held = next(rest, b"")
    while len(held) < 8 and (more := next(rest, None)) is not None:
        held += b"\n" + more
    length = int.from_bytes(held[:8], "little")
    while len(held) < 8 + min(length, _LIMIT_BYTES) and (more := next(rest, None)) is not None:
        held += b"\n" + more
    return held[8 : 8 + length]


def _line(entry: _Entry) -> bytes:
    message = entry.get(_MESSAGE, "")
    if not message.isprintable():
        message = _CONTROL.sub(" ", message)
        if message.startswith("\t"):  # which continues an entry of a server
            return message.encode()
    name = _host_and_program(*(entry.get(key, "") for key in ("_HOSTNAME", _IDENTIFIER, "_COMM", "_EXE")))
    pid = entry.get("_PID") or entry.get("SYSLOG_PID", "")
    return f"{_moment(entry[_TIME][:-6])} {name}[{pid if pid.isdigit() else 0}]: {message}".encode()


@lru_cache(maxsize=1000)
def _host_and_program(host: str, identifier: str, command: str, exe: str) -> str:
    name, file = identifier or command or "?", exe.rpartition("/")[2]
    is_forged = name.startswith(_GUARDED) and file and not file.startswith(_GUARDED)
    return " ".join("".join(_CONTROL.sub("", word).split()) for word in (host or "?", file if is_forged else name))


@lru_cache(maxsize=4)
def _moment(seconds: str) -> str:
    """The time to the second; empty where it is none."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))
    except (ValueError, OverflowError, OSError):
        return ""
