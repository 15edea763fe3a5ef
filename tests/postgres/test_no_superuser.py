"""A managed server, where nobody is let in as a superuser; and passwords that a dump would hold in clear."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from actions.checks.backup import CheckBackup
from actions.emergency_backup import EmergencyBackup
from actions.nightly_backup import NightlyBackup
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import Refused
from probes.backup.backup_catalog import backups_of
from tests.support.actions import run_action
from tests.support.logins import PASSWORD, MakeContext, said
from tests.support.postgres import Server, server, short_folder

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def managed() -> Iterator[Server]:
    """A server whose superuser is let in from nowhere that a runbook names."""
    with short_folder() as folder, server(folder / "m") as made:
        made.sql(f"CREATE ROLE arp_app LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE arp OWNER arp_app")
        made.sql(
            "CREATE TABLE ours AS SELECT generate_series(1, 30) AS id",
            "ALTER TABLE ours OWNER TO arp_app",
            'CREATE TABLE "Closed one" (id serial)',
            "CREATE TABLE shared (id int GENERATED ALWAYS AS IDENTITY, n serial)",
            "INSERT INTO shared DEFAULT VALUES",
            "GRANT SELECT ON shared TO arp_app",
            "CREATE TABLE filtered AS SELECT generate_series(1, 8) AS id",
            "ALTER TABLE filtered ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY few ON filtered USING (id <= 3)",
            "GRANT SELECT ON filtered TO arp_app",
            "SELECT lo_from_bytea(0, 'a')",
            database="arp",
        )
        rules = "local all all scram-sha-256\nhost all postgres all reject\nhost all all all scram-sha-256\n"
        (made.data / "pg_hba.conf").write_text(rules)
        made.sql("SELECT pg_reload_conf()")
        yield made


@pytest.fixture
def arp(managed: Server) -> Target:
    return managed.target(database="arp", user="arp_app", superuser="")


@pytest.fixture
def context(make_context: MakeContext, arp: Target) -> Context:
    return make_context({arp.name: arp})


def test_backup_without_a_superuser_holds_what_the_role_may_read_and_says_what_is_missing(
    context: Context, arp: Target
) -> None:
    action = EmergencyBackup(arp, validate=True)
    plan = action.plan(context)
    assert plan.refusal == ""
    facts = dict(plan.facts)
    assert facts["no superuser"].startswith("There is no way into ARP as a superuser: ")
    assert facts["route"].startswith("arp_app by TCP")
    hidden = "the rows of public.filtered that row security hides, 1 large object"
    values = [f"the value of public.{name}" for name in ('"Closed one_id_seq"', "shared_id_seq", "shared_n_seq")]
    lacks = f'public."Closed one", {", ".join(values)}, {hidden}'
    (limited,) = [effect for effect in plan.effects if effect.object == "what arp_app may read of ARP"]
    assert limited.note == f"left out: {lacks}"
    outcome = action.apply(context, plan)
    assert "taken by arp_app WITHOUT " in outcome.summary
    (backup,) = backups_of(context.runbook, arp)
    assert backup.manifest is not None
    assert (backup.manifest.depth, backup.manifest.rows) == (
        4,
        {"public.ours": 30, "public.shared": 1, "public.filtered": 3},
    )
    assert ", ".join(backup.manifest.left_out) == lacks
    assert '; WITHOUT public."Closed one", ' in CheckBackup(arp).evaluate(context).summary
    with gzip.open(outcome.values["path"]) as packed:
        archive = packed.read()
    argv = [context.location("pg_bin") / "pg_restore", "-f", "-"]
    script = subprocess.run(argv, input=archive, check=True, capture_output=True).stdout.decode()
    assert "CREATE TABLE public.ours" in script
    assert '"Closed one"' not in script
    assert "CREATE SEQUENCE public.shared_n_seq" in script


def test_backup_that_would_hold_less_than_was_confirmed_is_refused(
    primary: Server, one: Target, context: Context, make_context: MakeContext
) -> None:
    context = make_context({"one": one})
    plan = EmergencyBackup(one).plan(context)
    limited = replace(one, socket="", superuser="nobody")
    with pytest.raises(Refused, match="what arp_app may read is not what was confirmed"):
        EmergencyBackup(limited).apply(context, plan)
    assert not (context.location("emergency")).exists() or not list(context.location("emergency").iterdir())


def test_passwords_in_clear_are_warned_of_unless_the_dump_is_encrypted(
    primary: Server, one: Target, make_context: MakeContext
) -> None:
    primary.sql(
        "CREATE FOREIGN DATA WRAPPER other",
        "CREATE SERVER far FOREIGN DATA WRAPPER other OPTIONS (host 'far.example')",
        "GRANT USAGE ON FOREIGN SERVER far TO arp_app",
        "CREATE USER MAPPING FOR arp_app SERVER far OPTIONS (user 'x', password 'swordfish-1')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=far.example password=swordfish-2' PUBLICATION p WITH (connect = false)",
        "CREATE SUBSCRIPTION u CONNECTION 'postgresql://far.example/arp?user=x&sslpassword=swordfish-3' PUBLICATION p"
        " WITH (connect = false)",
        database=one.database,
    )
    context = make_context({"one": one})
    try:
        facts = dict(EmergencyBackup(one).plan(context).facts)
        assert facts["warning"] == (
            "the dump holds passwords in clear, of the user mapping of arp_app for the server far, the subscription s,"
            " the subscription u: encrypt it, with encrypt_to"
        )
        key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
        assert "warning" not in dict(EmergencyBackup(one, encrypt_to=(key,)).plan(context).facts)
        run_action(NightlyBackup(), context)
        warned = "[WARN] one: the dump holds passwords in clear, of the user mapping of arp_app for the server far"
        assert warned in said(context)
        assert "swordfish" not in said(context)
    finally:
        for name in ("s", "u"):
            drop = (f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)", f"DROP SUBSCRIPTION {name}")
            primary.sql(*drop, database=one.database)
