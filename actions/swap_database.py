"""The action `swap-database`: puts a restored database in use, and keeps the former one under another name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from actions.restoring.restore_database import (
    INCOMPLETE,
    MAINTENANCE,
    MARK,
    ServerNow,
    comment_sql,
    free_name,
    inspect_server,
    made_at,
    new_name,
    own_comment,
    restored,
)
from actions.support.bound_servers import bind_servers
from actions.support.replication_facts import database_facts, removal_lines, why_no_swap
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.runbook.model import Risk
from midwatch.runbook.targets import Target
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput, Failed, MidwatchError, Refused
from midwatch.system.sanitize import safe_text
from midwatch.system.units import duration, first_few
from probes.postgres import activity
from probes.postgres.connect import Route, require_direct
from probes.postgres.logical_replication import Replication, read_replication
from probes.postgres.role import identifier, literal, run_quietly
from probes.postgres.routes import superuser_route
from probes.postgres.writability import require_writable

TRIES = 10
"""Times that the sessions are ended and the names changed, where clients come back at once."""
_SESSIONS = """
SELECT json_agg(format('%s × %s%s from %s', n, usename, nullif(' (' || application_name || ')', ' ()'), client)) FROM (
    SELECT usename, application_name, coalesce(host(client_addr), 'this host') AS client, count(*) AS n
    FROM pg_stat_activity WHERE datname IN ({names}) AND pid <> pg_backend_pid() GROUP BY 1, 2, 3 ORDER BY 4 DESC) AS s
"""
_END = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN ({names}) AND pid <> "
    "pg_backend_pid()"
)


@dataclass(frozen=True)
class SwapDatabase(Action):
    """Gives a restored, checked database the name of the one in use, which keeps everything under
    `NAME_before_<timestamp>`.

    Both names change in one transaction: there is no moment with half of it, also for a kill. The sessions on the
    database in use are listed in the plan and ended. No row is deleted; what was written since the backup stays in the
    database that is put aside, and nobody sees it any more. Undo swaps back.
    """

    name: ClassVar[str] = "swap-database"
    summary: ClassVar[str] = "Put a restored database in the place of the one in use, which is kept"
    risk: ClassVar[Risk] = Risk.DESTROY
    outputs: ClassVar[tuple[str, ...] | None] = ("database", "kept")

    target: Target = param("whose database")
    restored: str = param("which restored database (default: the newest that was checked)", default="")
    incomplete: bool = param("also one that is not whole: objects of its last part are missing", default=False)

    def plan(self, context: Context) -> Plan:
        """List the databases to rename and the sessions to end."""
        draft = self.draft()
        draft.confirm_name = self.target.name
        bind_servers(draft, context, [self.target])
        try:
            route = _route(context, self.target)
            require_writable(route)
            server = inspect_server(route, self.target.database)
            chosen = self._chosen(server)
            current = self.target.database
            there = [name for name in (current, chosen) if name in server.databases]
            replication = dict(zip(there, database_facts(draft, route, *there), strict=True))
            for one in replication[chosen].subscriptions:
                draft.fact("afterwards", f"in {current}: {one.enable_sql} {one.refresh_sql}")
            draft.refusal = why_no_swap(replication.get(current, Replication()), current)
            sessions = json.loads(run_quietly(route, _SESSIONS.format(names=self._names(chosen))) or "null") or []
        except MidwatchError as error:
            draft.refusal = str(error)
            return draft.plan()
        if current in server.databases:
            aside = f"database {current} becomes {current}_before_<timestamp>"
            draft.add(
                Verb.CHANGE,
                aside,
                size=server.size,
                note="kept whole; undo swaps back",
                identity=f"aside {current}",
                kind="database",
            )
        draft.add(Verb.CHANGE, f"database {chosen} becomes {current}", identity=f"in place {chosen}", kind="database")
        at = made_at(chosen)
        if at is not None:
            age = duration((context.clock.now() - at).total_seconds())
            draft.fact("made", f"{chosen} {age} ago; what was written to {current} since its backup is not in it")
        draft.fact("of it", safe_text(server.databases[chosen]) or "no comment")
        draft.fact(
            "sessions", f"ended: {safe_text(first_few(sessions, 10, '; '))}" if sessions else "none has to be ended"
        )
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """End the sessions and exchange the names in one transaction."""
        route = _route(context, self.target)
        require_writable(route)
        server = inspect_server(route, self.target.database)
        chosen, current = self._chosen(server), self.target.database
        kept = free_name(server, current, "before", context.clock.now())
        replication = read_replication(route, current) if current in server.databases else Replication()
        if reason := why_no_swap(replication, current):
            raise Refused(reason)
        comment = own_comment(server.databases[chosen])
        _swap(route, chosen, current, kept if current in server.databases else "", comment)
        context.console.say(f"[OK] {chosen} is {current} now; what was {current} is {kept}")
        if current in server.databases:
            context.console.say(f"When nobody needs {kept} any more: {' '.join(removal_lines(replication, kept))}")
        try:
            activity.read_activity(context.runbook, self.target)
            login = "its application's login works"
        except MidwatchError as error:
            login = f"its application's login does not work: {error.sentence}"
            context.console.say(f"[WARN] {self.target.label}: {login}")
        values = {"database": chosen} | ({"kept": kept} if current in server.databases else {})
        return Outcome(True, f"{current} is the restored {chosen}, the former is kept as {kept}; {login}", values)

    def verify(self, context: Context, since: datetime) -> Outcome:
        """The names change at once or not at all, so the database that was put aside tells."""
        server = inspect_server(_route(context, self.target), self.target.database)
        for name in server.databases:
            at = made_at(name)
            if at and name == new_name(self.target.database, "before", at) and at >= since.replace(microsecond=0):
                return Outcome(
                    True, f"{self.target.database} was swapped; the former is kept as {name}", {"kept": name}
                )
        return Outcome(False, f"No database has been put aside since {to_rfc3339(since)}")

    def undo(self, values: Mapping[str, str]) -> Action | None:
        """Return the action that exchanges the names again."""
        return replace(self, restored=values["kept"]) if "kept" in values else None

    def _chosen(self, server: ServerNow) -> str:
        """The database to put in place. Raises `BadInput` for one that no restore made, `Refused` for an unchecked
        one."""
        current = self.target.database
        found = restored(server, current)
        if not self.restored:
            whole = [name for name, mark in found.items() if mark == MARK]
            if not whole:
                hint = "Restore one: midwatch action restore"
                raise BadInput(f"{self.target.label} has no database that was restored and checked", hint=hint)
            return whole[0]
        at = made_at(self.restored)
        aside = at is not None and self.restored == new_name(current, "before", at)
        if self.restored not in server.databases or not (aside or self.restored in found):
            names = ", ".join(found) or "none"
            sentence = f"{safe_text(self.restored)} is no restored database of {self.target.label}"
            raise BadInput(sentence, hint=f"There are: {names}")
        if not aside and found[self.restored] == INCOMPLETE and not self.incomplete:
            hint = "Mend it and swap with incomplete, or drop it"
            raise Refused(
                f"{self.restored} has all rows and is not whole: {server.databases[self.restored]}", hint=hint
            )
        if not aside and not found[self.restored]:
            raise Refused(
                f"{self.restored} was not checked to its end, or is not what was dumped", hint="Restore it again"
            )
        return self.restored

    def _names(self, chosen: str) -> str:
        return ", ".join(literal(name) for name in (self.target.database, chosen))


def _route(context: Context, target: Target) -> Route:
    route = superuser_route(context.runbook, replace(target, database=MAINTENANCE))
    require_direct(route, route.pooled)
    return route


def _swap(route: Route, chosen: str, current: str, kept: str, comment: str) -> None:
    """Change both names at once, and take the mark of the restore away.

    A name that changes is locked: who connects meanwhile waits, and gets the new one.
    """
    names = ", ".join(literal(name) for name in (current, chosen))
    steps = [_END.format(names=names)]
    if kept:
        steps.append(f"ALTER DATABASE {identifier(current)} RENAME TO {identifier(kept)}")
    steps.append(f"ALTER DATABASE {identifier(chosen)} RENAME TO {identifier(current)}")
    steps.append(comment_sql(current, comment))
    script = "; ".join(["BEGIN", *steps, "COMMIT"])
    for left in range(TRIES, 0, -1):
        try:
            run_quietly(route, script)
            return
        except Failed as error:
            if "accessed by other users" not in error.sentence or left == 1:
                raise Failed(
                    f"{error.sentence}; nothing was changed", hint="Stop what connects again and again"
                ) from error
