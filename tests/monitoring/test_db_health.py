"""The check `db-health` on a real server: each figure brought to its limits by what does that in production."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from actions.checks.db_health import CheckDbHealth
from midwatch.api.action import Context, Outcome
from midwatch.api.probe import Level
from midwatch.reports.check_report import CheckReport
from midwatch.system.errors import BadInput, OutcomeUnknown
from probes.monitoring.performance_data import read_figures
from tests.support.clocks import AheadClock
from tests.support.host_world import Heard, MakeRunbook
from tests.support.postgres import Server
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres
Evaluate = Callable[..., Outcome]


@pytest.fixture
def evaluate(primary: Server, make_runbook: MakeRunbook, tmp_path: Path) -> Evaluate:
    def run(user: str = "monitor", superuser: str = "nobody", port: int = primary.port, **given: str) -> Outcome:
        target = replace(primary.target(user=user), socket="", superuser=superuser, port=port)
        runbook = make_runbook(targets={target.name: target})
        pgpass = {**runbook.locations, "pgpass": str(tmp_path / "pgpass")}
        context = Context(replace(runbook, locations=pgpass), Heard(), AheadClock(), "ada")
        return CheckDbHealth(**given).evaluate(context)  # type: ignore[arg-type]

    return run


def figures(outcome: Outcome) -> dict[str, float]:
    return {figure.label.removeprefix("ARP "): figure.value for figure in outcome.figures}


def test_healthy_server_is_ok_and_gives_all_its_figures(evaluate: Evaluate) -> None:
    wait_for(lambda: evaluate().summary == "ARP 0 of 10 connections")
    found = evaluate()
    assert found.state is Level.OK, found.summary
    assert figures(found).keys() == {"connections", "idle in transaction", "transaction ids", "WAL files to archive"}
    report = CheckReport("db-health", {}, found.state, found.summary, found.figures, datetime.now(UTC), 0.5)
    samples = [sample for family in read_openmetrics(report.metrics(is_openmetrics=True)) for sample in family.samples]
    shown = {sample.labels["figure"]: sample.value for sample in samples if sample.name == "midwatch_check_figure"}
    assert shown == {figure.label: figure.value for figure in found.figures}
    figures_read, unread = read_figures(report.line().partition(" | ")[2])
    assert ([figure.label for figure in figures_read], unread) == ([figure.label for figure in found.figures], 0)
    assert evaluate(user="app", superuser="postgres").state is Level.OK  # what app may not see, the superuser does


def test_connections_alert_at_three_quarters_and_at_nine_tenths_and_when_none_is_left(
    primary: Server, evaluate: Evaluate
) -> None:
    with contextlib.ExitStack() as sessions:
        for _ in range(8):
            sessions.enter_context(primary.connect())
        wait_for(lambda: figures(evaluate()).get("connections") == 80)  # a session that has ended counts for a moment
        wait_for(lambda: evaluate().summary == "ARP connections 80 %, above 75 %; ARP has 8 of 10 connections")
        wait_for(lambda: evaluate(warning="85").state is Level.OK)
        sessions.enter_context(primary.connect())
        sessions.enter_context(psycopg.connect(f"{primary.conninfo} dbname=postgres"))
        full = evaluate()
        assert full.state is Level.CRITICAL
        assert full.summary.startswith("ARP takes no more connections")
        assert figures(evaluate(superuser="postgres"))["connections"] >= 100  # by the connections reserved for it
    wait_for(lambda: figures(evaluate()).get("connections") == 0)


def test_session_idle_in_its_transaction_alerts_by_its_age_and_is_named(primary: Server, evaluate: Evaluate) -> None:
    with psycopg.connect(f"{primary.conninfo} dbname=postgres application_name=billing") as session:
        session.execute("SELECT 1")
        assert evaluate().state is Level.OK
        found = evaluate(idle_warning="0")
        assert found.state is Level.WARN
        assert f"ARP is kept in its transaction by postgres, billing, pid {session.info.backend_pid}" in found.summary
        assert evaluate(idle_critical="0 s").state is Level.CRITICAL
        with pytest.raises(OutcomeUnknown, match="ARP hides what other sessions do: grant pg_monitor"):
            evaluate(user="app")


@pytest.mark.parametrize(("share", "level"), [(0.49, Level.OK), (0.6, Level.WARN), (0.8, Level.CRITICAL)])
def test_transaction_ids_alert_at_half_and_three_quarters(
    primary: Server, evaluate: Evaluate, share: float, level: Level
) -> None:
    ((name, before),) = primary.sql("SELECT datname, datfrozenxid::text FROM pg_database WHERE datname = 'template0'")
    ((now,),) = primary.sql("SELECT (txid_current() & 4294967295)::bigint")
    assert isinstance(now, int)
    change = "UPDATE pg_database SET datfrozenxid = '{}' WHERE datname = '{}'"
    primary.sql(change.format((now - int(share * 2**31)) % 2**32, name))
    try:
        found = evaluate()
    finally:
        primary.sql(change.format(before, name))
    assert (found.state, round(figures(found)["transaction ids"])) == (level, round(share * 100))
    assert ("the oldest database of ARP is template0" in found.summary) is (level is not Level.OK)


def test_inactive_slot_alerts_with_the_wal_that_it_keeps(primary: Server, evaluate: Evaluate) -> None:
    primary.sql("SELECT pg_create_physical_replication_slot('lost_replica', true)", "SELECT pg_switch_wal()")
    try:
        found = evaluate()
        assert found.state is Level.WARN
        assert "ARP inactive slot lost_replica keeps" in found.summary
        assert figures(found)["inactive slot lost_replica keeps"] > 0
        assert evaluate(slot_critical="1 kB").state is Level.CRITICAL
    finally:
        primary.sql("SELECT pg_drop_replication_slot('lost_replica')")


def test_archive_that_takes_nothing_alerts_with_its_failures_and_waiting_files(
    primary: Server, evaluate: Evaluate
) -> None:
    broken = primary.sockets.parent / "broken"
    broken.touch()
    try:
        primary.sql("CREATE TABLE IF NOT EXISTS some_wal ()", "SELECT pg_switch_wal()")
        wait_for(lambda: "cannot archive" in evaluate().summary)
        found = evaluate()
        assert found.state is Level.WARN
        assert found.summary.startswith("ARP cannot archive 0000")
        assert figures(found)["WAL files to archive"] >= 1
        assert evaluate(ready_critical="0").state is Level.CRITICAL
    finally:
        broken.unlink()
    primary.sql("CREATE TABLE IF NOT EXISTS more_wal ()", "SELECT pg_switch_wal()")


def test_server_that_is_not_there_is_unknown_and_a_wrong_range_is_refused(evaluate: Evaluate) -> None:
    with pytest.raises(OutcomeUnknown, match="ARP cannot be reached by TCP"):
        evaluate(port=1)
    with pytest.raises(BadInput, match="The idle warning threshold 'soon' is not a range"):
        evaluate(idle_warning="soon")
