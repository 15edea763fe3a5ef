"""Why something failed in the server is said with its detail, hint and context, and names neither nothing nor
thousands."""

from __future__ import annotations

import itertools
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.emergency_backup import EmergencyBackup
from actions.nightly_backup import NightlyBackup
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed
from probes.postgres.client_errors import ClientErrors
from probes.postgres.connect import AuthenticationFailed, NoSuchDatabase, Route, TooManyConnections, connect
from tests.support.logins import MakeContext, said
from tests.support.postgres import Server, server, short_folder

pytestmark = pytest.mark.postgres

STANDBY = """pg_dump: error: Dumping the contents of table "t" failed: PQgetResult() failed.
pg_dump: detail: Error message from server: ERROR:  canceling statement due to conflict with recovery
DETAIL:  User query might have needed to see row versions that must be removed.
pg_dump: detail: Command was: COPY public.t (id) TO stdout;
"""
INDEX = """pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3398; 1259 16391 INDEX t t_f postgres
pg_restore: error: could not execute query: FEHLER:  Relation »t« existiert nicht
LINE 1: SELECT count(*) FROM t
                             ^
DETAIL:  erstens
zweitens
drittens
viertens
fünftens
HINT:  Abhilfe
QUERY:  SELECT count(*) FROM t
KONTEXT:  SQL-Funktion »f« beim Inlining
Command was: CREATE INDEX t_f ON public.t USING btree (public.f(id));
-- DETAIL: not a reason


"""


@given(st.lists(st.integers(0, len(STANDBY.encode()) + 200), max_size=9))
def test_reasons_of_a_client_program_are_the_same_however_its_words_are_cut(cuts: list[int]) -> None:
    data, found = (STANDBY + INDEX).encode(), ClientErrors()
    at = [0, *sorted(cuts), len(data)]
    for begin, end in itertools.pairwise(at):
        found.feed(data[begin:end])
    found.end()
    assert [str(error) for error in found.errors] == [
        'Dumping the contents of table "t" failed: PQgetResult() failed.'
        " (canceling statement due to conflict with recovery;"
        " DETAIL: User query might have needed to see row versions that must be removed.)",
        "INDEX t t_f: could not execute query: Relation »t« existiert nicht (DETAIL: erstens; zweitens; drittens;"
        " HINT: Abhilfe; KONTEXT: SQL-Funktion »f« beim Inlining)",
    ]


class Russian(socketserver.StreamRequestHandler):
    """Refuses a login as a server does whose messages are Russian; the name of the database is the SQLSTATE."""

    def handle(self) -> None:
        while True:
            length, code = struct.unpack("!ii", self.rfile.read(8))
            given = self.rfile.read(length - 8)
            if code == 196608:  # protocol 3.0; what comes before asks for TLS
                break
            self.wfile.write(b"N")
        self.wfile.write(b"R" + struct.pack("!ii", 8, 3))  # asks for a password: libpq says then where it has it from
        (length,) = struct.unpack("!xi", self.rfile.read(5))
        self.rfile.read(length - 4)
        state = given.split(b"\0database\0")[1].split(b"\0")[0]
        fields = b"S" + "ВАЖНО".encode() + b"\0VFATAL\0C" + state + b"\0M" + "в доступе отказано".encode() + b"\0\0"
        self.wfile.write(b"E" + struct.pack("!i", len(fields) + 4) + fields)


def test_refusal_in_another_language_is_known_by_its_sqlstate(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.write_text("*:*:*:*:secret\n")
    file.chmod(0o600)
    kinds = {"28P01": AuthenticationFailed, "3D000": NoSuchDatabase, "53300": TooManyConnections, "57P03": Failed}
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Russian) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            for state, kind in kinds.items():
                with pytest.raises(kind) as caught:
                    connect(
                        Route("tcp", "127.0.0.1", listening.server_address[1], "app", state, "ARP"),
                        pgpass=file,
                        timeout=60.0,
                    )
                assert type(caught.value) is kind
                assert "Is the server running" not in str(caught.value)
        finally:
            listening.shutdown()


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    """A server with few locks."""
    with (
        short_folder() as folder,
        server(folder / "n", max_locks_per_transaction="10", max_connections="10", autovacuum="off") as made,
    ):
        yield made


def test_dump_of_more_tables_than_the_server_has_locks_says_so_and_names_the_setting(
    narrow: Server, make_context: MakeContext
) -> None:
    names = [f"a_table_with_a_long_name_{number:05}" for number in range(2500)]
    for at in range(0, len(names), 50):
        narrow.sql("; ".join(f"CREATE TABLE {name} ()" for name in names[at : at + 50]))
    target = narrow.target(name="narrow", label="NARROW")
    context = make_context({"narrow": target})
    action = EmergencyBackup(target)
    with pytest.raises(Failed) as caught:
        action.apply(context, action.plan(context))
    sentence = caught.value.sentence
    assert "out of shared memory" in sentence
    assert 'HINT: You might need to increase "max_locks_per_transaction".' in sentence
    assert "a_table_with" not in sentence


def test_nightly_failures_of_several_name_each_target_on_the_screen_and_in_the_log(
    primary: Server, one: Target, make_context: MakeContext
) -> None:
    primary.sql("CREATE TABLE closed (id int)", "CREATE TABLE other (id int)", database=one.database)
    primary.sql(f"CREATE DATABASE {one.database}_more TEMPLATE {one.database} OWNER arp_app")
    two = replace(one, name="two", label="TWO", database=f"{one.database}_more")
    context = make_context({"one": one, "two": two})
    action = NightlyBackup()
    with pytest.raises(Failed) as caught:
        action.apply(context, action.plan(context))
    reason = "pg_dump failed with exit 1: query failed: permission denied for table closed"
    assert caught.value.sentence == f"one: {reason}; two: {reason}"
    assert f"[ERROR] one: {reason}; two: {reason}" in (context.location("logs") / "backup.log").read_text()
    assert "[ERROR]" in said(context)
