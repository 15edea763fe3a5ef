"""What surrounds a recovery: the secret store, whoever depends on the password, open sessions, and what the server
logs."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from actions.checks.password import CheckPassword
from actions.credentials.password_candidates import works
from actions.reset_password import ResetPassword
from drill.production import Production
from midwatch.api.action import Context
from midwatch.runbook.targets import Dependent, ExternalCommand, Target, TargetKind
from midwatch.system.errors import Failed, Refused
from probes.postgres.connect import connect
from probes.postgres.role import read_role, run_quietly
from probes.postgres.routes import login_route, superuser_route
from tests.support.listening_server import Listening, arp

pytestmark = pytest.mark.postgres
STORE = """
import os, pathlib, sys
folder = pathlib.Path(sys.argv[1])
(folder / "stored").write_bytes(sys.stdin.buffer.read())
(folder / "environ").write_bytes(pathlib.Path("/proc/self/environ").read_bytes())
(folder / "cmdline").write_bytes(pathlib.Path("/proc/self/cmdline").read_bytes())
"""
LOUD = "import sys; print('no place for', sys.stdin.read()); sys.exit(3)"
SLOW = "import os, sys, time; sys.stdin.read(); open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
LOGIN = "import psycopg; print(psycopg.connect('').info.user, 'is in')"


def python(script: str, folder: Path, name: str) -> str:
    file = folder / name
    file.write_text(script)
    return f"{sys.executable} {file} {folder}"


def state(context: Context) -> tuple[str, bytes, list[str]]:
    role = read_role(superuser_route(context.runbook, arp(context)), "arp_app")
    assert role is not None
    sealed = context.location("credential_backups")
    kept = [path.name for path in sealed.iterdir() if path.name != "lock"] if sealed.exists() else []
    return role.verifier, context.location("pgpass").read_bytes(), kept


def recover(context: Context, target: Target) -> dict[str, str]:
    action = ResetPassword(target)
    outcome = action.apply(context, action.plan(context))
    assert outcome.ok
    return {**outcome.values, "summary": outcome.summary}


def test_secret_store_gets_it_on_its_input_and_nowhere_else(lost: Context, console: Listening, tmp_path: Path) -> None:
    target = replace(arp(lost), secret_store=ExternalCommand(python(STORE, tmp_path, "store.py")))
    plan = ResetPassword(target).plan(lost)
    assert any(effect.object.startswith("secret store: ") for effect in plan.effects)
    recover(lost, target)
    new = console.secrets["new password of ARP"]
    assert (tmp_path / "stored").read_bytes() == new.encode()
    assert new.encode() not in (tmp_path / "environ").read_bytes() + (tmp_path / "cmdline").read_bytes()
    assert b"MIDWATCH_ROLE=arp_app" in (tmp_path / "environ").read_bytes()
    assert works(login_route(target), new)


def test_secret_store_that_refuses_stops_it_before_anything_changes(
    lost: Context, console: Listening, tmp_path: Path
) -> None:
    before = state(lost)
    target = replace(arp(lost), secret_store=ExternalCommand(python(LOUD, tmp_path, "store.py")))
    with pytest.raises(Failed, match="did not take the new password: no place for the password") as caught:
        recover(lost, target)
    assert "Nothing was changed" in str(caught.value)
    assert console.secrets["new password of ARP"] not in str(caught.value) + "".join(console.said)
    assert state(lost) == before
    assert "password.reset_failed" in lost.location("audit").read_text()


def test_secret_store_that_hangs_is_ended(lost: Context, tmp_path: Path) -> None:
    before = state(lost)
    (tmp_path / "store.py").write_text(SLOW)
    command = f"{sys.executable} {tmp_path / 'store.py'} {tmp_path / 'pid'}"
    with pytest.raises(Failed, match="did not end within 2 s"):
        recover(lost, replace(arp(lost), secret_store=ExternalCommand(command, timeout=2.0)))
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()
    assert state(lost) == before


@pytest.mark.parametrize(
    ("command", "said"), [("/nowhere/vault put", "cannot be started"), ("vault 'put", "cannot be read")]
)
def test_secret_store_that_is_not_there_changes_nothing(lost: Context, command: str, said: str) -> None:
    before = state(lost)
    with pytest.raises(Failed, match=said):
        recover(lost, replace(arp(lost), secret_store=ExternalCommand(command)))
    assert state(lost) == before


def test_dependents_are_checked_with_the_new_password(lost: Context, console: Listening, tmp_path: Path) -> None:
    target = arp(lost)
    pooler = replace(target, name="arp-pooler", label="pooler", host="localhost")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        dependents = (
            Dependent("pooler", target="arp-pooler"),
            Dependent("API", tcp=f"127.0.0.1:{port}"),
            Dependent("batch", command=python(LOGIN, tmp_path, "batch.py")),
            Dependent("old report", command=f"{sys.executable} -c 'import sys; sys.exit(\"no driver\")'"),
            Dependent("gone", tcp="127.0.0.1:1"),
        )
        target = replace(target, dependents=dependents)
        context = replace(lost, runbook=replace(lost.runbook, targets={target.name: target, pooler.name: pooler}))
        values = recover(context, target)
    said = "\n".join(console.said)
    assert "[OK] pooler: arp_app logs in by TCP localhost" in said
    assert f"[OK] API: 127.0.0.1:{port} takes connections" in said
    assert "[OK] batch: arp_app is in" in said
    assert "[FAIL] old report: no driver" in said
    assert "[FAIL] gone: 127.0.0.1:1 takes no connection" in said
    assert values["dependents_out"] == "old report, gone"
    assert "NOT getting in: old report, gone" in values["summary"]


def test_open_sessions_are_listed_before_it_changes(lost: Context, console: Listening) -> None:
    route, target = login_route(arp(lost)), arp(lost)
    recover(lost, target)
    with connect(route, password=console.secrets["new password of ARP"]) as session:
        session.execute("SET application_name = 'arp-batch \x1b[2J'")
        way = superuser_route(lost.runbook, target)
        run_quietly(way, "ALTER ROLE arp_app PASSWORD 'lost once more'")
        facts = ResetPassword(target).plan(lost).facts
        assert ("sessions", "1 of arp_app are open; they go on, and new ones need the new password") in facts
        listed = next(text for label, text in facts if label == "session")
        assert listed.startswith(f"pid {session.info.backend_pid}, arp-batch")
        assert "from 127.0.0.1, since 20" in listed
        values = recover(lost, target)
        assert values["sessions"] == "1"
        assert any(f"pid {session.info.backend_pid}," in line for line in console.said)
        assert "\x1b" not in "".join(console.said)
        assert session.execute("SELECT 1").fetchone() == (1,)


LOUDEST = (
    "log_statement = 'all'",
    "log_min_duration_statement = 0",
    "log_min_error_statement = 'debug5'",
    "log_duration = on",
)


@contextmanager
def settings(context: Context, *given: str) -> Iterator[None]:
    way = superuser_route(context.runbook, arp(context))
    for one in given:
        run_quietly(way, f"ALTER SYSTEM SET {one}")
    run_quietly(way, "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        run_quietly(way, "ALTER SYSTEM RESET ALL")
        run_quietly(way, "SELECT pg_reload_conf()")


def loud(context: Context, target: Target) -> None:
    """Wait until the settings are in force in new sessions, as a reload is not at once."""
    way, again = superuser_route(context.runbook, target), threading.Event()
    for _ in range(200):
        with connect(way) as connection:
            row = connection.execute("SHOW log_statement").fetchone()
        if row == ("all",):
            return
        again.wait(0.05)
    raise AssertionError("the server did not take its settings")


def test_verifier_is_in_no_log_of_the_server(lost: Context, console: Listening, production: Production) -> None:
    (log,) = [path for path in production.folder.rglob("*-server.log") if path.name.startswith("arp")]
    target, way = arp(lost), superuser_route(lost.runbook, arp(lost))
    debug = (
        "debug_print_parse = on",
        "log_min_duration_sample = 0",
        "log_statement_sample_rate = 1",
        "log_transaction_sample_rate = 1",
    )
    with settings(lost, *LOUDEST, *debug):
        loud(lost, target)
        start = log.stat().st_size
        recover(lost, target)
        run_quietly(way, "ALTER ROLE arp_app PASSWORD 'lost once more'")
        run_quietly(way, "ALTER DATABASE arp SET lock_timeout = '300ms'")
        try:
            with connect(replace(way, database="postgres")) as other, other.transaction():
                other.execute("LOCK pg_authid IN EXCLUSIVE MODE")
                with pytest.raises(Failed, match="lock timeout"):
                    recover(lost, target)
        finally:
            run_quietly(way, "ALTER DATABASE arp RESET lock_timeout")
        written = log.read_bytes()[start:].decode(errors="replace")
    assert "ERROR:  canceling statement due to lock timeout" in written, "it was loud"
    assert "PASSWORD '" not in written
    assert "SCRAM-SHA-256" not in written
    assert console.secrets["new password of ARP"] not in written


def after_reload(context: Context, data: Path, *, shut: bool) -> str:
    """Have the server read its files again and wait until the superuser is shut out, or let in. Returns the refusal."""
    os.kill(int((data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGHUP)
    again, refusal = threading.Event(), ""
    for _ in range(200):
        refusal = ResetPassword(arp(context)).plan(context).refusal
        if bool(refusal) is shut:
            return refusal
        again.wait(0.05)
    raise AssertionError(f"the server did not take its settings: {refusal}")


def test_socket_that_asks_the_superuser_for_a_password_stops_it_and_pg_hba_stays(lost: Context) -> None:
    target, way = arp(lost), superuser_route(lost.runbook, arp(lost))
    file = Path(run_quietly(way, "SHOW hba_file"))
    before = file.read_bytes()
    spoiled = before.replace(b"trust", b"scram-sha-256")
    assert spoiled != before
    file.write_bytes(spoiled)
    try:
        refusal = after_reload(lost, file.parent, shut=True)
        assert "There is no way into ARP as a superuser: socket" in refusal
        with pytest.raises(Refused, match="no way into ARP"):
            recover(lost, target)
        assert file.read_bytes() == spoiled
    finally:
        file.write_bytes(before)
        after_reload(lost, file.parent, shut=False)


@pytest.mark.parametrize(
    ("user", "change", "told"),
    [
        ("nobody_here", "", "has no role nobody_here"),
        ("arp_app", "PASSWORD 'another'", "SCRAM verifier, of another password"),
        ("arp_app", "PASSWORD NULL", "no password at all"),
        ("arp_app", "VALID UNTIL '2020-01-01'", "expired"),
    ],
)
def test_login_that_fails_is_explained_by_the_superuser(lost: Context, user: str, change: str, told: str) -> None:
    """Each of these is the same to a client: password authentication failed."""
    target, way = replace(arp(lost), user=user), superuser_route(lost.runbook, arp(lost))
    if change:
        run_quietly(way, f"ALTER ROLE {user} {change}")
    lost.location("pgpass").write_text(f"*:*:*:{user}:what-we-believe\n")
    assert "password authentication failed" in CheckPassword(target).evaluate(lost).summary
    plan = ResetPassword(target).plan(lost)
    assert told in plan.refusal + dict(plan.facts).get("reason", "")


def test_password_file_that_libpq_passes_over_is_mended(lost: Context, console: Listening) -> None:
    target, file = arp(lost), lost.location("pgpass")
    recover(lost, target)
    file.chmod(0o644)
    assert "its mode has to be 0600" in CheckPassword(target).evaluate(lost).summary
    plan = ResetPassword(target).plan(lost)
    assert "others may read it" in dict(plan.facts)["password file"]
    values = recover(lost, target)
    assert (values["method"], values["source"]) == ("found", ".pgpass")
    assert "[WARN]" in "".join(console.said)
    assert CheckPassword(target).evaluate(lost).ok


@pytest.mark.parametrize("line", ["127.0.0.1:PORT:*:arp_app:odd:one\\out", "localhost:PORT:*:arp_app:odd\\:one\\\\out"])
def test_password_that_stands_there_wrongly_is_found_and_written_rightly(lost: Context, line: str) -> None:
    target, way = arp(lost), superuser_route(lost.runbook, arp(lost))
    run_quietly(way, r"ALTER ROLE arp_app PASSWORD E'odd:one\\out'")
    route = login_route(target)
    lost.location("pgpass").write_text(line.replace("PORT", str(route.port)) + "\n")
    assert not CheckPassword(target).evaluate(lost).ok
    assert recover(lost, target)["method"] == "found"
    assert CheckPassword(target).evaluate(lost).ok
    assert lost.location("pgpass").read_text().startswith(f"127.0.0.1:{route.port}:*:arp_app:odd\\:one\\\\out\n")
    info = f"host=127.0.0.1 port={route.port} dbname=arp user=arp_app passfile={lost.location('pgpass')}"
    with psycopg.connect(info) as connection:
        assert connection.pgconn.used_password


def test_passwords_that_may_fit_are_tried_in_order(lost: Context, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-the-secret-file")
    target = replace(arp(lost), password_file=str(tmp_path / "secret"))
    tried = dict(ResetPassword(target).plan(lost).facts)["tried"]
    assert tried == "secret refused, .pgpass refused"
    assert TargetKind.LOCAL is target.kind
    assert os.environ.get("PGPASSWORD") is None
