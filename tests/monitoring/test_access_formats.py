"""A real server's log in its three formats: each tells the same logins, refusals and changes, and no forged ones."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from probes.logs import access_profile
from probes.logs.access_events import AccessKind, audit_events, server_events
from probes.logs.fast_time import Moments
from probes.logs.log_pass import files_since, whole_lines
from probes.logs.rotated_log import Coverage
from tests.support.postgres import server, short_folder
from tests.support.waiting import wait_for

FORGED = "x LOG:  connection authorized: user=postgres database=postgres application_name=forged"
Entries = Counter[tuple[object, ...]]


def entries(path: Path) -> Entries:
    now, found = datetime.now(UTC), Entries()
    for file in files_since(path, 0):
        for moment, entry in server_events(whole_lines(file, Coverage()), Moments(now)):
            assert abs(moment - now.timestamp()) < 600
            words = (entry.kind, entry.role, entry.source, entry.application)
            found[(entry.text,) if entry.kind is AccessKind.CHANGE else (*words, entry.text)] += 1
    return found


@pytest.mark.postgres
def test_three_formats_of_a_real_server_tell_the_same() -> None:
    given = {"logging_collector": "on", "log_destination": "stderr,csvlog,jsonlog", "log_filename": "pg.log"}
    settings = {"log_connections": "on", "log_statement": "ddl", "log_timezone": "Europe/Berlin", **given}
    with short_folder() as folder, server(folder / "p", **settings) as made:
        made.sql('CREATE ROLE "odd, role" LOGIN', "CREATE ROLE locked LOGIN PASSWORD 'right-one'")
        hba = made.data / "pg_hba.conf"
        hba.write_text(f"host all locked all scram-sha-256\n{hba.read_text()}")
        made.sql("ALTER SYSTEM SET work_mem = '5MB'")
        made.sql("SELECT pg_reload_conf()")
        for name in ('My "App", v2', FORGED):
            psycopg.connect(made.conninfo, dbname="postgres", user="odd, role", application_name=name).close()
        for _ in range(3):
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(made.conninfo, dbname="postgres", user="locked", password="wrong").close()
        made.sql("ALTER ROLE locked PASSWORD 'new-secret'", f"DO $$ BEGIN RAISE WARNING E'\\n{FORGED}\\n'; END $$")
        logs = [made.data / "log" / f"pg.{ending}" for ending in ("log", "csv", "json")]
        password = (AccessKind.PASSWORD, "locked", "?", "", "ALTER ROLE locked")
        wait_for(lambda: all(entries(log)[password] for log in logs), "the last line of each log")
        stderr, table, data = (entries(log) for log in logs)
    assert stderr == table == data
    assert stderr[AccessKind.LOGIN, "odd, role", "127.0.0.1", 'My "App", v2', ""] == 1
    assert stderr[AccessKind.FAILED, "locked", "127.0.0.1", "", ""] >= 3
    assert {text for (text, *rest) in stderr if not rest} == {
        'CREATE ROLE "odd, role"',
        "CREATE ROLE locked",
        "ALTER ROLE locked",
        "ALTER SYSTEM SET work_mem",
        "setting work_mem",
    }
    assert not any(row[3] == "forged" for row in stderr if len(row) > 3)
    assert "secret" not in str(stderr)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "2026-11-28T09:00:00Z LOGIN ok user=ada target=arp source=10.0.0.5 app=psql",
            ("LOGIN", "ada", "10.0.0.5", "psql"),
        ),
        (
            "Nov 28 09:00:00 b sshd[7]: Accepted publickey for ada from 10.0.0.5 port 9 ssh2",
            ("LOGIN", "ada", "10.0.0.5", "sshd"),
        ),
        (
            "2026-11-28T09:00:00.5+00:00 b sshd[7]: Failed password for invalid user x from ::2 port 9",
            ("FAILED", "x", "::2", "sshd"),
        ),
        (
            '{"ts":1795856400123,"event":"login","outcome":"success","user":"ada","ip":"10.0.0.5"}',
            ("LOGIN", "ada", "10.0.0.5", ""),
        ),
        ("2026-11-28 09:00:00 password.recovered user=ada target=arp method=found", None),
        ("2026-11-28 09:00:00 password.reset user=ada target=arp method=tcp", ("PASSWORD", "ada", "?", "")),
        ("Nov 28 09:00:00 b sudo: bob : TTY=x ; USER=root ; COMMAND=/usr/bin/less /etc/pg_hba.conf", None),
        (
            "Nov 28 09:00:00 b sudo: bob : TTY=x ; USER=root ; COMMAND=/bin/sed -i s/a/b/ /etc/pg_hba.conf",
            ("CHANGE", "bob", "?", ""),
        ),
        ("Nov 28 09:00:00 b xinetd[9]: warning: can't get client address: Connection reset by peer", None),
        ("Nov 28 09:00:00 b CRON[9]: pam_unix(cron:session): session opened for user root", None),
    ],
)
def test_line_of_an_audit_log_says_who_did_what(line: str, found: tuple[str, ...] | None) -> None:
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    events = list(audit_events([line.encode()] * 3, Moments(now), []))
    assert [(entry.kind.name, entry.role, entry.source, entry.application) for _, entry in events] == [
        found
    ] * 3 * bool(found)
    assert all(abs(moment - datetime(2026, 11, 28, 9, tzinfo=UTC).timestamp()) < 86400 for moment, _ in events)


def test_lines_that_differ_in_a_number_are_told_apart() -> None:
    """Numbers that differ from line to line are passed over, and never one that names somebody."""
    users = [f"user={name} source=2001:db8::{name}" for name in ("10001", "10002", "svc12345", "svc12346")]
    lines = [
        f"2026-11-28 09:00:00 LOGIN ok {user} pid={pid}".encode() for pid in range(90, 1500, 200) for user in users
    ]
    events = list(audit_events(lines, Moments(datetime(2026, 11, 28, 12, tzinfo=UTC)), []))
    assert Counter((entry.role, entry.source) for _, entry in events) == {
        (name, f"2001:db8::{name}"): 8 for name in ("10001", "10002", "svc12345", "svc12346")
    }


def test_tables_do_not_grow_with_what_an_intruder_makes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_profile, "_LIMIT", 50)
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    lines = [
        f"2026-11-28 09:{number % 60:02}:00 LOGIN {word} user=u{number} target=t source=10.{number % 200}.1.1".encode()
        for number in range(1000)
        for word in ("failed", "ok")
    ]
    profile = access_profile.AccessProfile(
        now.timestamp(), 86400, 31 * 86400, lambda *_: False, lambda *_: False, lambda _: False
    )
    profile.add_all(audit_events(lines, Moments(now), []), lambda target: target)
    tables = (profile.ways, profile.roles, profile.failures, profile.failed, profile.guessed)
    assert (profile.entries, profile.left_out) == (2000, 950)
    assert max(len(table) for table in tables) <= 52


def test_time_of_a_line_does_not_depend_on_the_lines_before_it() -> None:
    """What is kept of earlier lines saves work, and is never taken for another form, hour or zone."""
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    begins = ("", '{"time": "', "<34>1 ", "type=LOGIN audit(", "[")
    times = ("2026-11-28 09:{}", "2026-11-28T09:{}Z", "2026-11-28 09:{}.123 UTC", "2026-11-28 08:{},5 CET", "no time")
    more = ("2026-11-27 09:{}+05:30", "Nov 28 09:{}", "Nov  7 09:{}", "<34>Nov 28 09:{}", "1795856400123", "2026-11-28")
    ends = ("", " x", '", "b": 1}', " [4711] LOG:  x", " 2025-01-01 00:00:00")
    lines = [
        f"{begin}{time.format(clock)}{end}".encode()
        for clock in ("00:00", "59:59", "07:60", "61:00")
        for end in ends
        for time in (*times, *more)
        for begin in begins
    ]
    shared = Moments(now)
    assert [shared.of(line) for line in lines] == [Moments(now).of(line) for line in lines]
    nine = datetime(2026, 11, 28, 9, 7, 8, tzinfo=UTC).timestamp()
    for line, moment in (
        (b"2026-11-28 09:07:08.5 UTC x", nine),
        (b"2026-11-28 10:07:08,123 CET x", nine),
        (b'{"time": "2026-11-28T09:07:08Z", "a": 1}', nine),
        (b"1795856828 x", nine),
    ):
        assert shared.of(line)[0] == moment
