"""The action `recover-password`: a password that works, known to the bastion, without a trace of it anywhere else."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from actions.audit import record
from actions.password_candidates import Candidate, candidates, works
from actions.pgpass import Login, Replacement, readable_by_others
from midwatch.action import Action, Context, Outcome
from midwatch.errors import Failed, MidwatchError, Refused
from midwatch.parameters import param
from midwatch.plan import Plan, PlanDraft, Risk, Verb
from midwatch.runbook.model import Target
from probes.postgres.connect import Route
from probes.postgres.role import Role, read_role, sealed_name, set_verifier, verifier
from probes.postgres.routes import login_route, password_file, superuser_route

_STRENGTH = 24
"""Bytes of randomness in a new password (192 bits)."""


@dataclass(frozen=True)
class RecoverPassword(Action):
    """Finds a password of the target's user that works, or sets a new one, and writes it into the bastion's `.pgpass`.

    Known passwords are tried from outside, by logins that really use them. If none works, the superuser sets a
    SCRAM verifier that was computed here, in a session that logs no statement. The former verifier is kept, sealed, for
    an undo. `.pgpass` is written beside the old one before anything is changed, and replaced after; its other lines stay.
    The new password is proved by a login over TCP. `pg_hba.conf` is never touched.
    """

    name: ClassVar[str] = "recover-password"
    summary: ClassVar[str] = "Find a working password of a target's user, or set a new one, and store it in .pgpass"
    risk: ClassVar[Risk] = Risk.CHANGE

    target: Target = param("the target whose password is lost")

    def plan(self, context: Context) -> Plan:
        draft = self.draft()
        route = login_route(context.runbook, self.target)
        draft.fact("login", f"{route.user} by {route}")
        tried = list(candidates(context.runbook, self.target, route))
        working = next((one for one in tried if works(route, one.password)), None)
        draft.fact(
            "tried", ", ".join(f"{one.source} {'works' if one is working else 'refused'}" for one in tried) or "none known"
        )
        if working is None:
            self._plan_reset(draft, context, route)
        if working is None or working.source != ".pgpass":
            self._plan_file(draft, context)
        draft.add(Verb.CHANGE, str(context.place("audit")), note="one line, without the secret")
        return draft.plan()

    def _plan_reset(self, draft: PlanDraft, context: Context, route: Route) -> None:
        try:
            way = superuser_route(context.runbook, self.target)
            role = read_role(way, route.user)
        except MidwatchError as error:
            draft.refusal = str(error)
            return
        if role is None:
            draft.refusal = f"{self.target.label} has no role {route.user}: check the target's user in the runbook"
            return
        draft.fact("superuser", f"{way.user} by {way}")
        draft.refusal = role.obstacle and f"A new password would not help: {role.obstacle}"
        if role.verifier.startswith("md5"):
            draft.fact("note", "the server keeps an md5 hash; it becomes SCRAM-SHA-256")
        if role.sessions:
            draft.fact("sessions", f"{role.sessions} of {route.user} are open; they go on, new ones need the new password")
        draft.add(
            Verb.CREATE, str(context.place("sealed")), note="the former verifier, for an undo", identity="sealed verifier"
        )
        draft.add(Verb.CHANGE, f"password of {route.user} on {self.target.label}", note="a new one, as a SCRAM verifier")

    def _plan_file(self, draft: PlanDraft, context: Context) -> None:
        path = password_file(context.runbook)
        note = "its mode becomes 0600: libpq passed over it" if readable_by_others(path) else "one line; the others stay"
        draft.add(Verb.CHANGE if path.exists() else Verb.CREATE, str(path), note=note)

    def apply(self, context: Context, plan: Plan) -> Outcome:
        route = login_route(context.runbook, self.target)
        for number, one in enumerate(candidates(context.runbook, self.target, route), 1):
            if len(one.password) >= 6:
                context.console.secret(f"candidate {number}", one.password)
            context.console.say(f"Trying the password from {one.source}")
            if works(route, one.password):
                return self._found(context, route, one)
        context.console.say(f"[ERROR] Unable to connect to {self.target.name}: authentication failed, as expected")
        return self._reset(context, route)

    def _found(self, context: Context, route: Route, found: Candidate) -> Outcome:
        if found.source != ".pgpass":
            Replacement(password_file(context.runbook), _login(route), found.password).publish()
        record(context, "password.recovered", user=route.user, target=self.target.name, method="found", source=found.source)
        context.console.say(f"[OK] The password from {found.source} works")
        return Outcome(True, f"The password of {route.user} from {found.source} works over TCP", {"method": "found"})

    def _reset(self, context: Context, route: Route) -> Outcome:
        way = superuser_route(context.runbook, self.target)
        role = read_role(way, route.user)
        if role is None:
            raise Refused(f"{self.target.label} has no role {route.user}", hint="Check the target's user in the runbook")
        if role.obstacle:
            raise Refused(f"A new password would not help: {role.obstacle}", hint="Change that first, as the superuser")
        password = secrets.token_urlsafe(_STRENGTH)
        context.console.secret(f"new password of {self.target.label}", password)
        replacement = Replacement(password_file(context.runbook), _login(route), password)
        try:
            sealed = _seal(context, self.target, role)
            record(context, "password.reset", user=route.user, target=self.target.name, method=way.kind)
            set_verifier(way, route.user, verifier(password))
            replacement.publish()
        finally:
            replacement.discard()
        context.console.say(f"A new password is set by {way.user} through {way}")
        if not works(route, password):
            raise Failed(
                f"{self.target.label} does not accept its new password over TCP", hint="Look at pg_hba.conf of the server"
            )
        record(context, "password.recovered", user=route.user, target=self.target.name, method="reset", sealed=sealed.name)
        context.console.say(f"[OK] Password of {route.user} recovered; {password_file(context.runbook)} is updated")
        values = {"method": "reset", "sealed": str(sealed)}
        return Outcome(True, f"The password of {route.user} is new, works over TCP, and is in .pgpass", values)


def _login(route: Route) -> Login:
    return Login(route.host, route.port, route.database, route.user)


def _seal(context: Context, target: Target, role: Role) -> Path:
    """Keep the former verifier where only we can read it, on disk when this returns. Raises `Refused`."""
    folder = context.place("sealed")
    path = folder / sealed_name(target.name, role.name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(role.verifier + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        hint = "The password was not touched; set places.sealed to a disk with room"
        raise Refused(f"The former verifier cannot be kept in {folder}: {error.strerror}", hint=hint) from error
    return path
