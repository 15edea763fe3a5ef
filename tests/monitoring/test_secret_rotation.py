"""The check `secret-rotation` on a real server that asks for passwords: age, login, and stores that differ."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from actions.checks.secret_rotation import CheckSecretRotation
from actions.support.audit import record
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.system.errors import OutcomeUnknown
from tests.support.clocks import AheadClock
from tests.support.host_world import Heard, MakeRunbook
from tests.support.postgres import Server
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres
PASSWORD, OTHER = "the-right-password", "quite-another-one"


@pytest.fixture
def asking(primary: Server) -> Iterator[Server]:
    """The shared server, which asks the role `kept` for its password."""
    hba = primary.data / "pg_hba.conf"
    before = hba.read_text()
    primary.sql("DROP ROLE IF EXISTS kept", f"CREATE ROLE kept LOGIN PASSWORD '{PASSWORD}'")
    hba.write_text(f"host all kept all scram-sha-256\n{before}")
    primary.sql("SELECT pg_reload_conf()")
    wait_for(lambda: not lets_in(primary), "the server's new way to ask")
    yield primary
    hba.write_text(before)
    primary.sql("SELECT pg_reload_conf()", "DROP ROLE kept")


def lets_in(server: Server) -> bool:
    """Whether the server takes the role without a password."""
    try:
        psycopg.connect(f"host=127.0.0.1 port={server.port} user=kept dbname=postgres password=wrong").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def context(asking: Server, make_runbook: MakeRunbook, tmp_path: Path) -> Context:
    target = asking.target(user="kept")
    runbook = make_runbook(targets={target.name: target})
    places = {**runbook.locations, "pgpass": str(tmp_path / "pgpass"), "audit": str(tmp_path / "audit.log")}
    keep(tmp_path, PASSWORD)
    return Context(replace(runbook, locations=places), Heard(), AheadClock(), "ada")


def keep(folder: Path, password: str) -> None:
    (folder / "pgpass").write_text(f"*:*:*:kept:{password}\n")
    (folder / "pgpass").chmod(0o600)


def test_password_is_judged_by_the_age_that_the_audit_log_gives(context: Context, tmp_path: Path) -> None:
    with pytest.raises(OutcomeUnknown, match=r"ARP's password is at least .* old; no change is in the audit log"):
        CheckSecretRotation().evaluate(context)
    old = context.clock.now().timestamp() - 100 * 86400
    os.utime(tmp_path / "pgpass", (old, old))  # what it holds is older
    assert CheckSecretRotation().evaluate(context).state is Level.WARN
    record(context, "password.reset", user="kept", target="arp-db-prod", method="socket")
    fresh = CheckSecretRotation().evaluate(context)
    assert (fresh.state, fresh.summary.endswith("old and logs in")) == (Level.OK, True)
    assert isinstance(context.clock, AheadClock)
    context.clock.ahead = timedelta(days=91)
    record(context, "password.recovered", user="kept", target="arp-db-prod", method="found")  # no new one
    record(context, "password.reset", user="kept", target="otc-db-prod", method="socket")
    stale = CheckSecretRotation().evaluate(context)
    assert (stale.state, stale.summary) == (Level.WARN, "ARP password age 91 d, above 90 d")
    assert CheckSecretRotation(critical="60 d").evaluate(context).state is Level.CRITICAL


def test_password_that_does_not_log_in_or_differs_from_its_stores_is_critical_and_never_shown(
    asking: Server, context: Context, tmp_path: Path
) -> None:
    record(context, "password.reset", user="kept", target="arp-db-prod", method="socket")
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n")
    (target,) = context.runbook.targets.values()
    both = CheckSecretRotation(targets=(replace(target, password_file=str(secret)),), read_store=f"cat {secret}")
    assert both.evaluate(context).state is Level.OK
    secret.write_text(OTHER)
    found = both.evaluate(context)
    assert (found.state, found.summary) == (
        Level.CRITICAL,
        "secret has another password of kept than ARP takes; "
        "the secret store has another password of kept than ARP takes",
    )
    keep(tmp_path, OTHER)
    lost = both.evaluate(context)
    assert "ARP does not log kept in by the password in .pgpass" in lost.summary
    assert OTHER not in f"{found.summary}{lost.summary}{context.console}"
    keep(tmp_path, PASSWORD)
    asking.sql("ALTER ROLE kept VALID UNTIL 'tomorrow'")
    assert CheckSecretRotation().evaluate(context).summary.startswith("ARP expires in ")
    asking.sql("ALTER ROLE kept VALID UNTIL 'infinity'")
    with pytest.raises(OutcomeUnknown, match="the secret store does not say ARP's password: exit 7"):
        CheckSecretRotation(read_store="sh -c 'exit 7'").evaluate(context)
    trusting = replace(target, user="app")
    assert CheckSecretRotation(targets=(trusting,)).evaluate(context).state is Level.CRITICAL  # it has no password
