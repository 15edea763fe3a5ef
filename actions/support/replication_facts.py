"""Plan rows about logical replication for a restore, a swap or a new password, with the SQL to run in order."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.api.plan import PlanDraft
from midwatch.system.sanitize import safe_text
from midwatch.system.units import first_few
from probes.postgres.connect import Route
from probes.postgres.logical_replication import Replication, read_replication, subscriptions_as
from probes.postgres.role import Role, identifier


def replication_facts(draft: PlanDraft, found: Replication, database: str) -> None:
    """Each slot, subscription and publication of a database, one row each."""
    for slot in found.slots:
        draft.fact("slot", f"of {database}: {slot}")
    for one in found.subscriptions:
        draft.fact("subscription", f"of {database}: {one}")
    if found.publications:
        draft.fact("publications", f"of {database}: {first_few(map(safe_text, found.publications), 10)}")


def restored_facts(draft: PlanDraft, publications: Sequence[str], subscriptions: Sequence[str]) -> None:
    """What a backup brings of it; `NAME OWNER` each."""
    if publications:
        draft.fact(
            "publications",
            f"in the backup: {first_few(map(safe_text, publications), 10)}; nobody reads them without a slot",
        )
    for one in subscriptions:
        draft.fact(
            "subscription",
            f"in the backup: {safe_text(one)}; it comes disabled, with the slot of the original: never enable both",
        )


def why_no_swap(found: Replication, database: str) -> str:
    """Why a database with these may not be put aside, and what to run first; empty when it may."""
    reasons = []
    if found.slots:
        drops = " ".join(slot.drop_sql for slot in found.slots)
        reasons.append(
            f"logical slots belong to {database} and would stay with the database that is put aside, where they "
            "keep WAL and"
            f" their readers fail: {', '.join(map(str, found.slots))}. First, on each subscriber: ALTER "
            "SUBSCRIPTION … DISABLE;"
            f" ALTER SUBSCRIPTION … SET (slot_name = NONE); then here: {drops}"
            " After the swap create slot and subscription anew, with a new copy of the data"
        )
    enabled = [one for one in found.subscriptions if one.enabled]
    if enabled:
        names = ", ".join(map(str, enabled))
        disable = " ".join(one.disable_sql for one in enabled)
        again = " ".join(f"{one.enable_sql} {one.refresh_sql}" for one in enabled)
        reasons.append(
            f"subscriptions of {database} are enabled, and would go on writing into the database that is put "
            "aside, while"
            f" those of the restored one are disabled: {names}. First, in {database}: {disable}"
            f" After the swap, in the new {database}: {again} The slot is the same; what arrived between the "
            "backup and now"
            " is not in the restored tables: to copy them again, TRUNCATE them first and leave WITH (…) out"
        )
    return "; ".join(reasons)


def removal_lines(found: Replication, database: str) -> list[str]:
    """The SQL that removes a database that was put aside, with what of replication it has, in order."""
    inside, anywhere = found.removal_sql
    return [
        *([f"\\connect {identifier(database)}", *inside, "\\connect postgres"] if inside else []),
        *anywhere,
        f"DROP DATABASE {identifier(database)};",
    ]


def password_facts(draft: PlanDraft, way: Route, role: Role) -> None:
    """What else logs in as this role: subscriptions and standbys that keep a password of their own."""
    readers = [one for one in role.sessions if one.replication]
    for session in readers:
        draft.fact(
            "replication",
            f"{safe_text(str(session))}; it needs the new password when it connects again: on that server"
            " ALTER SUBSCRIPTION … CONNECTION '…', or primary_conninfo of a standby",
        )
    for one in subscriptions_as(way, role.name):
        change = f"ALTER SUBSCRIPTION {identifier(one.name)} CONNECTION '…';"
        whose = f"{one} of the database {safe_text(one.database)} logs in as {role.name}"
        draft.fact("subscription", f"{whose}: if that is this server, afterwards {change}")


def database_facts(draft: PlanDraft, route: Route, *databases: str) -> list[Replication]:
    """Read and show each of these databases."""
    found = [read_replication(route, database) for database in databases]
    for database, one in zip(databases, found, strict=True):
        replication_facts(draft, one, database)
    return found
