"""The action `undo-password-reset`: restores the former verifier and the former lines of `.pgpass`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from actions.credentials.credential_backup import CredentialBackup, alone, read_credential_backup
from actions.credentials.password_candidates import login_of
from actions.credentials.pgpass import without
from actions.credentials.pgpass_replacement import Replacement
from actions.support.audit import record
from actions.support.bound_servers import bind_servers
from actions.support.replication_facts import password_facts
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.runbook.model import Risk
from midwatch.runbook.targets import Target
from midwatch.system.errors import MidwatchError, Refused
from midwatch.system.sanitize import safe_text
from midwatch.system.units import counted
from probes.postgres.connect import Route
from probes.postgres.role import Role, read_role, set_verifier
from probes.postgres.routes import login_route, password_file, superuser_route
from probes.postgres.writability import require_writable

SHOWN = 10
"""Sessions that are listed."""


@dataclass(frozen=True)
class UndoPasswordReset(Action):
    """Gives the target's user the verifier that a recovery sealed, exactly, and `.pgpass` the lines that stood there.

    What is in force now is backed up first, so that this can be undone as well. Refuses a file that others could have
    written, or that belongs to another target or role. Nobody may know the password that works afterwards: that is how
    it was. A secret store keeps what it was given last, since only the verifier of the former password is known.
    """

    name: ClassVar[str] = "undo-password-reset"
    summary: ClassVar[str] = "Take a password recovery back: the former verifier, the former line of .pgpass"
    risk: ClassVar[Risk] = Risk.CHANGE
    outputs: ClassVar[tuple[str, ...] | None] = ("credential_backup",)

    target: Target = param("the target whose former password comes back")
    credential_backup: Path = param("the file that the recovery kept it in")

    def plan(self, context: Context) -> Plan:
        """Compare the sealed verifier with the present one and list the changes."""
        draft = self.draft()
        bind_servers(draft, context, [self.target])
        try:
            sealed, way, role = self._look(context)
        except MidwatchError as error:
            draft.refusal = str(error)
            return draft.plan()
        draft.add(Verb.READ, str(self.credential_backup))
        if way is not None and role is not None:
            draft.fact("superuser", f"{way.user} by {way}")
            draft.fact(
                "now", "the former verifier is in force already" if role.verifier == sealed.verifier else role.kept
            )
            if way.kind == "tcp" and way.user == sealed.role:
                draft.fact(
                    "afterwards", "nobody here gets in as the superuser any more: the only way in uses this password"
                )
            session_facts(draft, role)
            password_facts(draft, way, role)
            note = "the former verifier" if sealed.verifier else "none, as before"
            draft.add(Verb.CHANGE, f"password of {sealed.role} on {self.target.label}", note=note, kind="password")
        if self.target.secret_store is not None:
            draft.fact("secret store", "keeps the password that it was given last; nobody knows the former one")
        note = f"{counted(len(sealed.lines), 'former line')} in place of its present ones; the others stay"
        draft.add(Verb.CHANGE, str(password_file(context.runbook)), note=note, kind="file")
        draft.add(
            Verb.CREATE,
            str(context.location("credential_backups")),
            note="what is in force now",
            identity="credential_backup",
            kind="file",
        )
        draft.add(Verb.CHANGE, str(context.location("audit")), note="one line, without the secret", kind="file")
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Seal the present verifier, then restore the former one and its `.pgpass` lines."""
        with alone(context.location("credential_backups")):
            sealed, way, role = self._look(context)
            login = login_of(login_route(self.target))
            replacement = Replacement.with_former(password_file(context.runbook), login, sealed.lines)
            try:
                present = CredentialBackup(
                    self.target.name, sealed.role, role.verifier if role else None, replacement.former
                )
                kept = present.keep(context.location("credential_backups"))
                record(
                    context,
                    "password.restored",
                    user=sealed.role,
                    target=self.target.name,
                    credential_backup=self.credential_backup.name,
                )
                context.console.value("credential_backup", str(kept))
                if way is not None and role is not None:
                    say_sessions(context, role)
                    set_verifier(way, sealed.role, sealed.verifier or "")
                    context.console.say(f"[OK] The former verifier of {sealed.role} is in force again")
                replacement.publish()
            finally:
                replacement.discard()
        context.console.say(f"[OK] {password_file(context.runbook)} has its former lines again")
        what = "" if way is None else "The former verifier is in force, and "
        return Outcome(True, f"{what}.pgpass has its former lines", {"credential_backup": str(kept)})

    def _look(self, context: Context, *, writes: bool = True) -> tuple[CredentialBackup, Route | None, Role | None]:
        """What was sealed; and where the server was touched too, the way in and the role as it is now. Raises
        `Refused`."""
        sealed = read_credential_backup(self.credential_backup)
        user = login_route(self.target).user
        if (sealed.target, sealed.role) != (self.target.name, user):
            raise Refused(
                f"{self.credential_backup.name} belongs to {safe_text(sealed.role)} of {safe_text(sealed.target)}, "
                f"not to {user} of {self.target.name}",
                hint="Name the file that this target's recovery reported",
            )
        if sealed.verifier is None:
            return sealed, None, None
        way = superuser_route(context.runbook, self.target)
        if writes:
            require_writable(way)
        role = read_role(way, user)
        if role is None:
            raise Refused(
                f"{self.target.label} has no role {user} any more", hint="There is nothing to give it back to"
            )
        return sealed, way, role

    def verify(self, context: Context, since: datetime) -> Outcome:
        """Check whether the former verifier and the former lines are in force."""
        sealed, way, role = self._look(context, writes=False)
        if way is not None and (role is None or role.verifier != sealed.verifier):
            return Outcome(False, "The former verifier is not in force")
        login = login_of(login_route(self.target))
        _, present = without(password_file(context.runbook), login)
        same = [line for _, line in present] == [line for _, line in sealed.lines]
        return Outcome(same, ".pgpass has its former lines" if same else ".pgpass has not got its former lines")

    def undo(self, values: Mapping[str, str]) -> Action | None:
        """Return the action that restores the verifier which this action replaced."""
        return (
            UndoPasswordReset(self.target, Path(values["credential_backup"]))
            if values.get("credential_backup")
            else None
        )


def session_facts(draft: PlanDraft, role: Role) -> None:
    """Who is connected with the password that is about to change."""
    count = len(role.sessions)
    if not count:
        return
    draft.fact("sessions", f"{count} of {role.name} are open; they go on, and new ones need the new password")
    for session in role.sessions[:SHOWN]:
        draft.fact("session", safe_text(str(session)))
    if count > SHOWN:
        draft.fact("session", f"and {count - SHOWN} more")


def say_sessions(context: Context, role: Role) -> None:
    """The same to the operator, when it happens."""
    context.console.say(f"Sessions of {role.name} that are open and go on: {len(role.sessions)}")
    for session in role.sessions[:SHOWN]:
        context.console.say(f"  {safe_text(str(session))}")
    if len(role.sessions) > SHOWN:
        context.console.say(f"  and {len(role.sessions) - SHOWN} more")
