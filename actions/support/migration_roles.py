"""The roles that migrations log in as, as the site names them: read only while deployments are frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from midwatch.api.action import Console
from midwatch.api.plan import PlanDraft, Verb
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.errors import MidwatchError, in_words
from midwatch.system.sanitize import safe_text
from midwatch.system.units import counted, first_few
from probes.postgres.connect import Route
from probes.postgres.read_only_roles import RoleInDatabase, make_read_only, read_roles, restore_setting
from probes.postgres.routes import superuser_route

_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class TargetRoles:
    """The migration roles of one target, as its server has them now."""

    target: Target
    route: Route | None = None
    wanted: tuple[RoleInDatabase, ...] = ()
    """Those that a freeze may make read only."""
    held: tuple[RoleInDatabase, ...] = ()
    """Those that a freeze has made read only, wherever on the server."""
    left_alone: tuple[str, ...] = ()
    """Named roles that are never frozen, each with the reason."""
    problem: str = ""
    """Why nothing is known of them; empty when it is."""

    @property
    def loose(self) -> tuple[RoleInDatabase, ...]:
        """Those that no freeze holds yet."""
        return tuple(role for role in self.wanted if not (role.is_held and role.is_read_only))

    def plan_on(self, draft: PlanDraft) -> None:
        """Add what a freeze changes."""
        for role in self.loose:
            before = role.setting or "not set"
            note = f"new sessions are read only; default_transaction_read_only was {before}"
            draft.add(Verb.CHANGE, self.named(role), note=note, identity=self._identity(role, "on"), kind="role")
        for role in self.loose:
            if role.sessions:
                words = f"{counted(role.sessions, 'session')} of {safe_text(role.role)} began before and may write on"
                draft.fact("not held", f"{self.target.label}: {words}")
        for why in (*self.left_alone, *([self.problem] if self.problem else [])):
            draft.fact("not held", f"{self.target.label}: {why}")

    def plan_off(self, draft: PlanDraft) -> None:
        """Add what the end of a freeze changes back."""
        for role in self.held:
            back = "not set" if role.before == "unset" else role.before
            note = f"default_transaction_read_only as before: {back}"
            if role.setting != "on":
                note = f"somebody has set default_transaction_read_only to {role.setting or 'nothing'}; that stays"
            draft.add(Verb.CHANGE, self.named(role), note=note, identity=self._identity(role, "off"), kind="role")

    def named(self, role: RoleInDatabase) -> str:
        """The role in words."""
        return safe_text(f"role {role.role} in database {role.database} of {self.target.label}")

    def _identity(self, role: RoleInDatabase, word: str) -> str:
        return f"freeze {word} {self.target.name} {role.database} {role.role}"


def roles_of(runbook: Runbook, also: Sequence[str] = ()) -> list[TargetRoles]:
    """The migration roles of each target that names some, and of those in `also`, which an earlier freeze names."""
    targets = [one for one in runbook.targets.values() if one.migration_roles or one.name in also]
    if not targets:
        return []
    with ThreadPoolExecutor(min(len(targets), _SIDE_BY_SIDE), thread_name_prefix="roles") as pool:
        return list(_each_once(list(pool.map(lambda target: _read(runbook, target), targets))))


def hold(console: Console, found: Sequence[TargetRoles]) -> list[str]:
    """Make the roles read only that are not. What did not succeed, in words."""
    return _each(console, found, lambda one: one.loose, make_read_only, "is read only for new sessions")


def let_go(console: Console, found: Sequence[TargetRoles]) -> list[str]:
    """Restore what was set before. What did not succeed, in words."""
    return _each(console, found, lambda one: one.held, restore_setting, "is as before the freeze")


def _each_once(found: Sequence[TargetRoles]) -> Iterator[TargetRoles]:
    """The same, with a role that is held named once where several targets are databases of one server: with the target
    whose database it is, if there is one."""
    owners: dict[tuple[object, ...], TargetRoles] = {}
    for is_own in (True, False):
        for one in found:
            for role in one.held:
                if (role.database == one.target.database) is is_own:
                    owners.setdefault(_key(one, role), one)
    for one in found:
        yield replace(one, held=tuple(role for role in one.held if owners[_key(one, role)] is one))


def _key(one: TargetRoles, role: RoleInDatabase) -> tuple[object, ...]:
    assert one.route is not None
    return one.route.kind, one.route.host, one.route.port, one.route.container, role.role, role.database


def _each(
    console: Console,
    found: Sequence[TargetRoles],
    chosen: Callable[[TargetRoles], Sequence[RoleInDatabase]],
    change: Callable[[Route, RoleInDatabase], None],
    words: str,
) -> list[str]:
    failed = []
    for one in found:
        for role in chosen(one):
            assert one.route is not None
            try:
                change(one.route, role)
                console.say(f"[FREEZE] The {one.named(role)} {words}")
            except MidwatchError as error:
                failed.append(f"{one.named(role)}: {error.sentence}")
    return failed


def _read(runbook: Runbook, target: Target) -> TargetRoles:
    try:
        route = superuser_route(runbook, target)
        server = read_roles(route, target.migration_roles, target.database)
    except MidwatchError as error:
        return TargetRoles(target, problem=f"its roles cannot be read: {in_words(error)}")
    named = [role for role in server.roles if role.role in target.migration_roles and role.database == target.database]
    applications = {one.user for one in runbook.targets.values()} | {target.superuser, route.user}
    left, wanted = list[str](), list[RoleInDatabase]()
    for role in named:
        if role.role in applications:
            left.append(
                f"{safe_text(role.role)} is a login of the applications or of Midwatch, which no freeze touches"
            )
        elif role.is_superuser:
            left.append(f"{safe_text(role.role)} is a superuser, which no freeze touches")
        else:
            wanted.append(role)
    if missing := [name for name in target.migration_roles if name not in {role.role for role in named}]:
        left.append(f"there is no role {first_few(map(safe_text, missing))}")
    held = tuple(role for role in server.roles if role.is_held)
    problem = "it is a standby, which takes no change" if server.is_standby and (wanted or held) else ""
    return TargetRoles(target, route, tuple(wanted), held, tuple(left), problem)
