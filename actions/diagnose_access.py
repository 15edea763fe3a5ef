"""The action `diagnose-access`: reports failed logins and the password changes before them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.runbook.model import Risk, Target, TargetKind
from midwatch.system.errors import MidwatchError, OutcomeUnknown
from midwatch.system.sanitize import safe_text
from probes.containers.client import engine, named_container
from probes.logs.log_tail import tail_lines
from probes.logs.server_log import current_log, refused_logins

TAIL = 10_000_000
"""Bytes at the end of a log that are read."""
LINES = 20_000
"""Lines at the end of a container's output that are read."""
SHOWN = 10
_FIELD = re.compile(r"\b(user|target|source|by|database)=(\S+)")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
_FAILED = re.compile(r"\bfailed\b|authentication failure|access denied", re.IGNORECASE)
_LOGIN = re.compile(r"log-?in|authenticat|password authentication|access denied", re.IGNORECASE)
_CHANGE = re.compile(
    r"\b(rotat\w*|alter role|alter user|reset|recover\w*|restore\w*|password (changed|set))\b", re.IGNORECASE
)
Who = tuple[str, ...]


@dataclass(slots=True)
class Counted:
    """How often each did it, first and last. Times as they stand in the log."""

    count: Counter[Who] = field(default_factory=Counter)
    first: dict[Who, str] = field(default_factory=dict)
    last: dict[Who, str] = field(default_factory=dict)

    def add(self, who: Who, time: str) -> None:
        """Count one more entry of this user and source."""
        self.count[who] += 1
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


def read_audit(lines: list[str], target: str = "", incident: str = "") -> Access:
    """Sort the lines of an access audit log; with `target`, only those that name it or name no target.

    What `incident` itself wrote is kept apart.
    """
    found = Access()
    for line in lines:
        fields = dict(_FIELD.findall(line))
        if target and fields.get("target", target) != target:
            continue
        if _LOGIN.search(line) and _FAILED.search(line) and not _CHANGE.search(line):
            time = match[0].replace("T", " ") if (match := _TIME.search(line)) else "?"
            found.failed.add((fields.get("user", "?"), fields.get("target", "?"), fields.get("source", "?")), time)
        elif _CHANGE.search(line):
            (found.ours if incident and f" incident={incident}" in line else found.changes).append(line)
    return found


@dataclass(frozen=True)
class DiagnoseAccess(Action):
    """Reads the access audit log and the servers' own logs: failed logins by user, source, reason and time; password changes.

    A server's log is the target's `log`, or else its container's output, or else the file that the server names.
    `last_change` is the newest line on a password that this incident did not write itself; `failed_logins` and
    `refused_logins` are counts by the audit log and by the servers. Without `target`, all targets. A server whose log
    cannot be read is said and left out; fails when the audit log itself cannot be read.
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
        lines, unanswered = self._audit(context)
        found = read_audit(lines, wanted, incident)
        read = self._servers(found, context)
        failed, refused = found.failed.count.total(), found.refused.count.total()
        say(f"Failed logins by the audit log: {failed}")
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

    def _audit(self, context: Context) -> tuple[list[str], OutcomeUnknown | None]:
        """The end of the audit log; or why its mount does not answer, which is said and holds up nothing else."""
        try:
            return [line.text for line in tail_lines(context.runbook.location_of("audit"), TAIL)], None
        except OutcomeUnknown as error:
            context.console.say(f"The audit log was not read: {error}")
            return [], error

    def _targets(self, context: Context) -> list[Target]:
        return [self.target] if self.target is not None else list(context.runbook.targets.values())

    def _servers(self, found: Access, context: Context) -> int:
        """Take in the servers' own logs. Returns how many could be read; says which could not."""
        read = 0
        for target in self._targets(context):
            try:
                lines = self._lines(target, context)
            except MidwatchError as error:
                context.console.say(f"The server's log of {target.name} cannot be read: {error}")
                continue
            read += 1
            for one in refused_logins(lines):
                found.refused.add((one.user, target.name, one.source, one.reason), one.time)
        return read

    def _lines(self, target: Target, context: Context) -> list[str]:
        if target.log:
            return [line.text for line in tail_lines(context.runbook.resolve(target.log), TAIL)]
        if target.kind is TargetKind.DOCKER:
            with engine(20) as client:
                container = named_container(client, target.container)["Id"]
                text = client.api.logs(container, stdout=True, stderr=True, tail=LINES).decode("utf-8", "replace")
            if "redirecting log output to logging collector process" not in text:
                return text.splitlines()
        path = current_log(context.runbook, target)
        context.console.say(f"The server of {target.name} says that it logs to {safe_text(str(path))}")
        return [line.text for line in tail_lines(path, TAIL)]
