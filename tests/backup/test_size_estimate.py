"""How far a dump is: what pg_dump says of it, what the server says, and a total that is honest about both."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.dump import dump_progress, size_estimate
from actions.dump.dump_progress import Watching
from actions.dump.pg_dump_process import messages_of
from actions.dump.size_estimate import OBJECTS, Looking, SizeEstimate, Table
from actions.emergency_backup import EmergencyBackup
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from probes.postgres.routes import superuser_route
from tests.support.listening_server import Listening
from tests.support.superuser import superuser
from tests.support.waiting import wait_for

SAID = (
    b"pg_dump: last built-in OID is 16383\n"
    b'pg_dump: dumping contents of table "public.orders"\n'
    b'pg_dump: dumping contents of table "odd " schema; DROP.error: lock timeout"\n'
    b"pg_dump: saving large objects\n"
    b"sh: warn: something else\n"
    b'pg_dump: error: query failed: ERROR:  permission denied for table "x"\n'
    b"pg_dump: detail: Query was: COPY public.x TO stdout;"
)


@given(st.lists(st.integers(0, len(SAID)), max_size=12))
def test_progress_of_pg_dump_cut_anywhere_is_read(cuts: list[int]) -> None:
    begun: list[str] = []
    words = messages_of(begun.append)
    at = [0, *sorted(cuts), len(SAID)]
    for begin, end in itertools.pairwise(at):
        words.feed(SAID[begin:end])
    words.end()
    rest = words.text
    assert begun == ["public.orders", 'odd " schema; DROP.error: lock timeout', OBJECTS]
    assert "permission denied" in rest
    assert "something else" in rest
    assert "built-in OID" not in rest
    assert "lock timeout" not in rest


TABLES = st.lists(st.tuples(st.integers(0, 10**9), st.integers(-1, 10**6)), min_size=1, max_size=8)


@given(TABLES, st.floats(0.01, 20), st.integers(0, 10**10), st.integers(0, 9), st.data())
def test_total_is_never_below_what_is_there_and_right_once_all_but_one_are_done(
    tables: list[tuple[int, int]], ratio: float, before: int, learnt_at: int, data: st.DataObject
) -> None:
    forecast, done = SizeEstimate(before), 0
    known = [Table(f"t{number}", number + 1, size, rows) for number, (size, rows) in enumerate(tables)]
    for number, table in enumerate(known):
        if number == learnt_at:
            forecast.learn(known)
        forecast.begins(table.name, done)
        part = data.draw(st.integers(0, 10**6))
        forecast.copied(table.name, part, part // 100)
        done += int(table.bytes * ratio)
        total = forecast.total(done)
        assert total is None or total >= done
    forecast.learn(known)
    if done:
        forecast.begins("end", done)
        total = forecast.total(done)
        assert total is not None
        assert total == pytest.approx(done * 1.01, abs=1)


def test_size_estimate_is_corrected_by_finished_tables_and_rows_of_the_running_one() -> None:
    forecast = SizeEstimate()
    forecast.learn([Table("a", 1, 1000, 10), Table("b", 2, 1000, 10), Table("c", 3, 2000, -1)])
    forecast.begins("a", 0)
    assert forecast.total(0) == 4000
    forecast.begins("b", 3000)
    assert forecast.total(3000) == 3000 + 1500 * 3  # a quarter is known to triple, of the rest it is not known
    forecast.copied("b", 590, 2)  # a fifth of its rows are 590 bytes and their lengths: it will have 3000
    assert forecast.total(3600) == pytest.approx(3000 + 3000 + 1500 * 2)
    assert forecast.words == "table 2 of 3, b"
    assert SizeEstimate(before=500).total(100) == 500
    assert SizeEstimate(before=500).total(1000) == 1010
    assert SizeEstimate().total(0) is None


def test_words_come_now_and_then_with_pace_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(dump_progress.time, "monotonic", lambda: now[0])
    said: list[str] = []
    forecast = SizeEstimate()
    forecast.learn([Table("public.orders", 1, 200_000_000, -1)])
    watching = Watching(lambda done, total: None, forecast, said.append)
    forecast.begins("public.orders", 0)
    for second in range(65):
        now[0] = float(second)
        watching(second * 2_000_000)
    assert said == [
        "30 %, 60.0 of 200 MB unpacked, 2.0 MB/s, about 1 min 10 s left, table 1 of 1, public.orders",
        "60 %, 120 of 200 MB unpacked, 2.0 MB/s, about 40 s left, table 1 of 1, public.orders",
    ]


class Noting(SizeEstimate):
    """Notes of which tables the server said how much it has copied."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: set[str] = set()

    def copied(self, name: str, count: int, rows: int) -> None:
        super().copied(name, count, rows)
        self.noted.add(name)


@pytest.mark.postgres
def test_server_is_asked_for_its_tables_and_the_rows_copied(
    arp: Target, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("HERE", 0.05), ("_GRACE", 0.0)):
        monkeypatch.setattr(size_estimate, name, value)
    forecast = Noting()
    forecast.begins("public.payments", 0)
    route = superuser_route(context.runbook, arp)
    with superuser(arp, arp.database) as connection:
        connection.execute("ANALYZE public.payments")
        with connection.cursor().copy("COPY public.payments TO STDOUT") as copy:
            assert copy.read()  # the rest waits for us, as for a slow place
            looking = Looking(route, forecast)
            wait_for(lambda: "public.payments" in forecast.noted)
            looking.stop()
            while copy.read():
                pass
    table = forecast.current
    assert table is not None
    assert table.rows > 0
    total = forecast.total(0)
    assert total is not None
    assert total > table.bytes / 4


@pytest.mark.postgres
def test_backup_tells_bytes_and_an_expected_total(arp: Target, context: Context) -> None:
    told: list[tuple[float, float | None, str]] = []

    class Counting(Listening):
        def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
            told.append((done, total, unit))

    counting = Context(context.runbook, Counting(), context.clock, "ada@test")
    action = EmergencyBackup(arp)
    first = action.apply(counting, action.plan(counting))
    size = told[-1][0]
    assert told[-1] == (size, size, "unpacked")
    told.clear()
    again = EmergencyBackup(arp, destination=(f"{Path(first.values['path']).parent}-again",))
    assert again.apply(counting, again.plan(counting)).ok
    assert all(total is not None and total >= done for done, total, _ in told)
    assert told[0][1] == pytest.approx(size, rel=0.02)  # the last one tells
