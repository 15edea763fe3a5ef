"""The logical replication of a database: replication slots, subscriptions and publications."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from midwatch.system.errors import MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.units import size
from probes.postgres.connect import Route
from probes.postgres.conninfo import server_of, user_of
from probes.postgres.role import identifier, literal, run_quietly

_FOUND = """
SELECT json_build_object(
    'slots', (SELECT json_agg(json_build_object('name', slot_name, 'plugin', plugin, 'active', active, 'retained',
            pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                restart_lsn)) ORDER BY slot_name)
        FROM pg_replication_slots WHERE slot_type = 'logical' AND NOT temporary AND database = {name}),
    'subscriptions', (SELECT json_agg(json_build_object('name', subname, 'enabled', subenabled,
            'slot', coalesce(subslotname, ''), 'conninfo', subconninfo, 'publications', subpublications,
            'database', datname) ORDER BY subname)
        FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE {which}))
"""
_PUBLICATIONS = "SELECT json_agg(pubname ORDER BY pubname) FROM pg_publication"


@dataclass(frozen=True, slots=True)
class Slot:
    """A logical slot. It belongs to its database, whatever that is called, and cannot be moved to another."""

    name: str
    plugin: str
    active: bool
    """Whether somebody reads from it now."""
    retained: int | None
    """Bytes of WAL that the server keeps for it; None when it keeps none yet, or the slot is lost."""

    def __str__(self) -> str:
        kept = f"keeps {size(self.retained)} of WAL" if self.retained is not None else "keeps no WAL"
        return f"{safe_text(self.name)} ({safe_text(self.plugin)}, {'active' if self.active else 'not active'}, {kept})"

    @property
    def drop_sql(self) -> str:
        """The SQL command that drops the slot."""
        return f"SELECT pg_drop_replication_slot({literal(self.name).strip()});"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription of one database. Names are foreign text; user and password of its connection stay out of
    `server`."""

    name: str
    enabled: bool
    slot: str
    """On the publisher; empty when it has none."""
    server: str
    """`HOST:PORT` that it reads from; empty when it does not say."""
    user: str
    publications: tuple[str, ...]
    database: str
    """The one that it belongs to."""

    def __str__(self) -> str:
        slot = f"slot {safe_text(self.slot)}" if self.slot else "no slot"
        server = f" of {safe_text(self.server)}" if self.server else ""
        return f"{safe_text(self.name)} ({'enabled' if self.enabled else 'disabled'}, {slot}{server})"

    @property
    def disable_sql(self) -> str:
        """The SQL command that disables the subscription."""
        return f"ALTER SUBSCRIPTION {identifier(self.name)} DISABLE;"

    @property
    def enable_sql(self) -> str:
        """The SQL command that enables the subscription."""
        return f"ALTER SUBSCRIPTION {identifier(self.name)} ENABLE;"

    @property
    def refresh_sql(self) -> str:
        """A restored subscription knows no table until it is told to ask its publisher."""
        return f"ALTER SUBSCRIPTION {identifier(self.name)} REFRESH PUBLICATION WITH (copy_data = false);"

    @property
    def drop_sql(self) -> tuple[str, ...]:
        """What removes it and leaves the publisher alone, in this order: a database with a subscription cannot be
        dropped."""
        name = identifier(self.name)
        return (self.disable_sql, f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE);", f"DROP SUBSCRIPTION {name};")


@dataclass(frozen=True, slots=True)
class Replication:
    """All of it for one database."""

    slots: tuple[Slot, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    publications: tuple[str, ...] = ()

    @property
    def removal_sql(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What has to go before the database can be dropped: to be run in the database, and in any other one."""
        inside = tuple(line for one in self.subscriptions for line in one.drop_sql)
        return inside, tuple(one.drop_sql for one in self.slots)


def read_replication(route: Route, database: str) -> Replication:
    """Ask the server, over a superuser's way to any of its databases. Raises `MidwatchError`."""
    found = _ask(route, literal(database), f"datname = {literal(database)}")
    try:
        text = run_quietly(replace(route, database=database), _PUBLICATIONS)
    except MidwatchError:
        text = ""  # the database takes no connection, or is not there
    return replace(found, publications=tuple(json.loads(text or "null") or ()))


def subscriptions_as(route: Route, user: str) -> tuple[Subscription, ...]:
    """All subscriptions of the server whose connection logs in as this user, somewhere. Raises `MidwatchError`."""
    return tuple(one for one in _ask(route, "''", "true").subscriptions if one.user == user)


def _ask(route: Route, name: str, which: str) -> Replication:
    data: dict[str, Any] = json.loads(run_quietly(route, _FOUND.format(name=name, which=which)))
    slots = tuple(
        Slot(one["name"], one["plugin"] or "", one["active"], None if one["retained"] is None else int(one["retained"]))
        for one in data["slots"] or ()
    )
    subscriptions = tuple(
        Subscription(
            one["name"],
            one["enabled"],
            one["slot"],
            server_of(one["conninfo"]),
            user_of(one["conninfo"]),
            tuple(one["publications"]),
            one["database"],
        )
        for one in data["subscriptions"] or ()
    )
    return Replication(slots, subscriptions)


def drop_subscriptions(route: Route, database: str) -> None:
    """Remove the subscriptions of a database and leave their publishers alone. Raises `MidwatchError`."""
    for one in _ask(route, literal(database), f"datname = {literal(database)}").subscriptions:
        for statement in one.drop_sql:
            run_quietly(replace(route, database=database), statement.removesuffix(";"))
