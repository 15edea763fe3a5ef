"""The check `access-anomaly` on generated days: ordinary ones stay quiet, and each thing that was planted is found."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actions.checks.access_anomaly import CheckAccessAnomaly
from midwatch.api.action import Context, Outcome
from midwatch.api.probe import Level
from midwatch.runbook.targets import Dependent
from midwatch.system.errors import BadInput, OutcomeUnknown
from tests.support.access_days import AccessDays
from tests.support.clocks import AheadClock
from tests.support.host_world import Heard, MakeRunbook
from tests.support.postgres import Server
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class NoonClock(AheadClock):
    def now(self) -> datetime:
        return NOON + self.ahead


@pytest.fixture(scope="module")
def logging(primary: Server) -> Server:
    """The shared server, which logs what the check needs."""
    primary.sql("ALTER SYSTEM SET log_connections = 'on'")
    primary.sql("ALTER SYSTEM SET log_statement = 'ddl'")
    primary.sql("SELECT pg_reload_conf()")
    wait_for(lambda: primary.sql("SHOW log_statement") == [("ddl",)])
    return primary


@pytest.fixture
def days() -> AccessDays:
    made = AccessDays(NOON)
    made.fill(30)
    return made


Judge = Callable[[AccessDays], tuple[Outcome, list[str]]]


@pytest.fixture
def context(logging: Server, make_runbook: MakeRunbook, tmp_path: Path) -> Context:
    target = logging.target(user="monitor", log=str(tmp_path / "postgresql.log"))
    target = replace(target, dependents=(Dependent("billing", tcp="10.0.2.11:443"),))
    runbook = make_runbook(targets={target.name: target})
    places = {**runbook.locations, "pgpass": str(tmp_path / "pgpass"), "audit": str(tmp_path / "audit.log")}
    return Context(replace(runbook, locations=places), Heard(), NoonClock(), "ada")


@pytest.fixture
def judge(context: Context, tmp_path: Path) -> Judge:
    """Write the logs and evaluate: the outcome, and the findings as they are said."""

    def run(days: AccessDays) -> tuple[Outcome, list[str]]:
        days.write(tmp_path / "postgresql.log", tmp_path / "audit.log")
        assert isinstance(context.console, Heard)
        context.console.lines.clear()
        outcome = CheckAccessAnomaly(logs=(tmp_path / "audit.log",)).evaluate(context)
        return outcome, [line for line in context.console.lines if not line.startswith("Read of")]

    return run


def test_ordinary_days_have_at_most_three_findings(days: AccessDays, judge: Judge, context: Context) -> None:
    counts = []
    for back in (6, 3, 2, 0):  # a Thursday, a Sunday, a Monday, a Wednesday
        assert isinstance(context.clock, NoonClock)
        days.now = NOON - timedelta(days=back)
        context.clock.ahead = -timedelta(days=back)
        outcome, said = judge(days)
        counts.append(len(said))
        assert int(outcome.values["findings"]) == len(said)
        assert outcome.state is (Level.WARN if said else Level.OK), outcome.summary
    assert max(counts) <= 3, counts
    assert sum(counts) <= 4, counts


def test_each_planted_finding_is_found_and_explained(days: AccessDays, judge: Judge) -> None:
    hour = timedelta(hours=1)
    days.login(NOON - 2 * hour, "mallory", "10.0.2.11", "psql")  # a role that nobody knows
    days.login(NOON - 3 * hour, "portal", "203.0.113.7", "portal")  # a known role from elsewhere
    days.login(NOON - 3 * hour, "postgres", "198.51.100.9", "psql")  # the superuser
    days.login(NOON.replace(hour=3, minute=12), "bob", "10.0.9.7", "psql")  # in the night
    for second in range(8):
        days.failure(NOON - 4 * hour + timedelta(seconds=10 * second), "ada", "10.0.9.66")
    days.login(NOON - 4 * hour + timedelta(minutes=2), "ada", "10.0.9.66", "psql")  # guessed
    for second in range(200):
        days.login(NOON - 5 * hour + timedelta(seconds=2 * second), "monitor", "10.0.4.12", "metrics")  # a burst
    days.note(NOON - 6 * hour, "ops@bastion password.reset user=arp_app target=arp-db-prod method=socket incident=none")
    days.login(NOON - 5.9 * hour, "arp_app", "10.0.2.12", "billing")  # a listed dependent
    days.login(NOON - 5.8 * hour, "arp_app", "10.0.7.4", "nightly report")  # one that nobody listed
    days.statement(NOON - 7 * hour, "ALTER ROLE mallory SUPERUSER PASSWORD 'in-clear'")
    days.statement(NOON - 7 * hour, "ALTER SYSTEM SET password_encryption = 'md5'")
    vi = "sudo[41]: bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vi /etc/postgresql/18/main/pg_hba.conf"
    days.audit.append((NOON - hour, f"{NOON - hour:%b %d %H:%M:%S} bastion {vi}"))
    outcome, said = judge(days)
    text = "\n".join(said)
    for sentence in (
        "never-seen: 2026-11-25 10:00 UTC mallory at arp-db-prod logged in from 10.0.2.11 by psql (1 login)",
        "portal at arp-db-prod logged in from 203.0.113.7 by portal (1 login): the network 203.0.113.0/24 is new",
        "superuser-elsewhere: 2026-11-25 09:00 UTC the superuser postgres at arp-db-prod logged in from 198.51.100.9",
        "odd-hours: 2026-11-25 03:12 UTC bob at arp-db-prod logged in from 10.0.9.7 by psql at an odd hour: ",
        "ada at arp-db-prod logged in from 10.0.9.66 after 8 failed logins from there since 2026-11-25 08:00 UTC",
        "logins of monitor at arp-db-prod within ten minutes; at most ",
        "nightly report from 10.0.7.4 logged in with it and is no listed dependent",
        "changed at arp-db-prod while no incident was open: ALTER ROLE mallory, ALTER SYSTEM SET password_encryption",
        "pg_hba.conf by bob",
    ):
        assert sentence in text, text
    assert "in-clear" not in f"{text}{outcome.summary}"
    assert "billing from" not in text
    assert outcome.state is Level.CRITICAL
    assert len(said) <= 12, text


def test_journal_of_the_machine_is_read_by_its_program(
    days: AccessDays, judge: Judge, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(days)
    entry = {"__REALTIME_TIMESTAMP": f"{(NOON - timedelta(hours=1)).timestamp():.0f}000000", "_HOSTNAME": "bastion"}
    entry |= {"SYSLOG_IDENTIFIER": "sshd", "_PID": "9", "MESSAGE": "Accepted password for eve from 203.0.113.9 port 9"}
    program = tmp_path / "bin/journalctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{json.dumps(entry)}'\necho \"$*\" >{tmp_path}/asked\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    check = CheckAccessAnomaly(logs=(tmp_path / "audit.log",), journal=True)
    assert "eve at sshd logged in from 203.0.113.9 by sshd" in check.evaluate(context).summary
    since = f"--since=@{(NOON - timedelta(days=31)).timestamp():.0f}"
    assert {"--output=json", since, "SYSLOG_FACILITY=10"} <= set((tmp_path / "asked").read_text().split())
    program.write_text("#!/bin/sh\n")
    with pytest.raises(OutcomeUnknown, match="it has no entry about logins"):
        check.evaluate(context)
    program.write_text("#!/bin/sh\necho 'Failed to open it' >&2; exit 1\n")
    with pytest.raises(
        OutcomeUnknown, match=r"journal of this machine was not read .* ended with 1: Failed to open it"
    ):
        check.evaluate(context)


def test_rotated_and_packed_history_counts_and_what_is_missing_is_unknown(
    days: AccessDays, judge: Judge, context: Context, logging: Server, tmp_path: Path
) -> None:
    days.write(tmp_path / "postgresql.log", tmp_path / "audit.log")
    log = tmp_path / "postgresql.log"
    lines = log.read_text().splitlines(keepends=True)
    half = len(lines) // 2
    (tmp_path / "postgresql.log.1.gz").write_bytes(gzip.compress("".join(lines[:half]).encode()))
    os.utime(tmp_path / "postgresql.log.1.gz", (NOON.timestamp(), NOON.timestamp()))
    log.write_text("".join(lines[half:]))
    check = CheckAccessAnomaly(logs=(tmp_path / "audit.log",))
    whole = check.evaluate(context)
    assert {figure.label: figure.value for figure in whole.figures}["entries"] > len(lines) / 3
    (tmp_path / "postgresql.log.1.gz").write_bytes(b"\x1f\x8bnothing")
    os.utime(tmp_path / "postgresql.log.1.gz", (NOON.timestamp(), NOON.timestamp()))
    with pytest.raises(OutcomeUnknown, match=r"the log of ARP was not read to its end: postgresql\.log\.1\.gz"):
        check.evaluate(context)
    (tmp_path / "postgresql.log.1.gz").unlink()
    log.write_text("".join(lines[-400:]))  # two days
    with pytest.raises(OutcomeUnknown, match=r"the history of arp-db-prod is .* long, and a week is needed"):
        check.evaluate(context)
    logging.sql("ALTER SYSTEM SET log_connections = 'off'")
    logging.sql("SELECT pg_reload_conf()")
    try:
        wait_for(lambda: logging.sql("SHOW log_connections") == [("off",)])
        with pytest.raises(OutcomeUnknown, match="ARP logs no logins: ALTER SYSTEM SET log_connections = on"):
            check.evaluate(context)
    finally:
        logging.sql("ALTER SYSTEM SET log_connections = 'on'")
        logging.sql("SELECT pg_reload_conf()")
    with pytest.raises(BadInput, match="'everywhere' is not a network"):
        CheckAccessAnomaly(allowed=("everywhere",))
