"""Two servers answer at one address, as behind a balancer: nothing is done on the one that nobody confirmed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from actions.emergency_backup import EmergencyBackup
from actions.reset_password import ResetPassword
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.plan import Plan
from midwatch.engine.execute import perform
from midwatch.runbook.loader import load
from midwatch.system.clock import SystemClock
from midwatch.system.errors import Exit
from tests.support.listening_server import Listening
from tests.support.pinned_site import RUNBOOK, write_site
from tests.support.postgres import Server

pytestmark = pytest.mark.postgres


MANY = 1_000_000


class Balancer:
    """A port whose connections go to `first`, until `left` of them are used up; then to `second`."""

    def __init__(self, first: Server, second: Server) -> None:
        self.first, self.second = first, second
        self.left = MANY
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self.left -= 1
                chosen = self.first if self.left >= 0 else self.second
                server = socket.create_connection(("127.0.0.1", chosen.port))
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def balancer(first: Server, other: Server) -> Iterator[Balancer]:
    made = Balancer(first, other)
    yield made
    made.close()


@pytest.fixture
def context(here: Path, first: Server, other: Server, balancer: Balancer) -> Context:
    """The target's user is let in by its password only, and nobody knows the password."""
    for server in (first, other):
        rules = server.data / "pg_hba.conf"
        if "app" not in rules.read_text():
            rules.write_text("host all app 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
            server.sql("CREATE ROLE app LOGIN", "SELECT pg_reload_conf()")
        server.sql("ALTER ROLE app PASSWORD 'nobody-knows-it'")
    write_site(here, first, socket="", port=balancer.port, user="app")
    (here / "runbook.yaml").write_text(RUNBOOK)
    runbook = load(here / "runbook.yaml", site=here / "site.yaml")
    return Context(runbook, Listening(), SystemClock(), "ada@test")


def switched(kind: type[Action], balancer: Balancer, after: int) -> type[Action]:
    """The action; so many connections after its last plan, the balancer changes the server."""

    class Switched(kind):  # type: ignore[misc, valid-type]
        def apply(self, context: Context, plan: Plan) -> Outcome:
            balancer.left = after
            return super().apply(context, plan)  # type: ignore[no-any-return]

    return Switched


def verifier(server: Server) -> object:
    return server.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")[0][0]


def test_password_is_never_set_on_the_other_server_whenever_the_balancer_changes(
    context: Context, balancer: Balancer, first: Server, other: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    before, refused = verifier(other), 0
    assert perform(ResetPassword(context.runbook.targets["arp"]), context, confirmed=None) is Exit.DONE
    used = MANY - balancer.left
    for after in range(used):  # of its plan and of itself: more than it needs
        for left in context.location("pgpass").parent.glob("*pgpass*"):
            left.unlink()
        first.sql("ALTER ROLE app PASSWORD 'nobody-knows-it'")
        balancer.left = MANY
        perform(switched(ResetPassword, balancer, after)(context.runbook.targets["arp"]), context, confirmed=None)
        assert verifier(other) == before
        refused += "another server answers than that of the plan" in capfd.readouterr().err
    assert refused >= 5, "a superuser's session, at each of its places"


def test_dump_of_the_other_server_is_never_stored_whenever_the_balancer_changes(
    context: Context, balancer: Balancer, first: Server, other: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    first.sql("DROP TABLE IF EXISTS right_one", "CREATE TABLE right_one (x int)")
    other.sql("DROP TABLE IF EXISTS wrong_one", "CREATE TABLE wrong_one (x int)")
    for after in range(5):
        balancer.left = MANY
        action = switched(EmergencyBackup, balancer, after)(context.runbook.targets["arp"])
        code = perform(action, context, confirmed=None)
        assert code is not Exit.DONE
        assert not [*context.location("emergency").rglob("*.dump")]
    assert "another server answers than that of the plan" in capfd.readouterr().err
