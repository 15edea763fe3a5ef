"""Recovering ARP's password on a real server: what is proved, what is kept, and where nothing may be found."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from actions.checks.password import CheckPassword
from actions.checks.services import CheckServices
from actions.credentials.credential_backup import read_credential_backup
from actions.credentials.pgpass import Login, passwords
from actions.reset_password import ResetPassword
from drill.production import Production
from midwatch.api.action import Context
from midwatch.api.plan import Verb
from midwatch.api.probe import Level
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Refused
from probes.databases import DatabasesProbe
from probes.postgres.connect import connect
from probes.postgres.role import QUIET, identifier, literal, run_quietly
from probes.postgres.routes import login_route, superuser_route
from tests.support.listening_server import Listening, arp

pytestmark = pytest.mark.postgres


def server_log(production: Production) -> str:
    found = [path for path in production.folder.rglob("*-server.log") if path.name.startswith("arp")]
    assert found
    return found[0].read_text(errors="replace")


def recover(context: Context) -> dict[str, str]:
    action = ResetPassword(arp(context))
    plan = action.plan(context)
    assert plan.refusal == ""
    outcome = action.apply(context, plan)
    assert outcome.ok
    return dict(outcome.values)


def test_lost_password_is_replaced_and_proved(lost: Context, console: Listening, production: Production) -> None:
    assert not CheckPassword(arp(lost)).evaluate(lost).ok
    others = [line for line in lost.location("pgpass").read_text().splitlines() if "arp_app" not in line]
    values = recover(lost)
    new = console.secrets["new password of ARP"]
    route = login_route(arp(lost))
    with connect(route, password=new) as connection:
        assert connection.pgconn.used_password
    assert CheckPassword(arp(lost)).evaluate(lost).ok
    text = lost.location("pgpass").read_text().splitlines()
    assert [line for line in text if "arp_app" not in line] == others
    assert stat.S_IMODE(lost.location("pgpass").stat().st_mode) == 0o600
    sealed = Path(values["credential_backup"])
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    assert (read_credential_backup(sealed).verifier or "").startswith("SCRAM-SHA-256$")


def test_new_password_is_nowhere_else(lost: Context, console: Listening, production: Production) -> None:
    recover(lost)
    new = console.secrets["new password of ARP"]
    assert new not in server_log(production)
    assert "SCRAM-SHA-256$" not in server_log(production)
    assert new not in " ".join(console.said)
    assert new not in lost.location("audit").read_text()
    assert "password.recovered user=arp_app target=arp-db-prod method=reset" in lost.location("audit").read_text()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert new.encode() not in process.read_bytes()
        except OSError:
            continue


def test_password_that_still_works_is_kept(lost: Context, console: Listening, tmp_path: Path) -> None:
    recover(lost)
    working = console.secrets["new password of ARP"]
    kept = tmp_path / "arp-password"
    kept.write_text(working + "\n")
    lost.location("pgpass").unlink()
    target = replace(arp(lost), password_file=str(kept))
    action = ResetPassword(target)
    plan = action.plan(lost)
    assert not [effect for effect in plan.effects if effect.object.startswith("password of")]
    outcome = action.apply(lost, plan)
    assert outcome.values["method"] == "found"
    route = login_route(target)
    assert list(passwords(lost.location("pgpass"), Login(route.host, route.port, route.database, route.user))) == [
        working
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("NOLOGIN", "may not log in"),
        ("VALID UNTIL '2020-01-01'", "expired"),
        ("CONNECTION LIMIT 0", "CONNECTION LIMIT"),
    ],
)
def test_refusal_that_a_new_password_cannot_mend_is_told_apart(lost: Context, change: str, reason: str) -> None:
    way = superuser_route(lost.runbook, arp(lost))
    before = run_quietly(way, "SELECT rolpassword FROM pg_authid WHERE rolname = 'arp_app'")
    run_quietly(way, f"ALTER ROLE arp_app {change}")
    action = ResetPassword(arp(lost))
    plan = action.plan(lost)
    assert reason in plan.refusal
    with pytest.raises(Refused, match=reason):
        action.apply(lost, plan)
    assert run_quietly(way, "SELECT rolpassword FROM pg_authid WHERE rolname = 'arp_app'") == before


def test_md5_verifier_under_scram_is_recovered(lost: Context) -> None:
    way = superuser_route(lost.runbook, arp(lost))
    with connect(way) as connection:
        connection.execute(QUIET)
        hashed = connection.pgconn.encrypt_password(b"old-one", b"arp_app", b"md5").decode()
    run_quietly(way, f"ALTER ROLE arp_app PASSWORD {literal(hashed)}")
    plan = ResetPassword(arp(lost)).plan(lost)
    assert "md5 hash, which a server that asks for SCRAM refuses" in dict(plan.facts)["reason"]
    recover(lost)
    assert CheckPassword(arp(lost)).evaluate(lost).ok


@pytest.mark.parametrize("place", ["pgpass", "credential_backups"])
def test_reset_that_cannot_store_the_password_changes_nothing(lost: Context, tmp_path: Path, place: str) -> None:
    way = superuser_route(lost.runbook, arp(lost))
    before = run_quietly(way, "SELECT rolpassword FROM pg_authid WHERE rolname = 'arp_app'")
    (tmp_path / "a file").touch()
    broken = replace(lost.runbook, locations={**lost.runbook.locations, place: str(tmp_path / "a file" / "below")})
    context = replace(lost, runbook=broken)
    action = ResetPassword(arp(context))
    with pytest.raises(Exception, match="a file"):
        action.apply(context, action.plan(context))
    assert run_quietly(way, "SELECT rolpassword FROM pg_authid WHERE rolname = 'arp_app'") == before


def test_role_with_a_strange_name_gets_a_new_password(lost: Context) -> None:
    name = 'arp "app"; \' DROP\\ ROLE\u00e9'
    way = superuser_route(lost.runbook, arp(lost))
    run_quietly(way, f"DROP ROLE IF EXISTS {identifier(name)}")
    run_quietly(way, f"CREATE ROLE {identifier(name)} LOGIN PASSWORD 'lost'")
    target = replace(arp(lost), user=name)
    action = ResetPassword(target)
    assert action.apply(lost, action.plan(lost)).ok
    assert CheckPassword(target).evaluate(lost).ok
    run_quietly(way, f"DROP ROLE {identifier(name)}")


def test_reset_without_superuser_access_never_edits_the_server(lost: Context) -> None:
    target = replace(arp(lost), socket="", superuser="nobody_at_all")
    plan = ResetPassword(target).plan(lost)
    assert "no way into ARP as a superuser" in plan.refusal
    assert not any(effect.verb is Verb.REMOVE for effect in plan.effects)


def test_panel_and_check_say_what_is_refused(lost: Context) -> None:
    reading = DatabasesProbe().read(lost.runbook, SystemClock())
    rows = {row.label: row for row in reading.rows}
    assert rows["ARP"].level is Level.CRITICAL
    assert rows["ARP"].text.startswith("refused")
    assert rows["OTC"].level is Level.OK
    outcome = CheckServices().evaluate(lost)
    assert not outcome.ok
    assert outcome.summary.startswith("ARP refuses arp_app: ")
    recover(lost)
    assert CheckServices().evaluate(lost).ok


def test_server_that_is_down_is_unknown_not_refused(lost: Context) -> None:
    target = replace(arp(lost), port=1)
    runbook = replace(lost.runbook, targets={"arp-db-prod": target})
    (row,) = DatabasesProbe().read(runbook, SystemClock()).rows
    assert row.level is Level.UNKNOWN
    assert "cannot be reached" in row.text


def test_psql_connects_with_what_was_recovered(lost: Context) -> None:
    recover(lost)
    route = login_route(arp(lost))
    environment = os.environ | {"PGPASSFILE": str(lost.location("pgpass"))}
    info = (
        f"host={route.host} port={route.port} dbname={route.database} user={route.user} "
        f"passfile={environment['PGPASSFILE']}"
    )
    with psycopg.connect(info) as connection:
        assert connection.pgconn.used_password
