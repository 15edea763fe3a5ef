"""The check `schema-visibility` on a real server: what its login may not see, and what changed since a week ago."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from actions.checks.schema_visibility import CheckSchemaVisibility
from midwatch.api.action import Context, Outcome
from midwatch.api.probe import Level
from midwatch.system.errors import OutcomeUnknown
from tests.support.clocks import AheadClock
from tests.support.host_world import Heard, MakeRunbook
from tests.support.postgres import Server

pytestmark = pytest.mark.postgres
CHANGES = (
    "CREATE TABLE added (id int PRIMARY KEY)",
    "ALTER TABLE kept ALTER id TYPE bigint, ADD COLUMN note text",
    "DROP TABLE gone",
    "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 2'",
    "CREATE INDEX ON kept (note)",
)


@pytest.fixture
def context(primary: Server, make_runbook: MakeRunbook, tmp_path: Path) -> Context:
    primary.sql("DROP DATABASE IF EXISTS seen", "CREATE DATABASE seen OWNER app")
    primary.sql(
        "SET ROLE app",
        "CREATE SCHEMA app",
        "SET search_path = app",
        "CREATE TABLE kept (id int)",
        "CREATE TABLE gone (id int)",
        "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        database="seen",
    )
    target = primary.target(user="app", database="seen")
    runbook = make_runbook(targets={target.name: target})
    here = {**runbook.locations, "pgpass": str(tmp_path / "pgpass")}
    return Context(replace(runbook, locations=here), Heard(), AheadClock(), "ada")


def check(context: Context, days: float = 0, **given: bool) -> Outcome:
    assert isinstance(context.clock, AheadClock)
    context.clock.ahead = timedelta(days=days)
    return CheckSchemaVisibility(**given).evaluate(context)  # type: ignore[arg-type]


def test_drift_against_the_last_snapshot_is_listed_until_a_new_one_is_taken(
    primary: Server, context: Context, tmp_path: Path
) -> None:
    first = check(context)
    assert (first.state, first.summary) == (Level.OK, "ARP 2 tables, no drift")
    assert check(context, 7).state is Level.OK
    primary.sql("SET ROLE app", "SET search_path = app", *CHANGES, database="seen")
    for day in (8, 9):  # the snapshot is of the seventh day
        found = check(context, day)
        assert (found.state, found.values["drift"]) == (Level.WARN, "6")
        for sentence in (
            "column app.kept.id changed from integer to bigint",
            "column app.kept.note is new",
            "function app.f(integer) changed",
            "index kept_note_idx of app.kept is new",
            "table app.added is new",
            "table app.gone is gone",
        ):
            assert sentence in found.summary
    assert check(context, 14).state is Level.WARN
    assert check(context, 15).state is Level.OK
    primary.sql("SET ROLE app", "DROP TABLE app.added", database="seen")
    assert check(context, 16, renew=True).values["drift"] == "1"
    assert check(context, 16).state is Level.OK
    (snapshot,) = (tmp_path / "logs" / "checks").iterdir()
    assert snapshot.stat().st_mode & 0o777 == 0o640
    snapshot.write_text('{"taken": "yesterday"}')
    with pytest.raises(OutcomeUnknown, match="the drift of ARP is not known: the snapshot is damaged"):
        check(context, 16)
    assert check(context, 16).state is Level.OK


def test_schema_that_is_hidden_from_its_login_is_told(primary: Server, context: Context) -> None:
    primary.sql("CREATE TABLE app.hidden ()", "REVOKE ALL ON app.gone FROM app", database="seen")
    found = check(context)
    assert (found.state, found.summary.split(";")[0]) == (Level.WARN, "app may not read app.gone, app.hidden of ARP")
    primary.sql("DROP SCHEMA app CASCADE", database="seen")
    assert "ARP shows no table to app" in check(context).summary
    assert check(context).state is Level.CRITICAL
    (target,) = context.runbook.targets.values()
    gone = CheckSchemaVisibility(targets=(replace(target, database="nowhere"),)).evaluate(context)
    assert (gone.state, gone.summary) == (Level.CRITICAL, "ARP answers, and has no database nowhere")
    with pytest.raises(OutcomeUnknown, match="ARP cannot be reached"):
        CheckSchemaVisibility(targets=(replace(target, port=1),)).evaluate(context)
