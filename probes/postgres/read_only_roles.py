"""Roles that are made read only in one database for a while, with what was set before kept in the server itself.

`default_transaction_read_only` of the role in the database is the strongest of all stored defaults, binds new sessions
of this role alone (members do not inherit it), and is no part of a dump of the database. The setting of before stands
beside it under the name `midwatch.read_only_before`. Both change in one transaction, so that a crash leaves all or
nothing, and whoever finds the mark can restore exactly what was there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from probes.postgres.connect import Route
from probes.postgres.role import identifier, literal, run_quietly

_SETTING = "default_transaction_read_only"
_MARK = "midwatch.read_only_before"
_UNSET = "unset"
_ROLES = """
SELECT json_build_object('recovery', pg_is_in_recovery(), 'roles', (
    SELECT coalesce(json_agg(json_build_object('role', r.rolname, 'database', d.datname, 'super', r.rolsuper,
        'config', coalesce(to_json(s.setconfig), '[]'), 'sessions', (
            SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid AND a.datid = d.oid))
        ORDER BY r.rolname, d.datname), '[]')
    FROM pg_roles r CROSS JOIN pg_database d
    LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = d.oid
    WHERE (r.rolname = ANY ({names}) AND d.datname = {database})
        OR EXISTS (SELECT FROM unnest(s.setconfig) entry WHERE entry LIKE {mark})))
"""
_TRUE = ("on", "true", "yes", "1", "t", "y")


@dataclass(frozen=True, slots=True)
class RoleInDatabase:
    """What is set for a role in one database."""

    role: str
    database: str
    is_superuser: bool
    sessions: int
    """Open now in this database."""
    setting: str | None
    """Of `default_transaction_read_only`; None when it is not set for this role here."""
    before: str | None
    """While a freeze holds it: what was set before, `unset` for nothing; else None."""

    @property
    def is_read_only(self) -> bool:
        """Whether new sessions of it begin read only."""
        return self.setting is not None and self.setting.lower() in _TRUE

    @property
    def is_held(self) -> bool:
        """Whether a freeze has changed it."""
        return self.before is not None


@dataclass(frozen=True, slots=True)
class RolesOfServer:
    """The roles that were asked for and those that a freeze holds."""

    is_standby: bool
    roles: tuple[RoleInDatabase, ...]


def read_roles(route: Route, names: Sequence[str], database: str) -> RolesOfServer:
    """These roles in this database, and every role of the server that a freeze holds in any. Raises `MidwatchError`."""
    array = f"ARRAY[{','.join(map(literal, names))}]::text[]"
    mark = literal(f"{_MARK}=%")
    answer: dict[str, Any] = json.loads(
        run_quietly(route, _ROLES.format(names=array, database=literal(database), mark=mark))
    )
    return RolesOfServer(answer["recovery"], tuple(_role(one) for one in answer["roles"]))


def make_read_only(route: Route, role: RoleInDatabase) -> None:
    """Let new sessions of the role begin read only, and keep what was set before. Raises `MidwatchError`."""
    where = _where(role)
    before = role.before or (role.setting if role.setting is not None else _UNSET)
    _together(route, f"{where} SET {_SETTING} = 'on'", f"{where} SET {_MARK} = {literal(before)}")


def restore_setting(route: Route, role: RoleInDatabase) -> None:
    """Set what was set before; a setting that somebody changed meanwhile stays as it is now. Raises `MidwatchError`."""
    where, back = _where(role), list[str]()
    if role.setting == "on" and role.before == _UNSET:
        back = [f"{where} RESET {_SETTING}"]
    elif role.setting == "on" and role.before is not None:
        back = [f"{where} SET {_SETTING} = {literal(role.before)}"]
    _together(route, *back, f"{where} RESET {_MARK}")


def _where(role: RoleInDatabase) -> str:
    return f"ALTER ROLE {identifier(role.role)} IN DATABASE {identifier(role.database)}"


def _together(route: Route, *statements: str) -> None:
    run_quietly(route, "BEGIN", *statements, "COMMIT")


def _role(data: dict[str, Any]) -> RoleInDatabase:
    settings = dict(entry.partition("=")[::2] for entry in data["config"])
    return RoleInDatabase(
        data["role"], data["database"], data["super"], data["sessions"], settings.get(_SETTING), settings.get(_MARK)
    )
