"""A backup is read while it is written: what the place gets is what was dumped, or there is no backup."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.checks.backup import CheckBackup
from actions.dump import dump_pipeline
from actions.dump.stream_verifier import StreamVerifier
from actions.emergency_backup import EmergencyBackup
from actions.restoring.backup_validation import Verdict
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import MidwatchError
from probes.backup.byte_pipe import BytePipe
from probes.backup.manifest import Manifest
from probes.postgres.tools import find_tools
from tests.support.emergency_backups import files


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 60), st.integers(1, 40))
def test_stream_verifier_passes_bytes_on_whole_in_any_pieces(pieces: list[bytes], ahead: int, at_once: int) -> None:
    passage = BytePipe(ahead)

    def write() -> None:
        for piece in pieces:
            passage.pass_on(piece)
        passage.end()

    writer = threading.Thread(target=write)
    writer.start()
    came = b""
    while data := passage.read(at_once):
        came += data
    writer.join()
    assert came == b"".join(pieces)


def test_writer_that_fails_is_no_end_and_a_reader_that_leaves_ends_the_writer() -> None:
    passage = BytePipe()
    passage.pass_on(b"half")
    passage.fail(OSError("it broke"))
    with pytest.raises(OSError, match="it broke"):
        passage.read(10)
    full = BytePipe(1)
    full.pass_on(b"more than may wait")
    told: list[bool] = []

    def write() -> None:
        try:
            full.pass_on(b"x")
        except BrokenPipeError:
            told.append(True)

    waiting = threading.Thread(target=write)
    waiting.start()
    full.close()
    waiting.join(30)
    assert told == [True]


@pytest.fixture(scope="module")
def pieces() -> list[bytes]:
    data = b"".join(b"row %d\n" % number for number in range(200_000))
    packed = gzip.compress(data, 1)
    return [packed[at : at + 10_000] for at in range(0, len(packed), 10_000)]


def judged(
    pieces: list[bytes], unpacked: int, pg_restore: Path | None = None, rows: dict[str, int] | None = None
) -> Verdict:
    along = StreamVerifier(pg_restore)
    for piece in pieces:
        along.write(piece)
    return along.verdict(unpacked, rows or {})


def test_stream_verifier_finds_a_spoiled_stream_without_pg_restore(pieces: list[bytes]) -> None:
    size = len(gzip.decompress(b"".join(pieces)))
    assert judged(pieces, size).depth == 1
    spoilt = [*pieces[:-3], bytes([pieces[-3][0] ^ 1]) + pieces[-3][1:], *pieces[-2:]]
    assert "damaged" in judged(spoilt, size).problem
    assert "damaged" in judged(pieces[:-1], size).problem
    assert "came out of the compressor" in judged(pieces, size + 1).problem


@pytest.mark.postgres
def test_backup_that_was_read_along_counts_at_once(arp: Target, context: Context, tmp_path: Path) -> None:
    other = EmergencyBackup(arp, destination=(str(tmp_path / "other"),))
    plain = Manifest.read(Path(other.apply(context, other.plan(context)).values["path"]))
    assert plain is not None
    assert (plain.depth, plain.streamed, plain.good) == (1, 1, False)
    context.location("backups").mkdir()
    action = EmergencyBackup(arp, validate=True)
    plan = action.plan(context)
    assert ("depth", "4 while it is written") in plan.facts
    outcome = action.apply(context, plan)
    assert "read as it was written: depth 4, row counts match" in outcome.summary
    read = Manifest.read(Path(outcome.values["path"]))
    assert read is not None
    assert (read.depth, read.streamed, read.good) == (4, 4, True)
    assert CheckBackup(arp, emergency=True).evaluate(context).ok
    pg_restore, packed = find_tools(context.runbook).pg_restore, Path(outcome.values["path"]).read_bytes()
    assert judged([packed], 0, pg_restore, dict(read.rows)).depth == 4
    table = max(read.rows, key=lambda name: read.rows[name])
    assert table in judged([packed], 0, pg_restore, {**read.rows, table: read.rows[table] + 1}).problem
    half = gzip.decompress(packed)
    closed_in_order = gzip.compress(half[: len(half) // 2], 1)
    assert "pg_restore cannot read it" in judged([closed_in_order], 0, pg_restore).problem


@pytest.mark.postgres
def test_backup_that_is_spoilt_on_its_way_is_not_published(
    arp: Target, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = dump_pipeline.new_compressor

    class Spoiling:
        """A compressor in a machine whose memory turns a bit now and then."""

        def __init__(self) -> None:
            self._real = real()

        def compress(self, data: bytes, /) -> bytes:
            packed = self._real.compress(data)
            return packed[:-1] + bytes([packed[-1] ^ 16]) if len(packed) > 1000 else packed

        def flush(self) -> bytes:
            return self._real.flush()

    monkeypatch.setattr(dump_pipeline, "new_compressor", Spoiling)
    for action in (EmergencyBackup(arp), EmergencyBackup(arp, validate=True)):
        with pytest.raises(MidwatchError, match="not good as it was written"):
            action.apply(context, action.plan(context))
    assert files(context) == []
