"""Servers that take no change: every action that writes to one refuses in its plan, and nothing at all is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actions.credentials.credential_backup import CredentialBackup
from actions.reset_password import ResetPassword
from actions.restore import Restore
from actions.swap_database import SwapDatabase
from actions.undo_password_reset import UndoPasswordReset
from midwatch.api.action import Action, Context
from midwatch.runbook.loader import load
from midwatch.runbook.targets import ExternalCommand, Target
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Failed, Refused
from probes.postgres.conninfo import server_of
from tests.support.listening_server import RUNBOOK, Listening
from tests.support.postgres import Server, server, short_folder, standby

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    with short_folder() as folder, server(folder / "p", wal_level="replica") as made:
        made.sql("CREATE ROLE arp_app LOGIN PASSWORD 'nobody knows this'", "CREATE DATABASE arp OWNER arp_app")
        yield made


@pytest.fixture(scope="module")
def follower(primary: Server) -> Iterator[Server]:
    with standby(primary.sockets.parent / "s", primary) as made:
        yield made


@pytest.fixture
def context(tmp_path: Path) -> Context:
    file = tmp_path / "runbook.yaml"
    file.write_text(RUNBOOK)
    found = load(file)
    mine = {
        name: str(tmp_path / name) for name in ("pgpass", "audit", "credential_backups", "backups", "emergency", "logs")
    }
    return Context(replace(found, locations={**found.locations, **mine}), Listening(), SystemClock(), "ada@test")


def of(server: Server, tmp_path: Path) -> Target:
    """ARP there, with a secret store that keeps what it is given in a file."""
    script = tmp_path / "store.py"
    script.write_text(f"import sys\nopen({str(tmp_path / 'store')!r}, 'w').write(sys.stdin.read())\n")
    (tmp_path / "store").write_text("the former password")
    return server.target(database="arp", user="arp_app", secret_store=ExternalCommand(f"{sys.executable} {script}"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def actions(target: Target, tmp_path: Path) -> list[Action]:
    (tmp_path / "credential_backups").mkdir(mode=0o700, exist_ok=True)
    sealed = CredentialBackup(target.name, target.user, "SCRAM-SHA-256$4096:former", ()).keep(
        tmp_path / "credential_backups"
    )
    return [
        ResetPassword(target),
        UndoPasswordReset(target, sealed),
        Restore(target, tmp_path / "x.gz"),
        SwapDatabase(target),
    ]


def test_standby_refuses_every_writing_action_and_names_its_primary(
    primary: Server, follower: Server, context: Context, tmp_path: Path
) -> None:
    target = of(follower, tmp_path)
    (tmp_path / "x.gz").write_bytes(b"any")
    ready = actions(target, tmp_path)
    before = files(tmp_path)
    for action in ready:
        plan = action.plan(context)
        assert f"is a standby, which takes no change; its primary is 127.0.0.1:{primary.port}" in plan.refusal, (
            action.name
        )
        assert "must-not-be-shown" not in str(plan)
        with pytest.raises(Refused, match="is a standby"):
            action.apply(context, plan)
        assert {path: held for path, held in files(tmp_path).items() if not path.endswith("/lock")} == before, (
            action.name
        )
    assert (tmp_path / "store").read_text() == "the former password"


def test_database_that_is_set_read_only_is_refused_before_the_secret_store_is_written(
    primary: Server, context: Context, tmp_path: Path
) -> None:
    target = of(primary, tmp_path)
    primary.sql("ALTER DATABASE arp SET default_transaction_read_only = on")
    try:
        plan = ResetPassword(target).plan(context)
        assert "default_transaction_read_only is on for postgres in arp (database)" in plan.refusal
        with pytest.raises(Refused):
            ResetPassword(target).apply(context, plan)
    finally:
        primary.sql("ALTER DATABASE arp RESET default_transaction_read_only")
    assert (tmp_path / "store").read_text() == "the former password"
    assert ResetPassword(target).plan(context).refusal == ""


def test_server_that_refuses_the_change_itself_leaves_the_secret_store_as_it_was(
    primary: Server, context: Context, tmp_path: Path
) -> None:
    target = of(primary, tmp_path)
    before = primary.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'arp_app'")
    primary.sql("ALTER ROLE postgres SET lock_timeout = '300ms'")
    with primary.connect() as other:
        other.execute("BEGIN")
        other.execute("LOCK pg_authid IN EXCLUSIVE MODE")
        with pytest.raises(Failed, match="lock timeout"):
            ResetPassword(target).apply(context, ResetPassword(target).plan(context))
        other.execute("ROLLBACK")
    primary.sql("ALTER ROLE postgres RESET lock_timeout")
    assert (tmp_path / "store").read_text() == "the former password"
    assert not list((tmp_path / "credential_backups").glob("*.json"))
    assert not (tmp_path / "pgpass").exists()
    assert primary.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'arp_app'") == before


@pytest.mark.parametrize(
    ("conninfo", "said"),
    [
        ("host=db1 port=5433 user=rep password='x y'", "db1:5433"),
        ("host=db1,db2 port=5433,5434", "db1:5433, db2:5434"),
        ("host=db1,db2", "db1:5432, db2:5432"),
        ("postgresql://rep:secret@db1/postgres", "db1:5432"),
        ("hostaddr=10.0.0.1", "10.0.0.1:5432"),
        ("", ""),
        ("host='never closed", ""),
    ],
)
def test_primary_is_named_without_its_login(conninfo: str, said: str) -> None:
    assert server_of(conninfo) == said
