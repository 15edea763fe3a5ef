"""Refused logins in a PostgreSQL server log: user, source, time, and the reason that clients do not get."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed
from probes.logs.line_time import split_time
from probes.logs.server_log_formats import REFUSED_STATES, as_stderr
from probes.postgres.role import run_quietly
from probes.postgres.routes import RUN, find_server, superuser_route

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
_PID = re.compile(r"\[(\d+)\]")
_LEVEL = re.compile(r"\b(FATAL|DETAIL|LOG):\s+(.*)", re.DOTALL)
_RECEIVED = re.compile(r"connection received: host=(\S+)")
_CLOCK = re.compile(r"(?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d(?:\.\d+)?")
_ADDRESS = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|(?<![\d.:])(?:\[local\]|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![\d.:])"
)
_REFUSALS = (
    re.compile(r'(?P<what>\S+ authentication failed) for user "(?P<user>.*)"\s*$', re.DOTALL),
    re.compile(r'role "(?P<user>.*)" (?P<what>does not exist|is not permitted to log in)\s*$', re.DOTALL),
    re.compile(r'(?P<what>too many connections) for role "(?P<user>.*)"\s*$', re.DOTALL),
    re.compile(
        r'(?P<what>no pg_hba\.conf entry|pg_hba\.conf rejects connection) for host "(?P<host>[^"]*)", user '
        r'"(?P<user>.*)", '
        r'database "',
        re.DOTALL,
    ),
)
_STATE = re.compile(r"\b(28P01|28000)\b")
_QUOTED = re.compile(r"""["«»„“”「](.*?)["«»“”」]""", re.DOTALL)
_SEVERITY = re.compile(r"(?:^|\s)([^\W\d_a-z]{2,}[^\W_]*):\s\s")
_ENGLISH = re.compile(
    "DEBUG[1-5]|INFO|NOTICE|WARNING|ERROR|LOG|FATAL|PANIC|DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT|BACKTRACE"
)
_REASONS = (
    (re.compile(r"Password does not match|^Connection matched"), "wrong password"),  # SCRAM says no more than that
    (re.compile(r"has an expired password"), "expired (VALID UNTIL)"),
    (re.compile(r"has no password assigned"), "no password"),
    (re.compile(r"does not have a valid SCRAM secret"), "no SCRAM verifier, perhaps md5"),
    (re.compile(r'^Role ".*" does not exist'), "no such role"),
)
_REMEMBERED = 10_000
"""Connections whose source is kept in mind while the log is read."""


@dataclass(slots=True)
class RefusedLogin:
    """One login that was refused. User and source are foreign text."""

    user: str
    source: str
    """Address or name; `?` where the log does not say."""
    time: str
    """As logged, to the second; `?` where the log has none."""
    reason: str


def refused_logins(lines: Iterable[str], unknown: list[str] | None = None) -> list[RefusedLogin]:
    """Every refusal in these lines of the server's log (format `stderr`, `csvlog` or `jsonlog`), in order.

    The source is told by `log_connections`, or by `%h` or `%r` in `log_line_prefix`; the reason by the DETAIL line that
    the server logs and sends to nobody. A refusal in another language is known by its SQLSTATE, which `csvlog`,
    `jsonlog` and `%e` in `log_line_prefix` give; without that, lines in another language are put into `unknown`.
    """
    found: list[RefusedLogin] = []
    sources: dict[str, str] = {}
    last: dict[str, RefusedLogin] = {}
    for line in as_stderr(lines, _is_refusal):
        level = _LEVEL.search(line)
        if level is None or (level[1] == "FATAL" and not _is_refusal(level[2])):
            if refused := _refused_by_state(line, sources):
                found.append(refused)
            elif unknown is not None and _is_foreign(line):
                unknown.append(line)
            continue
        prefix, words = line[: level.start()], level[2]
        process = match[1] if (match := _PID.search(prefix)) else ""
        if level[1] == "LOG":
            if received := _RECEIVED.match(words):
                if len(sources) >= _REMEMBERED:
                    sources.clear()
                sources[process] = received[1]
        elif level[1] == "DETAIL":
            if process in last:
                _explain(last.pop(process), words)
        elif refused := _refusal(prefix, words, sources.get(process, "")):
            found.append(refused)
            if len(last) >= _REMEMBERED:
                last.clear()
            last[process] = refused
    return found


def current_log(runbook: Runbook, target: Target) -> Path:
    """The file that the server logs to now, by its own word to the superuser, as seen from here. Raises
    `MidwatchError`."""
    named = run_quietly(superuser_route(runbook, target), "SELECT coalesce(pg_current_logfile(), '')")
    if not named:
        raise Failed(f"{target.label} logs to no file of its own", hint=f"Add 'log' to the target {target.name}")
    folder = run_quietly(superuser_route(runbook, target), "SHOW data_directory")
    inside, end, _ = find_server(target).socket.partition(f"/root/{RUN}")
    root = f"{inside}/root" if end and target.kind is TargetKind.DOCKER else ""
    if target.kind is TargetKind.DOCKER and not root:
        raise Failed(
            f"{target.label} logs to a file inside its container", hint=f"Add 'log' to the target {target.name}"
        )
    return Path(f"{root}{PurePosixPath(folder) / named}")


def _is_refusal(words: str) -> bool:
    return any(pattern.match(words) for pattern in _REFUSALS)


def _refused_by_state(line: str, sources: dict[str, str]) -> RefusedLogin | None:
    """A refusal whose words are not known, by the SQLSTATE before them."""
    severity = _SEVERITY.search(line)
    state = _STATE.search(line, 0, severity.start(1)) if severity else None
    if severity is None or state is None:
        return None
    process = match[1] if (match := _PID.search(line)) else ""
    words = line[severity.end() :]
    whole = words[1:-1] if words[:1] == words[-1:] == '"' else ""  # from a table or JSON: the user alone
    user = whole or (match[1].strip() if (match := _QUOTED.search(words)) else "?")
    return _refused(line[: severity.start()], user, sources.get(process, ""), REFUSED_STATES[state[1]])


def _is_foreign(line: str) -> bool:
    """Whether a server wrote it in another language, at a severity that may be a refusal."""
    severity = _SEVERITY.search(line)
    if severity is None:
        return False
    return not _ENGLISH.fullmatch(severity[1]) or (severity[1] == "FATAL" and not line[severity.end() :].isascii())


def _refusal(prefix: str, words: str, source: str) -> RefusedLogin | None:
    for pattern in _REFUSALS:
        match = pattern.match(words)
        if match is None:
            continue
        return _refused(prefix, match["user"], match.groupdict().get("host") or source, match["what"])
    return None


def _refused(prefix: str, user: str, source: str, reason: str) -> RefusedLogin:
    if not source and (address := _ADDRESS.search(_CLOCK.sub("", prefix))):
        source = address[0]
    time = moment[0].replace("T", " ") if (moment := _TIME.search(prefix)) else split_time(prefix)[0] or "?"
    return RefusedLogin(user, "the local socket" if source == "[local]" else source or "?", time, reason)


def _explain(refused: RefusedLogin, words: str) -> None:
    if "authentication failed" not in refused.reason:
        return
    for pattern, reason in _REASONS:
        if pattern.search(words):
            refused.reason = reason
            return
