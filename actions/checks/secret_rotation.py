"""The check `secret-rotation`: the password of each target is not old, still logs in, and is the same wherever kept."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from actions.credentials.password_candidates import login_of, works
from actions.credentials.pgpass import faults, passwords
from actions.support.each_target import ask_each
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure, Range
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from midwatch.system.errors import BadInput, Failed, MidwatchError, in_words
from midwatch.system.external_command import run_script
from midwatch.system.mounts import require_answer
from midwatch.system.trusted_files import read_regular
from midwatch.system.units import duration
from probes.logs.line_time import line_moment
from probes.logs.login_events import EventKind, login_events
from probes.logs.rotated_log import Coverage, read_log
from probes.postgres.role import run_quietly
from probes.postgres.routes import login_route, password_file, password_route

_LOG_LIMIT_BYTES = 50_000_000
_SECRET_LIMIT_BYTES = 1 << 20
_UNTIL = """
SELECT CASE WHEN isfinite(rolvaliduntil) THEN extract(epoch FROM rolvaliduntil - now())::float8::text END
FROM pg_roles WHERE rolname = current_user
"""
_SOON = Range.parse("14 d:", unit="s"), Range.parse("3 d:", unit="s")
"""An expiry (VALID UNTIL) within two weeks is a warning, within three days critical."""
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _State:
    """What is known of the password of one target."""

    bad: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    expires: float | None = None
    """Seconds until the server refuses the password."""


@dataclass(frozen=True)
class CheckSecretRotation(Thresholds, Check):
    """Holds while the password of each target was changed recently enough, logs in over TCP and is asked for, and its
    other stores have the same.

    Its age is that of the newest change in the audit log; where that has none, it is at least the age of the files that
    hold it. A store is the target's `password_file`, and what `read_store` prints.
    """

    name: ClassVar[str] = "secret-rotation"
    summary: ClassVar[str] = "Each database's password is not old, logs in, and is the same in every store"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    unit: ClassVar[str] = "s"
    default_warning: ClassVar[str] = "90 d"
    default_critical: ClassVar[str] = "365 d"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())
    read_store: str = param("a command that prints the password that the secret store has for $PGUSER", default="")

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            shlex.split(self.read_store)
        except ValueError as error:
            raise BadInput(
                f"The command {self.read_store!r} cannot be read: {error}", hint="Look at its quotes"
            ) from None

    def evaluate(self, context: Context) -> Outcome:
        """Read the audit log once, then ask all servers and stores side by side."""
        findings, good = Findings(), []
        now = context.clock.now()
        changed = _changes(context, findings, now)
        for target, state in ask_each(context.runbook, self.targets, lambda target: self._ask(context, target)):
            for text in state.bad:
                findings.fail(text)
            for text in state.unknown:
                findings.unknown(text)
            if state.expires is not None:
                findings.figures.append(Figure(f"{target.label} expires in", state.expires, "s", *_SOON))
            good.append(self._age(context, target, changed.get((target.user, target.name)), now, findings))
        findings.summary = "; ".join(good)
        return findings.outcome()

    def _age(
        self, context: Context, target: Target, changed: datetime | None, now: datetime, findings: Findings
    ) -> str:
        """Add the age of the password. Returns a text on it."""
        since = changed or _oldest(context, target)
        if since is None:
            findings.unknown(f"the age of {target.label}'s password is not known: no change is in the audit log")
            return ""
        age = max(0.0, (now - since).total_seconds())
        shown = self.main_figure(f"{target.label} password age", age, 0)
        findings.figures.append(shown)
        if changed is None and shown.warn is not None and not shown.warn.alerts(age):
            text = f"{target.label}'s password is at least {duration(age)} old; no change is in the audit log"
            findings.unknown(text)
        return f"{target.label}'s password is {duration(age)} old and logs in"

    def _ask(self, context: Context, target: Target) -> _State:
        state = _State()
        try:
            route = login_route(target)
            file = password_file(context.runbook)
            ours = next(passwords(file, login_of(route)), "")
            if not ours:
                state.bad.append(f".pgpass has no password of {route.user} for {target.label}")
            elif not works(route, ours):
                why = "; ".join(faults(file, login_of(route)))
                refused = (
                    f"{target.label} does not log {route.user} in by the password in .pgpass, or does not ask for it"
                )
                state.bad.append(f"{refused}{f' ({why})' if why else ''}")
            else:
                until = run_quietly(password_route(context.runbook, target), _UNTIL)
                state.expires = float(until) if until not in ("", "null") else None
        except MidwatchError as error:
            state.unknown.append(error.sentence)
            return state
        for store, password in self._stores(context, target, state):
            if password != ours and not works(route, password):
                state.bad.append(f"{store} has another password of {route.user} than {target.label} takes")
        return state

    def _stores(self, context: Context, target: Target, state: _State) -> Iterator[tuple[str, str]]:
        """Each further store of the password, and what it holds. What cannot be read is noted."""
        if target.password_file:
            path = context.runbook.resolve(target.password_file)
            try:
                require_answer(path)
                yield path.name, read_regular(path, limit_bytes=_SECRET_LIMIT_BYTES).decode("utf-8").strip("\r\n")
            except (OSError, UnicodeDecodeError, MidwatchError) as error:
                state.unknown.append(f"{path.name} cannot be read: {in_words(error)}")
        if self.read_store:
            names = {"PGUSER": target.user, "PGDATABASE": target.database, "MIDWATCH_TARGET": target.name}
            try:
                argv = shlex.split(self.read_store)
                ended = run_script(argv, context.runbook.base, limit=30.0, environment=os.environ | names)
                if ended.exit:
                    raise Failed(f"exit {ended.exit}")  # its words may be the password
                yield "the secret store", ended.output.strip("\r\n")
            except Failed as error:
                state.unknown.append(f"the secret store does not say {target.label}'s password: {error.sentence}")


def _changes(context: Context, findings: Findings, now: datetime) -> dict[tuple[str, str], datetime]:
    """The newest change of a password by user and target, as the audit log has it."""
    found: dict[tuple[str, str], datetime] = {}
    path = context.runbook.location_of("audit")
    try:
        if not path.exists():
            return found
        for event in login_events(line.text for line in read_log(path, _LOG_LIMIT_BYTES, Coverage())):
            is_found_again = (
                " method=found" in event.line
            )  # an old password that was lost and found is as old as before
            if event.kind is EventKind.CHANGED and not is_found_again and (moment := line_moment(event.line, now)):
                names = (event.target,) if event.target else tuple(context.runbook.targets)
                found |= {(event.user, name): moment for name in names}
    except MidwatchError as error:
        findings.unknown(error.sentence)
    return found


def _oldest(context: Context, target: Target) -> datetime | None:
    """When the first of the files that hold the password was last written: the password is older."""
    paths = [context.runbook.location_of("pgpass")]
    paths += [context.runbook.resolve(target.password_file)] if target.password_file else []
    times = [stamp for path in paths if (stamp := _written(path)) is not None]
    return datetime.fromtimestamp(min(times), context.clock.now().tzinfo) if times else None


def _written(path: Path) -> float | None:
    try:
        require_answer(path)
        return path.stat().st_mtime
    except (OSError, MidwatchError) as error:
        _LOG.debug("%s: %s", path, error)
        return None
