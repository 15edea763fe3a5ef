"""Variables of the environment lead neither a session nor a program of PostgreSQL to another server."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from midwatch.system.errors import MidwatchError
from probes.postgres.client_settings import client_variables
from probes.postgres.connect import Route, connect


def test_address_and_service_of_the_environment_are_passed_over_and_stay_for_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.9")
    monkeypatch.setenv("PGSERVICE", "no-such-service")
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "prefer-standby")
    monkeypatch.setenv("PGSSLMODE", "disable")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_nothing() -> None:
            server.accept()[0].close()

        for host in ("127.0.0.1", "localhost"):
            guest = threading.Thread(target=answer_nothing, daemon=True)
            guest.start()
            with pytest.raises(MidwatchError, match="ARP"):
                connect(Route("tcp", host, server.getsockname()[1], "u", "d", "ARP"))
            guest.join(10)
            assert not guest.is_alive(), "the server was not asked"
    assert os.environ["PGHOSTADDR"] == "127.0.0.9"
    assert {"PGHOSTADDR", "PGSERVICE"}.isdisjoint(client_variables())
    assert client_variables()["PGSSLMODE"] == "disable"
