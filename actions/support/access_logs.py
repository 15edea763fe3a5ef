"""Which logs tell who logged in, and what a server has to log for that."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from midwatch.api.action import Context
from midwatch.engine.repository import incidents, summary
from midwatch.incident.paths import IncidentFolder, incidents_folder
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError, in_words
from midwatch.system.sanitize import safe_text
from midwatch.system.trust import OTHERS_WRITE, user_name
from probes.containers.client import engine, named_container
from probes.logs.journal_lines import OUTPUT_FIELDS
from probes.logs.log_pass import files_since, whole_lines
from probes.logs.rotated_log import Coverage
from probes.logs.server_log import current_log
from probes.postgres.role import run_quietly
from probes.postgres.routes import password_route

AUTH_LOGS = ("/var/log/auth.log", "/var/log/secure")
"""Where Debian and Red Hat keep logins of the machine."""
_LOGIN_FACILITIES = (4, 10)
"""The facilities `auth` and `authpriv` of syslog."""
_JOURNAL_LIMIT_S = 600
_WORDS_BYTES = 2000
_CONTAINER_LINES = 500_000
_SETTINGS = """
SELECT json_object_agg(name, setting) FROM pg_settings
WHERE name IN ('log_connections', 'log_line_prefix', 'log_statement', 'log_destination')
"""


def unmet_prerequisites(runbook: Runbook, target: Target) -> list[str]:
    """What the server does not log and has to, each with the statement that mends it. Raises `MidwatchError`."""
    settings: dict[str, str] = json.loads(run_quietly(password_route(runbook, target), _SETTINGS))
    unmet = []
    connections = settings["log_connections"].lower()
    if not {"on", "all", "true"} & set(connections.split(",")) and not {"receipt", "authorization"} <= set(
        connections.replace(" ", "").split(",")
    ):
        unmet.append("logs no logins: ALTER SYSTEM SET log_connections = on")
    if settings["log_statement"] == "none":
        unmet.append("logs no changes of roles: ALTER SYSTEM SET log_statement = 'ddl'")
    prefix = settings["log_line_prefix"]
    if settings["log_destination"] == "stderr" and not (
        "%p" in prefix and any(sign in prefix for sign in ("%m", "%t", "%n"))
    ):
        unmet.append("logs no time or process: ALTER SYSTEM SET log_line_prefix = '%m [%p] %q%u@%d '")
    return unmet


def server_lines(context: Context, target: Target, since: float, coverage: Coverage) -> Iterator[Iterator[bytes]]:
    """The lines of each file of the server's log since then; or of its container's output. Raises `MidwatchError`."""
    if target.log:
        yield from file_lines(context.runbook.resolve(target.log), since, coverage)
        return
    if target.kind is TargetKind.DOCKER:
        with engine(60) as client:
            container = named_container(client, target.container)["Id"]
            output = client.api.logs(container, stdout=True, stderr=True, tail=_CONTAINER_LINES, since=int(since))
        if b"redirecting log output to logging collector process" not in output:
            lines = output.split(b"\n")
            coverage.lines += len(lines)
            coverage.files.append("the container's output")
            yield iter(lines)
            return
    yield from file_lines(current_log(context.runbook, target), since, coverage)


def file_lines(path: Path, since: float, coverage: Coverage) -> Iterator[Iterator[bytes]]:
    """The lines of each rotation since then and of the log, oldest file first."""
    for file in files_since(path, since):
        yield whole_lines(file, coverage, follow=file == path)


def journal_lines(since: float, coverage: Coverage) -> Iterator[Iterator[bytes]]:
    """The entries of this machine's journal about logins since then, as JSON. Raises `Failed`."""
    yield _journal_lines(since, coverage)


def _journal_lines(since: float, coverage: Coverage) -> Iterator[bytes]:
    argv = ["timeout", "-s", "KILL", str(_JOURNAL_LIMIT_S), "journalctl", "--output=json", "--no-pager"]
    argv += [f"--output-fields={OUTPUT_FIELDS}", f"--since=@{int(since)}"]
    argv += [f"SYSLOG_FACILITY={number}" for number in _LOGIN_FACILITIES]
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    coverage.lines += 1
                    yield line
            except BaseException:
                process.kill()
                raise
        errors.seek(0)
        said = errors.read(_WORDS_BYTES).decode("utf-8", "replace").strip()
    if process.returncode:
        raise Failed(f"journalctl ended with {process.returncode}: {safe_text(said)}", hint="Run it in a shell")
    if "not seeing messages" in said:
        coverage.passed_over.append("the entries of other users: join the group systemd-journal")
    coverage.files.append("the journal")


def incident_times(context: Context) -> list[tuple[float, float]]:
    """From when to when each incident was open. One that cannot be read, or that another user may have made up, excuses
    nothing.
    """
    times = []
    logs = context.runbook.location_of("logs")
    try:
        folders = incidents(logs)
    except MidwatchError:
        return []
    for folder in folders:
        if problem := _distrust(folder, incidents_folder(logs)):
            context.console.say(f"{folder.id} excuses nothing: {safe_text(problem)}")
            continue
        found = summary(folder)
        if found.opened is not None and not found.problem:
            end = found.closed.timestamp() if found.closed else float("inf")
            times.append((found.opened.timestamp(), end))
    return times


def _distrust(folder: IncidentFolder, shelf: Path) -> str:
    """Why this user has no reason to believe an incident; empty where they have one.

    Incidents are made by the owner of their common folder and, where its group writes to it, by that group.
    """
    try:
        above = shelf.stat()
        is_shared = above.st_mode & OTHERS_WRITE == stat.S_IWGRP
        for path in (folder.path, folder.journal):
            status = path.stat()
            if status.st_uid not in (above.st_uid, os.geteuid(), 0) and not is_shared:
                return f"{path} belongs to {user_name(status.st_uid)}"
            if status.st_mode & stat.S_IWOTH:
                return f"every user can change {path}"
    except OSError as error:
        return in_words(error)
    return ""
