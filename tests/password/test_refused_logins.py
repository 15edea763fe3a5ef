"""Logins that a real server refused, as its own log tells of them; and what anybody may write into that log by their
name."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.diagnose_access import DiagnoseAccess
from drill.production import Production
from midwatch.api.action import Context
from probes.logs.server_log import refused_logins
from probes.postgres.role import run_quietly
from probes.postgres.routes import login_route, superuser_route
from tests.support.listening_server import Listening, arp


@pytest.mark.postgres
def test_real_server_tells_its_log_what_it_tells_no_client(lost: Context, console: Listening, tmp_path: Path) -> None:
    target, way = arp(lost), superuser_route(lost.runbook, arp(lost))
    route, log = login_route(target), Path(target.log)
    start = log.stat().st_size
    for user, before in (
        ("arp_app", ""),
        ("arp_app", ""),
        ('no "such" \x1b[31mone', ""),
        ("arp_app", "ALTER ROLE arp_app VALID UNTIL '2020-01-01'"),
        ("arp_app", "ALTER ROLE arp_app NOLOGIN VALID UNTIL 'infinity' PASSWORD 'right'"),
    ):
        if before:
            run_quietly(way, before)
        with contextlib.suppress(psycopg.OperationalError):
            password = "right" if before.endswith("'right'") else "gone-for-good" if before else "wrong"
            psycopg.connect(
                host=route.host, port=route.port, user=user, password=password, dbname="arp", sslmode="disable"
            )
    (tmp_path / "server.log").write_bytes(log.read_bytes()[start:])
    (tmp_path / "audit.log").touch()
    context = replace(
        lost, runbook=replace(lost.runbook, locations={**lost.runbook.locations, "audit": str(tmp_path / "audit.log")})
    )
    action = DiagnoseAccess(target=replace(target, log=str(tmp_path / "server.log")))
    outcome = action.apply(context, action.plan(context))
    said = "\n".join(console.said)
    assert outcome.values["refused_logins"] == "5", said + (tmp_path / "server.log").read_text()
    assert "   2  arp_app at arp-db-prod from 127.0.0.1, wrong password, 20" in said
    assert "arp_app at arp-db-prod from 127.0.0.1, expired (VALID UNTIL), 20" in said
    assert "arp_app at arp-db-prod from 127.0.0.1, is not permitted to log in, 20" in said
    assert 'no "such" one at arp-db-prod from 127.0.0.1, no such role' in said
    assert "\x1b" not in said


@pytest.mark.postgres
def test_server_logs_of_the_drill_are_read(context: Context, production: Production) -> None:
    assert all(Path(target.log).is_file() for target in context.runbook.targets.values())
    plan = DiagnoseAccess().plan(context)
    assert sum("the server's log" in effect.object for effect in plan.effects) == 3


LINE = "2026-11-23 02:00:06.120 UTC [{pid}] {words}"


@pytest.mark.parametrize(
    ("words", "user", "source", "reason"),
    [
        ('FATAL:  password authentication failed for user "a"', "a", "?", "password authentication failed"),
        ('FATAL:  Peer authentication failed for user "a"', "a", "?", "Peer authentication failed"),
        ('FATAL:  role "a" does not exist', "a", "?", "does not exist"),
        ('FATAL:  too many connections for role "a"', "a", "?", "too many connections"),
        (
            'FATAL:  no pg_hba.conf entry for host "10.1.2.3", user "a", database "d", no encryption',
            "a",
            "10.1.2.3",
            "no pg_hba.conf entry",
        ),
        (
            'a@d 10.9.8.7(4711) FATAL:  password authentication failed for user "a"',
            "a",
            "10.9.8.7",
            "password authentication failed",
        ),
        (
            '[local] FATAL:  password authentication failed for user "a"',
            "a",
            "the local socket",
            "password authentication failed",
        ),
        (
            '2001:db8::1 FATAL:  password authentication failed for user "a"',
            "a",
            "2001:db8::1",
            "password authentication failed",
        ),
    ],
)
def test_refused_login_names_user_source_and_reason(words: str, user: str, source: str, reason: str) -> None:
    (one,) = refused_logins([LINE.format(pid=7, words=words)])
    assert (one.user, one.source, one.time, one.reason) == (user, source, "2026-11-23 02:00:06", reason)


def test_lines_of_several_connections_are_kept_apart() -> None:
    lines = [
        LINE.format(pid=1, words="LOG:  connection received: host=10.0.0.1 port=4711"),
        LINE.format(pid=2, words="LOG:  connection received: host=10.0.0.2 port=4712"),
        LINE.format(pid=1, words='FATAL:  password authentication failed for user "a"'),
        LINE.format(pid=2, words='FATAL:  password authentication failed for user "b"'),
        LINE.format(pid=2, words='DETAIL:  User "b" has an expired password.'),
        LINE.format(pid=1, words='DETAIL:  Password does not match for user "a".'),
        LINE.format(pid=3, words='DETAIL:  Password does not match for user "a".'),
        LINE.format(pid=4, words='ERROR:  relation "FATAL" does not exist'),
    ]
    found = [(one.user, one.source, one.reason) for one in refused_logins(lines)]
    assert found == [("a", "10.0.0.1", "wrong password"), ("b", "10.0.0.2", "expired (VALID UNTIL)")]


anything = st.text(max_size=60) | st.sampled_from(
    ['FATAL:  role "x" does not exist', "DETAIL:  ", "[7] ", "LOG:  connection received: host=", '"', 'user "']
)


@given(st.lists(st.lists(anything, max_size=5).map("".join), max_size=8))
def test_refused_login_reader_survives_any_line(lines: list[str]) -> None:
    assert len(refused_logins(lines)) <= len(lines)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=63)
TABLE = (
    '2026-11-23 02:00:06.120 UTC,"{user}","arp",7,"{client}",6921c3a6.7,2,"authentication",2026-11-23 02:00:06 '
    "UTC,3/2,0,FATAL,"
    '28P01,"password authentication failed for user ""{user}""","Password does not match for user ""{user}"".\n'
    'Connection matched file ""pg_hba.conf"" line 3",,,,,,,,"","client backend",,0'
)


@given(NAMES)
def test_refused_login_in_a_table_or_json_keeps_any_user_name(name: str) -> None:
    """Line breaks and quotation marks in it too: these formats quote them."""
    table = TABLE.format(user=name.replace('"', '""'), client="2001:db8::1:5432")
    entry = {
        "timestamp": "2026-11-23 02:00:06.120 UTC",
        "pid": 7,
        "remote_host": "2001:db8::1",
        "error_severity": "FATAL",
        "message": f'password authentication failed for user "{name}"',
        "detail": f'Password does not match for user "{name}".',
    }
    for text in (table, json.dumps(entry, separators=(",", ":"))):
        (one,) = refused_logins(text.split("\n"))
        assert (one.user, one.source, one.time) == (name, "2001:db8::1", "2026-11-23 02:00:06")
        assert one.reason == "wrong password"


def test_refused_login_in_a_tail_that_begins_within_an_entry_is_read() -> None:
    whole = TABLE.format(user="a", client="10.0.0.1:4711")
    lines = [
        'line 3",,,,,,,,"","client backend",,0',
        "",
        whole.replace("FATAL", "LOG"),
        *whole.split("\n"),
        "2026-11-23 02:00",
    ]
    assert [(one.user, one.source) for one in refused_logins(lines)] == [("a", "10.0.0.1")]
    assert [one.source for one in refused_logins(TABLE.format(user="a", client="[local]").split("\n"))] == [
        "the local socket"
    ]


@given(
    st.lists(
        anything | st.just(TABLE.format(user="a", client="x:1").partition("\n")[0]) | st.just('{"timestamp":'),
        max_size=9,
    )
)
def test_refused_login_reader_survives_any_table_or_json(lines: list[str]) -> None:
    refused_logins(lines)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1, max_size=63))
def test_refused_login_of_any_user_name_is_read(name: str) -> None:
    (one,) = refused_logins([LINE.format(pid=7, words=f'FATAL:  password authentication failed for user "{name}"')])
    assert one.user == name
