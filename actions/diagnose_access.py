"""The action `diagnose-access`: reports failed logins and the password changes before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from midwatch.api.action import Action, Console, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.runbook.model import Risk
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import MidwatchError, OutcomeUnknown
from midwatch.system.sanitize import safe_text
from midwatch.system.units import counted
from probes.containers.client import engine, named_container
from probes.logs.login_events import EventKind, login_events
from probes.logs.rotated_log import Coverage, read_log
from probes.logs.server_log import current_log, refused_logins

TAIL = 10_000_000
"""Bytes at the end of a log that are read."""
LINES = 200_000
"""Lines at the end of a container's output that are read."""
SHOWN = 10
Who = tuple[str, ...]


@dataclass(slots=True)
class Counted:
    """How often each did it, first and last. Times as they stand in the log."""

    count: Counter[Who] = field(default_factory=Counter)
    first: dict[Who, str] = field(default_factory=dict)
    last: dict[Who, str] = field(default_factory=dict)

    def add(self, who: Who, time: str, count: int = 1) -> None:
        """Count further entries of this user and source."""
        self.count[who] += count
        self.first.setdefault(who, time)
        self.last[who] = time

    def most(self) -> Iterator[tuple[int, tuple[str, ...], str]]:
        """Those who did it most: how often, who, and from when to when; safe to show."""
        for who, count in self.count.most_common(SHOWN):
            first, last = safe_text(self.first[who]), safe_text(self.last[who])
            yield count, tuple(safe_text(part) for part in who), first if first == last else f"{first} to {last}"


@dataclass(slots=True)
class Access:
    """What the audit log and the servers' logs say of logins and passwords."""

    failed: Counted = field(default_factory=Counted)
    """User, target, source, by the audit log."""
    refused: Counted = field(default_factory=Counted)
    """User, target, source, reason, by the servers' own logs."""
    changes: list[str] = field(default_factory=list)
    """Lines on password changes, oldest first."""
    ours: list[str] = field(default_factory=list)
    """Those that this incident made: no cause of it."""
    unknown: list[str] = field(default_factory=list)
    """Lines that name logins or passwords and are not understood."""


def read_audit(lines: Iterable[str], target: str = "", incident: str = "") -> Access:
    """Sort the lines of an access audit log; with `target`, only those that name it or name no target.

    What `incident` itself wrote is kept apart.
    """
    found, changed = Access(), set()
    for event in login_events(lines):
        if target and event.target not in ("", target):
            continue
        if event.kind is EventKind.FAILED:
            found.failed.add((event.user, event.target or event.service or "?", event.source), event.time, event.count)
        elif event.kind is EventKind.CHANGED or (event.kind is EventKind.NOT_CHANGED and event.user in changed):
            changed |= {event.user} - {"?"}  # a rotation may fail after it changed the password
            (found.ours if incident and f" incident={incident}" in event.line else found.changes).append(event.line)
        elif event.kind in (EventKind.NOT_CHANGED, EventKind.UNKNOWN):
            found.unknown.append(event.line)
    return found


@dataclass(frozen=True)
class DiagnoseAccess(Action):
    """Reads the access audit log and the servers' own logs: failed logins by user, source, reason and time; password
    changes.

    A server's log is the target's `log`, or else its container's output, or else the file that the server names. The
    newest rotation of a log is read as well. What was looked at, left out or not understood is said. `last_change` is
    the newest line on a password that this incident did not write itself; `failed_logins` and `refused_logins` are
    counts by the audit log and by the servers. Without `target`, all targets. A server whose log cannot be read is said
    and left out; fails when the audit log itself cannot be read.
    """

    name: ClassVar[str] = "diagnose-access"
    summary: ClassVar[str] = "Find failed logins and the last password changes"
    risk: ClassVar[Risk] = Risk.OBSERVE
    outputs: ClassVar[tuple[str, ...] | None] = ("failed_logins", "refused_logins", "last_change")

    target: Target | None = param("one database; all when left out", default=None)
    changes: int = param("how many password changes to show", default=5, least=1)

    def plan(self, context: Context) -> Plan:
        """List the logs to read."""
        draft = self.draft()
        draft.add(Verb.READ, f"the end of {context.runbook.location_of('audit')}")
        for target in self._targets(context):
            if target.log:
                draft.add(Verb.READ, f"the end of the server's log {context.runbook.resolve(target.log)}")
            elif target.kind is TargetKind.DOCKER:
                draft.add(Verb.READ, f"the output of the container {target.container}, last {LINES} lines")
            else:
                draft.add(Verb.READ, f"the server's log of {target.name}, where the server says that it is")
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Read the logs and report failed logins and password changes."""
        say = context.console.say
        wanted = self.target.name if self.target is not None else ""
        incident = context.incident.name if context.incident is not None else ""
        coverage = Coverage()
        lines, unanswered = self._audit(context, coverage)
        found = read_audit(lines, wanted, incident)
        failed = found.failed.count.total()
        say(f"Failed logins by the audit log: {failed}, {safe_text(str(coverage))}")
        _say_unknown(context.console, "the audit log", found.unknown)
        read = self._servers(found, context)
        refused = found.refused.count.total()
        for count, (user, target, source), when in found.failed.most():
            say(f"  {count:>4}  {user} at {target} from {source}, {when}")
        say(f"Refused logins by the servers' own logs: {refused}" if read else "No server's own log was read")
        for count, (user, target, source, reason), when in found.refused.most():
            say(f"  {count:>4}  {user} at {target} from {source}, {reason}, {when}")
        say(f"Password changes: {len(found.changes)}")
        for line in found.changes[-self.changes :]:
            say(f"  {safe_text(line)}")
        if found.ours:
            say(f"Changed by this incident itself: {len(found.ours)}, the last: {safe_text(found.ours[-1])}")
        last = safe_text(found.changes[-1]) if found.changes else ""
        summary = f"{failed} failed logins"
        if worst := next(found.failed.most(), None):
            summary += f", most of them {worst[1][0]} ({worst[0]})"
        if read:
            summary += f"; {refused} refused by the servers"
        summary += f"; last password change: {last}" if last else "; no password change in the audit log"
        if unanswered is not None:
            raise OutcomeUnknown(f"{unanswered.sentence}; by the servers: {refused} refused", hint=unanswered.hint)
        values = {"failed_logins": str(failed), "refused_logins": str(refused) if read else "", "last_change": last}
        return Outcome(True, summary, values)

    def _audit(self, context: Context, coverage: Coverage) -> tuple[list[str], OutcomeUnknown | None]:
        """The end of the audit log; or why its mount does not answer, which is said and holds up nothing else."""
        try:
            return [line.text for line in read_log(context.runbook.location_of("audit"), TAIL, coverage)], None
        except OutcomeUnknown as error:
            context.console.say(f"The audit log was not read: {error}")
            return [], error

    def _targets(self, context: Context) -> list[Target]:
        return [self.target] if self.target is not None else list(context.runbook.targets.values())

    def _servers(self, found: Access, context: Context) -> int:
        """Take in the servers' own logs. Returns how many could be read; says which could not."""
        read = 0
        for target in self._targets(context):
            coverage = Coverage()
            unknown: list[str] = []
            try:
                refused = refused_logins(self._lines(target, context, coverage), unknown)
            except MidwatchError as error:
                context.console.say(f"The server's log of {target.name} cannot be read: {error}")
                continue
            read += 1
            context.console.say(f"The server's log of {target.name}: {safe_text(str(coverage))}")
            _say_unknown(context.console, f"the server's log of {target.name}", unknown)
            for one in refused:
                found.refused.add((one.user, target.name, one.source, one.reason), one.time)
        return read

    def _lines(self, target: Target, context: Context, coverage: Coverage) -> Iterable[str]:
        if target.log:
            return (line.text for line in read_log(context.runbook.resolve(target.log), TAIL, coverage))
        if target.kind is TargetKind.DOCKER:
            with engine(20) as client:
                container = named_container(client, target.container)["Id"]
                text = client.api.logs(container, stdout=True, stderr=True, tail=LINES).decode("utf-8", "replace")
            if "redirecting log output to logging collector process" not in text:
                lines = text.splitlines()
                coverage.lines, coverage.files = len(lines), ["the container's output"]
                coverage.cut = ["the container's output"] if len(lines) >= LINES else []
                return lines
        path = current_log(context.runbook, target)
        context.console.say(f"The server of {target.name} says that it logs to {safe_text(str(path))}")
        return (line.text for line in read_log(path, TAIL, coverage))


def _say_unknown(console: Console, log: str, lines: list[str]) -> None:
    if lines:
        console.say(f"Not understood in {log}: {counted(len(lines), 'line')}, the last: {safe_text(lines[-1])}")
