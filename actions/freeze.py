"""The action `freeze`: stops deployments and migrations until the incident is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from actions.support import freeze_file
from actions.support.bound_servers import bind_servers
from actions.support.folder_identity import folder_identity
from actions.support.freeze_file import Freeze
from actions.support.migration_roles import TargetRoles, hold, let_go, roles_of
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.engine.reasons import optional_reason
from midwatch.runbook.model import Risk
from midwatch.system.clock import from_rfc3339
from midwatch.system.errors import BadInput, Failed, OutcomeUnknown, Refused, SourceLocation
from midwatch.system.units import Seconds

ON, OFF = "on", "off"
_MEND = "Let it be reached and take the freeze away again; or midwatch freeze off --force, and off again later"


@dataclass(frozen=True)
class FreezeAction(Action):
    """Writes or removes the freeze file, which CI jobs and migration scripts ask before they start (`freeze-guard.sh`).

    Where a target names migration roles, new sessions of these roles are read only in its database until the freeze is
    taken away, which restores what was set before; the applications' roles are never touched. It stops nothing that is
    already running, and it changes nothing inside a database: an object that forbids DDL would end up in the emergency
    dump. Freezing again keeps who and since, and moves the end. A freeze that somebody else set is taken away only with
    `force`. It ends by itself at `until`, but for the roles: `midwatch freeze off --ended`.
    """

    name: ClassVar[str] = "freeze"
    summary: ClassVar[str] = "Freeze deployments and migrations, or let them go on"
    risk: ClassVar[Risk] = Risk.CHANGE
    outputs: ClassVar[tuple[str, ...] | None] = ("frozen", "until")

    mode: str = param("'on' or 'off' (in quotes in YAML)", default=ON)
    until: str = param("when it ends: a length such as '4 h', or a time such as 2026-11-23T06:00Z", default="4 h")
    reason: str = param("why; the incident when left out", default="")
    force: bool = param(
        "take away a freeze that somebody else set, or although a server with its roles cannot be reached",
        default=False,
    )

    def plan(self, context: Context) -> Plan:
        """Show the present and the new state of the freeze file."""
        draft = self.draft()
        if self.mode not in (ON, OFF):
            raise BadInput(f"The mode is 'on' or 'off', not {self.mode!r}", hint="Write it in quotes in YAML")
        path = context.location("freeze")
        draft.bind("folder of the freeze file", folder_identity(path.parent))
        try:
            current = freeze_file.read(path)
        except OutcomeUnknown as error:
            draft.fact("now", str(error))
            current = None
        now, roles = context.clock.now(), self._roles(context, current)
        bind_servers(draft, context, [one.target for one in roles])
        if current is not None:
            draft.fact("now", str(current) if current.stands(now) else f"a freeze that ended: {current}")
        else:
            draft.fact("now", "not frozen")
        if self.mode == ON:
            verb = Verb.CHANGE if path.exists() else Verb.CREATE
            draft.add(verb, f"freeze file {path}", note=str(self._freeze(context, current, roles)), identity=str(path))
            for one in roles:
                one.plan_on(draft)
            draft.fact(
                "holds", "every CI job and migration that runs automation/freeze-guard.sh first; running ones go on"
            )
            return draft.plan()
        for one in roles:
            one.plan_off(draft)
            if one.problem and not self.force:
                draft.refusal = f"{one.target.label}: {one.problem}; its migration roles may be read only. {_MEND}"
        if path.exists():
            draft.add(Verb.REMOVE, f"freeze file {path}", note="deployments may go on", identity=str(path))
        if current is not None and current.stands(now) and not self._mine(context, current) and not self.force:
            draft.refusal = (
                f"The freeze is that of {current.who} ({current.why}); ask them, or midwatch freeze off --force"
            )
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Write or remove the freeze file."""
        path = context.location("freeze")
        current = self._current(context)
        roles = self._roles(context, current)
        if self.mode == ON:
            freeze = self._freeze(context, current, roles)
            freeze_file.write(path, freeze)  # first: it names the servers on which a later end has to restore roles
            context.console.say(f"[FREEZE] {freeze}")
            values = {"frozen": "yes", "until": freeze.until.strftime("%Y-%m-%dT%H:%M:%SZ")}
            failed = hold(context.console, roles)
            summary = f"Deployments and migrations are {freeze}"
            if loose := failed + _problems(roles):
                summary += f"; NOT held: {'; '.join(loose)}"
            return Outcome(not failed, summary, values)
        if (
            current is not None
            and current.stands(context.clock.now())
            and not self._mine(context, current)
            and not self.force
        ):
            raise Refused(f"The freeze is that of {current.who}", hint="Ask them, or midwatch freeze off --force")
        failed, unknown = let_go(context.console, roles), _problems(roles)
        if (stuck := failed + unknown) and not self.force:
            raise Failed(f"The freeze stays, since roles are still read only: {'; '.join(stuck)}", hint=_MEND)
        freeze_file.remove(path)
        was_frozen = current is not None or any(one.held for one in roles)
        summary = "The freeze is over; deployments may go on" if was_frozen else "There was no freeze; nothing to do"
        if stuck:
            summary += f"; {'' if failed else 'perhaps '}STILL read only: {'; '.join(stuck)}"
        context.console.say(f"[FREEZE] {summary}")
        return Outcome(True, summary, {"frozen": "no"})

    def verify(self, context: Context, since: datetime) -> Outcome:
        """Read the freeze file and compare it with the requested mode."""
        current = freeze_file.read(context.location("freeze"))
        frozen = current is not None and current.stands(context.clock.now())
        words = str(current) if frozen else "not frozen"
        for one in self._roles(context, current):
            off = self.mode == OFF
            if off and one.problem:
                raise OutcomeUnknown(f"{one.target.label}: {one.problem}", hint=_MEND)
            if wrong := one.held if off else one.loose:
                state = "still read only" if off else "not read only"
                return Outcome(False, f"{words}, but {state}: {', '.join(map(one.named, wrong))}")
        return Outcome(frozen == (self.mode == ON), words)

    def undo(self, values: Mapping[str, str]) -> Action | None:
        """Return the action that removes the freeze; None when this action removed one."""
        return FreezeAction(mode=OFF) if self.mode == ON else None

    def _current(self, context: Context) -> Freeze | None:
        try:
            return freeze_file.read(context.location("freeze"))
        except OutcomeUnknown:
            return None  # unreadable: freezing again mends it

    def _roles(self, context: Context, current: Freeze | None) -> list[TargetRoles]:
        return roles_of(context.runbook, current.enforced_on if current is not None else ())

    def _mine(self, context: Context, current: Freeze) -> bool:
        same_incident = context.incident is not None and context.incident.name == current.incident
        return current.who == context.actor or same_incident

    def _freeze(self, context: Context, current: Freeze | None, roles: Sequence[TargetRoles]) -> Freeze:
        now = context.clock.now().replace(microsecond=0)
        incident = context.incident.name if context.incident else ""
        why = optional_reason(self.reason, place=SourceLocation("reason")) or (
            f"incident {incident}" if incident else context.runbook.title
        )
        until = self._until(now)
        names = {one.target.name for one in roles if one.wanted}
        enforced_on = tuple(sorted(names.union(current.enforced_on if current is not None else ())))
        if current is not None and current.stands(now):
            longer = max(until, current.until)  # never shorten what somebody else relies on
            return Freeze(current.who, current.why, current.since, longer, current.incident, enforced_on)
        return Freeze(context.actor, why, now, until, incident, enforced_on)

    def _until(self, now: datetime) -> datetime:
        try:
            return now + timedelta(seconds=float(Seconds.parse(self.until)))
        except ValueError:
            pass
        try:
            moment = from_rfc3339(self.until)
        except ValueError:
            raise BadInput(f"{self.until!r} is neither a length of time nor a time", hint="Write '4 h'") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if moment <= now:
            raise BadInput(f"The freeze would end before it begins: {self.until}", hint="Name a time to come, UTC")
        return moment.astimezone(UTC)


def _problems(roles: Sequence[TargetRoles]) -> list[str]:
    return [f"{one.target.label}: {one.problem}" for one in roles if one.problem]
