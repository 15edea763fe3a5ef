"""Checks whether the dependents of a target still have access: by a login, an open port, or a command."""

from __future__ import annotations

import concurrent.futures
import socket
from dataclasses import dataclass

from actions.credentials.password_candidates import login_of
from actions.credentials.pgpass import passwords
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Dependent, Target
from midwatch.system.errors import MidwatchError
from midwatch.system.external_command import run_external
from midwatch.system.sanitize import safe_text
from probes.postgres.connect import client_environment, connect
from probes.postgres.routes import login_route, password_file


@dataclass(frozen=True, slots=True)
class Asked:
    """What one dependent answered. `text` is safe to show."""

    name: str
    ok: bool
    text: str

    def __str__(self) -> str:
        return f"[{'OK' if self.ok else 'FAIL'}] {self.name}: {self.text}"


def ask_dependents(runbook: Runbook, target: Target) -> list[Asked]:
    """Ask all of them side by side, with the password that the bastion's `.pgpass` has for the target.

    One that is refused, does not answer in its time or cannot be asked is `ok=False`, with the reason; nothing is
    raised.
    """
    if not target.dependents:
        return []
    with concurrent.futures.ThreadPoolExecutor(len(target.dependents)) as pool:
        return list(pool.map(lambda one: _asked(runbook, target, one), target.dependents))


def _asked(runbook: Runbook, target: Target, one: Dependent) -> Asked:
    try:
        ok, text = _ask(runbook, target, one)
    except MidwatchError as error:
        ok, text = False, str(error)
    return Asked(one.name, ok, safe_text(text))


def _ask(runbook: Runbook, target: Target, one: Dependent) -> tuple[bool, str]:
    if one.tcp:
        return _port(one)
    if one.target:
        return _login(runbook, target, runbook.targets[one.target], one.timeout)
    environment = client_environment(login_route(target), password_file(runbook))
    ended = run_external(one.command, runbook.base, limit=one.timeout, environment=environment)
    return ended.exit == 0, ended.last_line


def _port(one: Dependent) -> tuple[bool, str]:
    host, _, port = one.tcp.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), one.timeout):
            return True, f"{one.tcp} takes connections"
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return False, f"{one.tcp} takes no connection: {reason}"


def _login(runbook: Runbook, target: Target, other: Target, timeout: float) -> tuple[bool, str]:
    """The other's own login; with this target's password where both log in as the same user."""
    route, file = login_route(other), password_file(runbook)
    given: str | None = None
    if other.user == target.user:
        given = next(passwords(file, login_of(login_route(target))), None)
    with connect(route, password=given, pgpass=file, timeout=timeout, statement=timeout) as connection:
        used = bool(connection.pgconn.used_password)
    return True, f"{route.user} logs in by {route}" + ("" if used else ", but no password was asked for")
