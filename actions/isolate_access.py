"""The action `isolate-access`: who failed to log in, and what happened to the passwords before?"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

from midwatch.action import Action, Context, Outcome
from midwatch.errors import MidwatchError
from midwatch.hostile import safe_text
from midwatch.parameters import param
from midwatch.plan import Plan, Risk, Verb
from midwatch.runbook.model import Target, TargetKind
from probes.docker_engine import engine
from probes.log_tail import tail_lines

TAIL = 10_000_000
"""Bytes at the end of the audit log that are read."""
_FIELD = re.compile(r"\b(user|target|source|by|database)=(\S+)")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
_FAILED = re.compile(r"\bfailed\b|authentication failure|access denied", re.IGNORECASE)
_LOGIN = re.compile(r"log-?in|authenticat|password authentication|access denied", re.IGNORECASE)
_CHANGE = re.compile(r"\b(rotat\w*|alter role|alter user|reset|recover\w*|restore\w*|password (changed|set))\b", re.IGNORECASE)
_SERVER = re.compile(
    r'(?:password|SCRAM|peer|ident) authentication failed for user "((?:[^"]|"")*)"|role "([^"]*)" does not exist'
)


@dataclass(slots=True)
class Access:
    """What the audit log and the server's log say of logins and passwords."""

    failed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """User, target, source → failed logins."""
    first: dict[tuple[str, str, str], str] = field(default_factory=dict)
    last: dict[tuple[str, str, str], str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    """Lines on password changes, oldest first."""
    server: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Target, user → authentication failures in the server's own log."""


def read_audit(lines: list[str], target: str = "") -> Access:
    """Sort the lines of an access audit log; with `target`, only those that name it or name no target."""
    found = Access()
    for line in lines:
        fields = dict(_FIELD.findall(line))
        if target and fields.get("target", target) != target:
            continue
        if _LOGIN.search(line) and _FAILED.search(line) and not _CHANGE.search(line):
            who = (fields.get("user", "?"), fields.get("target", "?"), fields.get("source", "?"))
            found.failed[who] += 1
            time = match[0] if (match := _TIME.search(line)) else "?"
            found.first.setdefault(who, time)
            found.last[who] = time
        elif _CHANGE.search(line):
            found.changes.append(line)
    return found


@dataclass(frozen=True)
class IsolateAccess(Action):
    """Reads the access audit log and the containers' server logs: failed logins by user and source, password changes.

    `last_change` is the newest line on a password, `failed_logins` their number. Without `target`, all targets. A
    server whose log cannot be read is said and left out; fails when the audit log itself cannot be read.
    """

    name: ClassVar[str] = "isolate-access"
    summary: ClassVar[str] = "Find failed logins and the last password changes"
    risk: ClassVar[Risk] = Risk.OBSERVE

    target: Target | None = param("one database; all when left out", default=None)
    changes: int = param("how many password changes to show", default=5)

    def plan(self, context: Context) -> Plan:
        draft = self.draft()
        draft.add(Verb.READ, f"the end of {context.place('audit')}")
        for target in self._docker_targets(context):
            draft.add(Verb.READ, f"the server's log of {target.container}, last 5000 lines")
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        say = context.console.say
        wanted = self.target.name if self.target is not None else ""
        found = read_audit([line.text for line in tail_lines(context.place("audit"), TAIL)], wanted)
        self._servers(found, context)
        say(f"Failed logins: {found.failed.total()}")
        for who, count in found.failed.most_common(10):
            user, target, source = (safe_text(part) for part in who)
            say(f"  {count:>4}  {user} at {target} from {source}, {found.first[who]} to {found.last[who]}")
        for (target, user), count in found.server.most_common(10):
            say(f"  {count:>4}  {safe_text(user)} refused by the server of {target}, in its own log")
        say(f"Password changes: {len(found.changes)}")
        for line in found.changes[-self.changes :]:
            say(f"  {safe_text(line)}")
        last = safe_text(found.changes[-1]) if found.changes else ""
        worst = found.failed.most_common(1)
        summary = f"{found.failed.total()} failed logins"
        if worst:
            summary += f", most of them {safe_text(worst[0][0][0])} ({worst[0][1]})"
        summary += f"; last password change: {last}" if last else "; no password change in the audit log"
        return Outcome(True, summary, {"failed_logins": str(found.failed.total()), "last_change": last})

    def _docker_targets(self, context: Context) -> list[Target]:
        targets = [self.target] if self.target is not None else list(context.runbook.targets.values())
        return [target for target in targets if target.kind is TargetKind.DOCKER]

    def _servers(self, found: Access, context: Context) -> None:
        for target in self._docker_targets(context):
            try:
                with engine(20) as client:
                    log = client.api.logs(target.container, stdout=True, stderr=True, tail=5000)
            except MidwatchError as error:
                context.console.say(f"The server's log of {target.name} cannot be read: {error}")
                continue
            for match in _SERVER.finditer(log.decode("utf-8", "replace")):
                found.server[target.name, match[1] or match[2]] += 1
