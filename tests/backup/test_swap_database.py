"""A restored database in the place of the one in use, and back again, while a client comes back again and again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from actions.restore import Restore
from actions.restoring.restore_database import made_at
from actions.swap_database import SwapDatabase
from midwatch.api.action import Action, Context
from midwatch.api.plan import Plan
from midwatch.runbook.targets import Target
from tests.support.actions import run_action
from tests.support.emergency_backups import databases, saved
from tests.support.superuser import superuser

pytestmark = pytest.mark.postgres


@pytest.fixture
def lived(fresh: Target, context: Context) -> Iterator[Target]:
    """A database that was saved, and went on afterwards."""
    with superuser(fresh, fresh.database) as connection:
        connection.execute("CREATE TABLE told (what text)")
        connection.execute("INSERT INTO told VALUES ('before the backup')")
    saved(fresh, context)
    with superuser(fresh, fresh.database) as connection:
        connection.execute("INSERT INTO told VALUES ('after it')")
    yield fresh
    with superuser(fresh) as admin:
        for name in databases(fresh):
            if made_at(name) is not None:
                admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def planned(action: Action, context: Context) -> Plan:
    plan = action.plan(context)
    assert plan.refusal == "", plan.refusal
    return plan


def told(target: Target) -> list[str]:
    with superuser(target, target.database) as connection:
        return sorted(str(what) for (what,) in connection.execute("SELECT what FROM told"))


@contextmanager
def stubborn_client(target: Target) -> Iterator[None]:
    """Connects again as soon as it is thrown out, as the pool of an application does."""
    stop, there = threading.Event(), threading.Event()

    def work() -> None:
        while not stop.is_set():
            try:
                with superuser(target, target.database) as connection:
                    while not stop.is_set():
                        connection.execute("SELECT 1")
                        there.set()
            except psycopg.Error:
                continue

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert there.wait(20)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def test_swapped_and_swapped_back_under_clients_that_come_back(lived: Target, context: Context) -> None:
    name = run_action(Restore(lived), context).values["database"]
    swap, before = SwapDatabase(lived), context.clock.now()
    assert not swap.verify(context, before).ok
    with stubborn_client(lived):
        plan = planned(swap, context)
        assert plan.confirm_name == lived.name
        facts = dict(plan.facts)
        assert "postgres from this host" in facts["sessions"]
        assert "what was written to fresh since its backup is not in it" in facts["made"]
        outcome = swap.apply(context, plan)
    assert outcome.ok
    kept = outcome.values["kept"]
    assert told(lived) == ["before the backup"]
    assert name not in databases(lived)
    assert swap.verify(context, before).values == {"kept": kept}
    back = swap.undo(outcome.values)
    assert isinstance(back, SwapDatabase)
    with stubborn_client(lived):
        again = back.apply(context, planned(back, context))
    assert told(lived) == ["after it", "before the backup"], "nothing of it was lost"
    assert kept not in databases(lived)
    assert again.values["kept"] in databases(lived)


def test_database_not_restored_and_checked_is_not_swapped_in(lived: Target, context: Context) -> None:
    assert "no database that was restored and checked" in SwapDatabase(lived).plan(context).refusal
    for other in ("postgres", "otc", "nowhere", lived.database):
        assert "is no restored database of" in SwapDatabase(lived, restored=other).plan(context).refusal
    name = run_action(Restore(lived), context).values["database"]
    with superuser(lived) as admin:
        admin.execute(f'COMMENT ON DATABASE "{name}" IS NULL'.encode())
    assert "no database that was restored and checked" in SwapDatabase(lived).plan(context).refusal
    assert "was not checked to its end" in SwapDatabase(lived, restored=name).plan(context).refusal


def test_database_that_is_gone_is_restored_and_put_in_place(lived: Target, context: Context) -> None:
    with superuser(lived) as admin:
        admin.execute(f"DROP DATABASE {lived.database} WITH (FORCE)".encode())
    run_action(Restore(lived), context)
    swap = SwapDatabase(lived)
    outcome = swap.apply(context, planned(swap, context))
    assert told(lived) == ["before the backup"]
    assert swap.undo(outcome.values) is None
