"""A restore on real servers: beside the database in use, checked, and nothing left of one that failed."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from actions.emergency_backup import EmergencyBackup
from actions.restore import Restore
from actions.restoring.restore_database import made_at
from midwatch.api.action import Context
from midwatch.api.plan import Verb
from midwatch.runbook.targets import Target
from midwatch.system.errors import MidwatchError
from probes.backup.manifest import Manifest
from probes.backup.proof_log import read_proofs
from tests.support.actions import run_action
from tests.support.emergency_backups import WEIRD, databases, save, saved
from tests.support.listening_server import Listening
from tests.support.superuser import superuser

pytestmark = pytest.mark.postgres
ODD = 'odd " role, TO x;'
QUOTED = '"odd "" role, TO x;"'
SCRIPT = f"""
CREATE ROLE {QUOTED} NOLOGIN;
CREATE ROLE fresh_reader LOGIN PASSWORD 'a password that must not travel' CONNECTION LIMIT 3;
GRANT {QUOTED} TO fresh_reader;
ALTER ROLE fresh_reader SET search_path = "One, two", public;
ALTER ROLE fresh_reader SET application_name = 'it''s';
CREATE TABLE held (n int);
INSERT INTO held SELECT generate_series(1, 100);
ALTER TABLE held OWNER TO {QUOTED};
CREATE TABLE seen (n int);
GRANT SELECT ON seen TO fresh_reader;
CREATE ROLE fresh_keeper;
SELECT lo_create(4711);
ALTER LARGE OBJECT 4711 OWNER TO fresh_keeper;
"""
ROLES = [
    f"{verb} {role}" for verb in ("DROP OWNED BY", "DROP ROLE") for role in ("fresh_reader", "fresh_keeper", QUOTED)
]


@pytest.fixture(autouse=True)
def _none_left(arp: Target) -> Iterator[None]:
    yield
    with superuser(arp) as admin:
        for name in databases(arp):
            if made_at(name) is not None:
                admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def peopled(fresh: Target) -> Iterator[Target]:
    """A database whose objects belong to roles of its own."""
    with superuser(fresh, fresh.database) as connection:
        connection.execute(SCRIPT.encode())
    yield fresh
    with superuser(fresh, fresh.database) as connection:
        for statement in ROLES:
            with contextlib.suppress(psycopg.errors.UndefinedObject):
                connection.execute(statement.encode())


def without_roles(target: Target) -> None:
    """The same server after a disaster: neither the database's objects nor the roles are there."""
    with superuser(target, target.database) as connection:
        connection.execute("DROP TABLE held, seen")
        for statement in ROLES:
            connection.execute(statement.encode())


def test_into_a_new_database_with_the_rights_and_settings_of_the_old(arp: Target, context: Context) -> None:
    saved(arp, context)
    with superuser(arp) as admin:
        admin.execute(f"ALTER DATABASE {arp.database} SET work_mem = '5MB'".encode())
        admin.execute(f"ALTER DATABASE {arp.database} SET search_path = public, archive".encode())
        admin.execute(f"REVOKE CONNECT ON DATABASE {arp.database} FROM PUBLIC".encode())
        admin.execute(f"GRANT CONNECT ON DATABASE {arp.database} TO {arp.user} WITH GRANT OPTION".encode())
    action = Restore(arp)
    before = context.clock.now()
    assert not action.verify(context, before).ok
    outcome = run_action(action, context)
    name = outcome.values["database"]
    assert "as in the dump's snapshot" in outcome.summary
    assert name.startswith(f"{arp.database}_restored_")
    query = """
        SELECT pg_get_userbyid(datdba), encoding, datcollate, array(SELECT unnest(datacl)::text ORDER BY 1),
            (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid AND setrole = 0)
        FROM pg_database d WHERE datname = %s
    """
    with superuser(arp) as admin:
        old, new = (admin.execute(query, [one]).fetchone() for one in (arp.database, name))
    assert old == new
    verified = action.verify(context, before)
    assert (verified.ok, verified.values) == (True, {"database": name})
    proof = read_proofs(context.runbook).proofs[-1]
    assert (proof.is_restore, proof.seconds > 0, f"restored into {name}" in proof.compared) == (True, True, True)
    with superuser(arp) as admin:
        admin.execute(f'COMMENT ON DATABASE "{name}" IS NULL'.encode())
    assert "half restored" in action.verify(context, before).summary
    with superuser(arp) as admin:
        admin.execute(f"ALTER DATABASE {arp.database} RESET ALL".encode())
        admin.execute(f"GRANT CONNECT ON DATABASE {arp.database} TO PUBLIC".encode())


def test_weird_content_comes_back_row_by_row(fresh: Target, context: Context) -> None:
    with superuser(fresh, fresh.database) as connection:
        connection.execute(WEIRD.encode())
    saved(fresh, context)
    assert run_action(Restore(fresh), context).ok


def test_missing_roles_are_named_before_anything_is_made(peopled: Target, context: Context) -> None:
    path = saved(peopled, context)
    assert Restore(peopled, path).plan(context).refusal == ""
    without_roles(peopled)
    before = databases(peopled)
    plan = Restore(peopled, path).plan(context)
    assert ODD in plan.refusal
    assert "fresh_reader" in plan.refusal
    assert "fresh_keeper" in plan.refusal, "the owner of a large object"
    assert databases(peopled) == before


def test_missing_roles_are_made_as_the_globals_tell(peopled: Target, context: Context) -> None:
    path = saved(peopled, context, roles=True)
    without_roles(peopled)
    action = Restore(peopled, path, create_roles=True)
    made = [effect.object for effect in action.plan(context).effects if effect.verb is Verb.CREATE]
    assert made[1:] == ["role fresh_keeper", "role fresh_reader", f"role {ODD}"]
    name = run_action(action, context).values["database"]
    with superuser(peopled, name) as connection:
        owner = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'held'"
        assert connection.execute(owner).fetchone() == (ODD,)
        role = "SELECT rolcanlogin, rolconnlimit, rolpassword FROM pg_authid WHERE rolname = 'fresh_reader'"
        assert connection.execute(role).fetchone() == (True, 3, None)
        settings = "SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'fresh_reader'::regrole"
        assert connection.execute(settings).fetchone() == (['search_path="One, two", public', "application_name=it's"],)
        member = (
            "SELECT pg_has_role('fresh_reader', %s, 'member'), has_table_privilege('fresh_reader', 'seen', 'SELECT')"
        )
        assert connection.execute(member, [ODD]).fetchone() == (True, True)
        connection.execute("DROP TABLE held, seen")
        connection.execute("SELECT lo_unlink(4711)")


class Interrupted(Listening):
    """A person who presses Ctrl-C, or a supervisor that says TERM, once bytes flow."""

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        raise KeyboardInterrupt


def test_interrupted_restore_leaves_no_database(arp: Target, context: Context) -> None:
    saved(arp, context)
    before = databases(arp)
    with pytest.raises(KeyboardInterrupt):
        run_action(Restore(arp), replace(context, console=Interrupted()))
    assert databases(arp) == before


def test_bytes_of_sql_ascii_are_saved_as_they_are_and_flagged_before_utf8(fresh: Target, context: Context) -> None:
    def again(encoding: str) -> None:
        with superuser(fresh) as admin:
            admin.execute("DROP DATABASE fresh WITH (FORCE)")
            given = f"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
            admin.execute(f"CREATE DATABASE fresh {given}".encode())

    again("SQL_ASCII")
    with superuser(fresh, fresh.database) as connection:
        connection.execute(
            "CREATE TABLE names AS SELECT convert_from('caf'::bytea || '\\xe9'::bytea, 'SQL_ASCII') AS n"
        )
    backup = EmergencyBackup(fresh, digests=True)
    path = Path(backup.apply(context, backup.plan(context)).values["path"])
    assert "encoding" not in dict(Restore(fresh, path).plan(context).facts)
    outcome = run_action(Restore(fresh, path), context)
    assert "so is the content of each" in outcome.summary
    with superuser(fresh) as admin:
        admin.execute(f"DROP DATABASE {outcome.values['database']}".encode())
    again("UTF8")
    plan = Restore(fresh, path).plan(context)
    assert "lets bytes that are no UTF8 in" in dict(plan.facts)["encoding"]
    began = context.clock.now()
    outcome = Restore(fresh, path).apply(context, plan)
    assert not outcome.ok
    assert "invalid byte sequence" in outcome.summary
    assert not Restore(fresh, path).verify(context, began).ok


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def other_content(data: bytes) -> bytes:
    plain = bytearray(gzip.decompress(data))
    at = plain.rindex(b"\n\\.\n") if b"\n\\.\n" in plain else len(plain) - 200
    plain[at - 1] ^= 1
    return gzip.compress(bytes(plain), 1)


@pytest.mark.parametrize(
    "damage", [cut, other_content, lambda data: data[:-8]], ids=["cut", "another file", "last 8 bytes"]
)
def test_damaged_backup_leaves_no_database(arp: Target, context: Context, damage) -> None:  # type: ignore[no-untyped-def]
    path = saved(arp, context)
    path.write_bytes(damage(path.read_bytes()))
    before = databases(arp)
    with pytest.raises(MidwatchError):
        run_action(Restore(arp, path), context)
    assert databases(arp) == before


def test_rows_that_differ_from_the_snapshot_are_named_and_the_mark_is_withheld(arp: Target, context: Context) -> None:
    path = saved(arp, context)
    manifest = Manifest.read(path)
    assert manifest is not None
    replace(manifest, rows=dict(manifest.rows) | {"public.payments": 1}).write(path)
    before = context.clock.now()
    outcome = run_action(Restore(arp), context)
    assert not outcome.ok
    assert "public.payments has" in outcome.summary
    assert not Restore(arp).verify(context, before).ok


def test_archive_that_is_too_new_is_refused(arp: Target, context: Context) -> None:
    path = saved(arp, context)
    plain = bytearray(gzip.decompress(path.read_bytes()))
    assert plain[:5] == b"PGDMP"
    plain[6] += 5  # the minor version of the archive's format
    path.write_bytes(gzip.compress(bytes(plain)))
    assert "newer than this pg_restore can read" in Restore(arp, path).plan(context).refusal


def test_server_without_room_is_refused(arp: Target, context: Context) -> None:
    path = saved(arp, context)
    manifest = Manifest.read(path)
    assert manifest is not None
    replace(manifest, unpacked=10**18).write(path)
    assert "Make room first" in Restore(arp).plan(context).refusal


def test_unvalidated_or_absent_backup_is_not_chosen(arp: Target, context: Context) -> None:
    assert "no validated backup" in Restore(arp).plan(context).refusal
    save(arp, context)
    assert "no validated backup" in Restore(arp).plan(context).refusal
    assert "is not there" in Restore(arp, Path("/nowhere/x.gz")).plan(context).refusal
