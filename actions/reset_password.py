"""The action `reset-password`: gives the bastion a working password and leaves no copy of it elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from actions.checks.password import CheckPassword
from actions.credentials.credential_backup import CredentialBackup, alone, newest_credential_backup
from actions.credentials.dependents import ask_dependents
from actions.credentials.password_candidates import Candidate, candidates, login_of, works
from actions.credentials.pgpass import LEFT, faults, passwords, readable_by_others
from actions.credentials.pgpass_replacement import Replacement
from actions.support.audit import record
from actions.support.bound_servers import bind_servers
from actions.support.replication_facts import password_facts
from actions.undo_password_reset import UndoPasswordReset, say_sessions, session_facts
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.runbook.model import Risk
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown, Refused
from midwatch.system.external_command import run_external
from midwatch.system.sanitize import safe_text
from midwatch.system.units import first_few
from probes.postgres.connect import Route
from probes.postgres.role import Role, read_role, set_verifier, try_verifier, verifier
from probes.postgres.routes import login_route, password_file, superuser_route
from probes.postgres.writability import require_writable

_STRENGTH = 24
"""Bytes of randomness in a new password (192 bits)."""


@dataclass(frozen=True)
class ResetPassword(Action):
    """Finds a password of the target's user that works, or sets a new one, and writes it into the bastion's `.pgpass`.

    Known passwords are tried from outside, by logins that really use them. If none works, the superuser sets a SCRAM
    verifier that was computed here, in a session that logs no statement. The former verifier and the former lines of
    `.pgpass` are kept, sealed, for an undo. `.pgpass` is written beside the old one, and the target's secret store has
    taken the password, before the server is changed, and the server has shown in a transaction that was rolled back
    that it takes the change: what fails until then leaves everything as it was. The new password is proved by a login
    over TCP; then what depends on the target is asked. `pg_hba.conf` is never touched.
    """

    name: ClassVar[str] = "reset-password"
    summary: ClassVar[str] = "Find a working password of a target's user, or set a new one, and store it in .pgpass"
    risk: ClassVar[Risk] = Risk.CHANGE
    outputs: ClassVar[tuple[str, ...] | None] = ("method", "source", "credential_backup", "sessions", "dependents_out")

    target: Target = param("the target whose password is lost")

    def plan(self, context: Context) -> Plan:
        """Try the known passwords and list the changes that are needed."""
        draft = self.draft()
        route = login_route(self.target)
        draft.fact("login", f"{route.user} by {route}")
        bind_servers(draft, context, [self.target])
        for fault in faults(password_file(context.runbook), login_of(route)):
            draft.fact("password file", fault)
        tried = list(candidates(context.runbook, self.target, route))
        working = next((one for one in tried if works(route, one.password)), None)
        told = [f"{one.source} {'works' if one is working else 'refused'}" for one in _until(tried, working)]
        draft.fact("tried", ", ".join(told) or "none known")
        if working is None:
            self._plan_reset(draft, context, route)
        if working is None or not self._stands(context, route, working):
            note = "what is replaced, for an undo"
            draft.add(
                Verb.CREATE,
                str(context.location("credential_backups")),
                note=note,
                identity="credential_backup",
                kind="file",
            )
            self._plan_file(draft, context)
        draft.add(Verb.CHANGE, str(context.location("audit")), note="one line, without the secret", kind="file")
        for dependent in self.target.dependents:
            draft.add(Verb.READ, f"whether {dependent.name} gets in afterwards")
        return draft.plan()

    def _plan_reset(self, draft: PlanDraft, context: Context, route: Route) -> None:
        try:
            way = superuser_route(context.runbook, self.target)
            require_writable(way)
            role = read_role(way, route.user)
        except MidwatchError as error:
            draft.refusal = str(error)
            return
        if role is None:
            draft.refusal = f"{self.target.label} has no role {route.user}: check the target's user in the runbook"
            return
        draft.fact("superuser", f"{way.user} by {way}")
        draft.refusal = role.obstacle and f"A new password would not help: {role.obstacle}"
        other = ", of another password than any that is known here" if role.verifier.startswith("SCRAM") else ""
        draft.fact("reason", role.kept + other)
        session_facts(draft, role)
        password_facts(draft, way, role)
        if store := self.target.secret_store:
            note = "gets the new password on its standard input"
            draft.add(Verb.CHANGE, f"secret store: {store.command}", reversible=False, note=note, kind="secret store")
        changed = f"password of {route.user} on {self.target.label}"
        draft.add(Verb.CHANGE, changed, note="a new one, as a SCRAM verifier", kind="password")

    def _plan_file(self, draft: PlanDraft, context: Context) -> None:
        path = password_file(context.runbook)
        note = (
            "its mode becomes 0600: libpq passed over it" if readable_by_others(path) else "one line; the others stay"
        )
        draft.add(Verb.CHANGE if path.exists() else Verb.CREATE, str(path), note=note, kind="file")

    def _stands(self, context: Context, route: Route, found: Candidate) -> bool:
        """Whether libpq takes this very password from `.pgpass` already."""
        path = password_file(context.runbook)
        return not readable_by_others(path) and next(passwords(path, login_of(route)), None) == found.password

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Make a known password work or set a new one, and prove it by a login."""
        route = login_route(self.target)
        with alone(context.location("credential_backups")):
            for fault in faults(password_file(context.runbook), login_of(route)):
                context.console.say(f"[WARN] {password_file(context.runbook)}: {fault}")
            found = self._find(context, route)
            if found is None:
                context.console.say(
                    f"[ERROR] Unable to connect to {self.target.name}: authentication failed, as expected"
                )
            outcome = self._found(context, route, found) if found is not None else self._reset(context, route)
        return self._with_dependents(context, outcome)

    def _find(self, context: Context, route: Route) -> Candidate | None:
        for number, one in enumerate(candidates(context.runbook, self.target, route), 1):
            if len(one.password) >= 6:
                context.console.secret(f"candidate {number}", one.password)
            context.console.say(f"Trying the password from {one.source}")
            if works(route, one.password):
                return one
        return None

    def _found(self, context: Context, route: Route, found: Candidate) -> Outcome:
        values = {"method": "found", "source": found.source}
        if not self._stands(context, route, found):
            replacement = Replacement.with_password(password_file(context.runbook), login_of(route), found.password)
            try:
                sealed = CredentialBackup(self.target.name, route.user, None, replacement.former).keep(
                    context.location("credential_backups")
                )
                replacement.publish()
            finally:
                replacement.discard()
            values["credential_backup"] = str(self._sealed_before(context, route, found) or sealed)
        record(
            context, "password.recovered", user=route.user, target=self.target.name, method="found", source=found.source
        )
        context.console.say(f"[OK] The password from {found.source} works")
        return Outcome(True, f"The password of {route.user} from {found.source} works over TCP", values)

    def _sealed_before(self, context: Context, route: Route, found: Candidate) -> Path | None:
        """Where the run that did not end kept the former verifier, if this finishes its work."""
        if found.source != f".pgpass, {LEFT}":
            return None
        return newest_credential_backup(context.location("credential_backups"), self.target.name, route.user)

    def _reset(self, context: Context, route: Route) -> Outcome:
        way = superuser_route(context.runbook, self.target)
        require_writable(way)
        role = read_role(way, route.user)
        if role is None:
            raise Refused(
                f"{self.target.label} has no role {route.user}", hint="Check the target's user in the runbook"
            )
        if role.obstacle:
            raise Refused(f"A new password would not help: {role.obstacle}", hint="Change that first, as the superuser")
        say_sessions(context, role)
        password = secrets.token_urlsafe(_STRENGTH)
        context.console.secret(f"new password of {self.target.label}", password)
        sealed = self._exchange(context, route, way, role, password)
        context.console.say(f"A new password is set by {way.user} through {way}")
        if not works(route, password):
            raise Failed(
                f"{self.target.label} does not accept its new password over TCP",
                hint="Look at pg_hba.conf of the server",
            )
        record(
            context, "password.recovered", user=route.user, target=self.target.name, method="reset", sealed=sealed.name
        )
        context.console.say(f"[OK] Password of {route.user} recovered; {password_file(context.runbook)} is updated")
        values = {"method": "reset", "credential_backup": str(sealed), "sessions": str(len(role.sessions))}
        return Outcome(True, f"The password of {route.user} is new, works over TCP, and is in .pgpass", values)

    def _exchange(self, context: Context, route: Route, way: Route, role: Role, password: str) -> Path:
        """Everything that may fail comes first, the server's own refusal too; what follows is one statement and one
        rename."""
        new = verifier(password)
        replacement = Replacement.with_password(password_file(context.runbook), login_of(route), password)
        try:
            try:
                try_verifier(way, route.user, new)
            except Failed as error:
                hint = "Nothing was changed. Run this again once the server answers"
                raise Failed(error.sentence, hint=hint) from error
            sealed = CredentialBackup(self.target.name, role.name, role.verifier, replacement.former).keep(
                context.location("credential_backups")
            )
            record(context, "password.reset", user=route.user, target=self.target.name, method=way.kind)
            self._store(context, password, sealed)
            context.console.value(
                "credential_backup", str(sealed)
            )  # an undo finds it also if nobody sees the end of this
            try:
                set_verifier(way, route.user, new)
            except MidwatchError as error:
                replacement.leave()
                store = "; the secret store has the new password already" if self.target.secret_store else ""
                hint = "Run this again: it tries the new password first, in case the server has taken it"
                raise Failed(f"{error.sentence}{store}", hint=hint) from error
            replacement.publish()
        finally:
            replacement.discard()
        return sealed

    def _store(self, context: Context, password: str, sealed: Path) -> None:
        """Give it to the secret store. When that fails nothing has been changed, and nothing is left behind."""
        store = self.target.secret_store
        if store is None:
            return
        try:
            ended = run_external(
                store.command,
                context.runbook.base,
                limit=store.timeout,
                data=password.encode(),
                environment=self._names(),
            )
            reason = ended.last_line.replace(password, "the password") if ended.exit else ""
        except Failed as error:
            reason = error.sentence
        if reason:
            sealed.unlink(missing_ok=True)
            record(context, "password.reset_failed", user=self.target.user, target=self.target.name, at="secret_store")
            raise Failed(
                f"The secret store did not take the new password: {safe_text(reason)}",
                hint="Nothing was changed: neither the server nor .pgpass. Mend the store and run this again",
            )
        context.console.say("[OK] The secret store has taken the new password")

    def _names(self) -> dict[str, str]:
        return {"MIDWATCH_TARGET": self.target.name, "MIDWATCH_ROLE": self.target.user}

    def _with_dependents(self, context: Context, outcome: Outcome) -> Outcome:
        asked = ask_dependents(context.runbook, self.target)
        for one in asked:
            context.console.say(str(one))
        if not asked:
            return outcome
        out = [one.name for one in asked if not one.ok]
        told = f"; NOT getting in: {first_few(out, 10)}" if out else f"; {len(asked)} that depend on it get in"
        values = {**outcome.values, "dependents_out": ", ".join(out)}
        return Outcome(outcome.ok, outcome.summary + told, values)

    def verify(self, context: Context, since: datetime) -> Outcome:
        """A login by `.pgpass` that works is what was wanted, whoever made it work. Without one it simply runs
        again."""
        try:
            held = CheckPassword(self.target).evaluate(context)
        except Failed as error:
            raise OutcomeUnknown(error.sentence, hint=error.hint) from error
        again = "" if held.ok else "; it may run again, and sets another password if none that is known works"
        return Outcome(held.ok, held.summary + again)

    def undo(self, values: Mapping[str, str]) -> Action | None:
        """Return the action that restores the former verifier; None when nothing was sealed."""
        return (
            UndoPasswordReset(self.target, Path(values["credential_backup"]))
            if values.get("credential_backup")
            else None
        )


def _until(tried: list[Candidate], working: Candidate | None) -> list[Candidate]:
    """Those that were really tried: the first that works ends it."""
    return tried if working is None else tried[: tried.index(working) + 1]
