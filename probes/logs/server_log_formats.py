"""PostgreSQL's logs as tables (`csvlog`) and as JSON (`jsonlog`, from 15 on), turned into the lines that `stderr` would
have.

Which of the three a file is, its lines tell; a tail may begin in the middle of an entry.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

_TIME, _USER, _CLIENT, _PID, _SEVERITY, _STATE, _MESSAGE, _DETAIL = 0, 1, 4, 3, 11, 12, 13, 14
REFUSED_STATES = {
    "28P01": "wrong password, or none",
    "28000": "refused by the role's rights or by pg_hba.conf",
}
"""The SQLSTATEs of a refused login, for a server whose messages are not in English."""
_FEWEST = 20
"""Columns that an entry has at least; which they are has not changed since PostgreSQL 9, only more have come."""
_KEYS = ("timestamp", "pid", "remote_host", "error_severity", "state_code", "user", "message", "detail")
_KEYS_OF_RECORD = (
    *("log_time", "process_id", "connection_from", "error_severity", "sql_state_code", "user_name"),
    *("message", "detail"),
)
_TABLE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [A-Za-z0-9+:-]+,")
_JSON = '{"timestamp":'
_PORT = re.compile(r":\d+$")


def as_stderr(lines: Iterable[str], is_refusal: Callable[[str], bool] = lambda _: True) -> Iterator[str]:
    """The same entries as lines of the format `stderr`: who connected from where, severity and message, and the detail.

    Lines of `stderr` itself come back as they are. What cannot be read is left out. An entry whose SQLSTATE is that of
    a refusal, and whose message `is_refusal` does not know, is given with its state and user instead.
    """
    rest = iter(lines)
    for line in rest:
        if line.startswith(_JSON):
            yield from _from_json(chain([line], rest), is_refusal)
        elif _TABLE.match(line):
            yield from _from_table(chain([line], rest), is_refusal)
        elif line.startswith("{") and ('"log":' in line or '"record":' in line):
            yield from _from_wrapped(line, is_refusal)
        else:
            yield line


def _from_json(lines: Iterator[str], is_refusal: Callable[[str], bool]) -> Iterator[str]:
    for line in lines:
        try:
            entry: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            time, pid, client, severity, state, user, message, detail = (str(entry.get(key, "")) for key in _KEYS)
            if state in REFUSED_STATES and not is_refusal(message):
                severity, message, detail = f"{state} FATAL", f'"{user}"', ""
            yield from _entry(time, pid, client, severity, message, detail)


def _from_wrapped(line: str, is_refusal: Callable[[str], bool]) -> Iterator[str]:
    """One line of a container's output as Docker keeps it, or an entry as CloudNativePG writes it."""
    try:
        entry: Any = json.loads(line)
    except (ValueError, RecursionError):
        return
    log, record = entry.get("log"), entry.get("record")
    if isinstance(log, str):
        yield from as_stderr([log.rstrip("\n")], is_refusal)
    elif isinstance(record, dict):
        values = {key: str(record.get(name, "")) for key, name in zip(_KEYS, _KEYS_OF_RECORD, strict=True)}
        values["remote_host"] = _PORT.sub("", values["remote_host"])
        yield from _from_json(iter([json.dumps(values)]), is_refusal)


def _from_table(lines: Iterator[str], is_refusal: Callable[[str], bool]) -> Iterator[str]:
    reader = csv.reader(f"{line}\n" for line in lines)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a NUL, or an entry without an end
            continue
        if len(row) >= _FEWEST:
            client = _PORT.sub("", row[_CLIENT])
            severity, message, detail = row[_SEVERITY], row[_MESSAGE], row[_DETAIL]
            if row[_STATE] in REFUSED_STATES and not is_refusal(message):
                severity, message, detail = f"{row[_STATE]} FATAL", f'"{row[_USER]}"', ""
            yield from _entry(row[_TIME], row[_PID], client, severity, message, detail)


def _entry(time: str, pid: str, client: str, severity: str, message: str, detail: str) -> Iterator[str]:
    if client:
        yield f"{time} [{pid}] LOG:  connection received: host={client}"
    yield f"{time} [{pid}] {severity}:  {message}"
    if detail:
        yield f"{time} [{pid}] DETAIL:  {detail}"
