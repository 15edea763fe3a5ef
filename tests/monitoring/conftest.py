"""The shared runbook and console, and one real server for all checks of servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.host_world import heard, make_context, make_runbook
from tests.support.postgres import VERSIONS, Server, engine_of, server, short_folder

__all__ = ["heard", "make_context", "make_runbook"]


@pytest.fixture(scope="session", params=VERSIONS)
def primary(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with ten connections, whose archive takes nothing while the file `broken` lies beside it."""
    with short_folder() as folder:
        command = f"test ! -e {folder}/broken"
        given = {"max_connections": "13", "wal_level": "logical", "archive_mode": "on", "archive_command": command}
        engine = engine_of(request.param, folder)
        with server(folder / "p", engine, autovacuum="off", max_wal_senders="2", **given) as made:
            made.sql("CREATE ROLE app LOGIN", "CREATE ROLE monitor LOGIN IN ROLE pg_monitor")
            yield made
