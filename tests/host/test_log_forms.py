"""Logs as other tools leave them: rotated in every way, compressed, cut in place, in UTF-16, with levels of every
form."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from actions.diagnose_logs import DiagnoseLogs
from actions.trigger import TriggerAction
from midwatch.api.action import Context
from midwatch.runbook.triggers import Trigger
from midwatch.system.errors import Failed, SourceLocation
from midwatch.system.log_rotations import rotations_of
from probes.logs.failure_kinds import KINDS_LIMIT, FailureKinds, Mark, kind_of, mark_of
from probes.logs.line_time import split_time
from probes.logs.log_tail import LogLine, tail_lines
from probes.logs.rotated_log import Coverage, find_lines, read_log
from tests.support.host_world import Heard

FAILED = "2026-11-22 02:00:05 [FAILURE] PROD nightly backup stopped\n"
PATTERN = [re.compile(r"\[FAILURE\]")]
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    "": bytes,
}


@pytest.mark.parametrize(
    "name",
    [
        "b.log.1",
        "b.log-20261122",
        "b.log.2026-11-22",
        "b-20261122.log",
        "b.log-20261122-0200",
        "b_2026-11-22.log",
        "b.1.log",
    ],
)
@pytest.mark.parametrize("suffix", PACKERS)
def test_newest_rotation_of_any_name_and_packing_is_read(tmp_path: Path, name: str, suffix: str) -> None:
    log = tmp_path / "b.log"
    rotated = tmp_path / f"{name}{suffix}"
    rotated.write_bytes(PACKERS[suffix](FAILED.encode()))
    older = tmp_path / "b.log.7.gz"
    older.write_bytes(b"damaged")
    os.utime(older, (1, 1))
    for existing in (None, "[INFO] quiet\n"):
        if existing:
            log.write_text(existing)
        coverage = Coverage()
        (line,) = find_lines(log, PATTERN, limit=10_000, newest=5, coverage=coverage)
        assert line.place == f"{rotated.name}:1"
        assert "1 older rotation" in str(coverage)
    assert [line.text for line in read_log(log, 10_000, Coverage())] == [FAILED.strip(), "[INFO] quiet"]


def test_names_that_are_no_rotation_are_left_alone(tmp_path: Path) -> None:
    for name in ("arp.log", "arp-2.log", "arp.log.bak", "arp.logger.1", "x-arp.log.1", "arp.log.1.sh"):
        (tmp_path / name).write_text(FAILED)
    (tmp_path / "arp.log.1").symlink_to("/etc/passwd")
    assert rotations_of(tmp_path / "arp.log") == []
    with pytest.raises(Failed, match="symbolic links"):  # one that takes the place of a rotation that was listed
        list(tail_lines(tmp_path / "arp.log.1", 10_000, follow=False))
    for name in ("pg-2026-11-22_000000.log", "pg-2026-11-23_000000.log", "pg-Mon.log", "pg-Tue.log"):
        (tmp_path / name).write_text(FAILED)
    assert [path.name for path in rotations_of(tmp_path / "pg-2026-11-23_000000.log")] == ["pg-2026-11-22_000000.log"]
    assert [path.name for path in rotations_of(tmp_path / "pg-Tue.log")] == ["pg-Mon.log"]


def test_line_behind_the_nuls_of_a_truncated_file_is_read(tmp_path: Path) -> None:
    log = tmp_path / "b.log"
    with log.open("wb") as file:
        file.truncate(50_000_000)
        file.seek(0, os.SEEK_END)
        file.write(FAILED.encode())
    for limit in (1_000, 60_000_000):  # the limit cuts within the NULs
        assert [line.text for line in tail_lines(log, limit)] == [FAILED.strip()]
    quiet = b"\xef\xbb\xbf[INFO] quiet\r\n\n[INFO] 10 %"
    log.write_bytes(quiet + bytes(200_000) + FAILED.encode() + b"[INFO] 20 %\r" * 9_000 + FAILED.encode())
    places = [line.place for line in find_lines(log, PATTERN, limit=10_000_000, newest=5)]
    assert (places, next(tail_lines(log, 10_000_000)).text) == (["b.log:3", "b.log:4"], "[INFO] quiet")


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_log_in_utf_16_is_read(tmp_path: Path, encoding: str, mark: str) -> None:
    log = tmp_path / "b.log"
    log.write_bytes((mark + "[INFO] Größe 你好\r\n" * 5000 + FAILED).encode(encoding))
    assert [line.number for line in find_lines(log, PATTERN, limit=10_000_000, newest=5)] == [5001]
    lines = list(tail_lines(log, 1001))
    assert lines[-1].text == FAILED.strip()
    assert {line.text for line in lines[:-1]} == {"[INFO] Größe 你好"}
    log.with_name("b.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.write_bytes(bytes(100_000) + FAILED.encode(encoding))
    assert len(find_lines(log, PATTERN, limit=10_000_000, newest=5)) == 2


def test_unreadable_log_is_passed_over_with_the_reason(
    tmp_path: Path, make_context: Callable[..., Context], heard: Heard
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "backup.log").write_text("plain words\nmore words\n2026-11-23 02:00:01 [INFO] started\n")
    rotated = logs / "backup.log-20261122.zst"
    rotated.write_bytes(b"\x28\xb5\x2f\xfd\0\0\0\0")
    trigger = Trigger(
        "stopped", "Stopped", SourceLocation("runbook.yaml", 1, 1), log="logs/backup.log", match=r"\[FAILURE\]"
    )
    context = make_context(triggers=(trigger,))

    def run(action: DiagnoseLogs | TriggerAction) -> str:
        return action.apply(context, action.plan(context)).summary

    said = run(TriggerAction("stopped"))
    assert "not detected, no such line in 3 lines of backup.log; passed over:" in said
    assert "compressed by zstd" in said
    said = run(DiagnoseLogs(logs=(logs / "backup.log",)))
    assert "backup.log: 0 failures in 3 lines, 2 of them without a known level; passed over:" in said
    rotated.rename(logs / "backup.log.1.gz")
    (logs / "backup.log.1.gz").write_bytes(gzip.compress(FAILED.encode() * 1000)[:-20])
    said = run(DiagnoseLogs(logs=(logs / "backup.log",)))
    assert "backup.log.1.gz is damaged" in said
    (logs / "backup.log").unlink()
    (logs / "backup.log.1.gz").write_bytes(gzip.compress(FAILED.encode()))
    said = run(DiagnoseLogs(logs=(logs / "backup.log",)))
    assert said.startswith("backup.log: 1 failures in 1 lines; first of the last run: backup.log.1.gz:1 ")
    assert "looked at 1 line of backup.log.1.gz" in heard.text
    with pytest.raises(Failed):
        find_lines(tmp_path / "none.log", PATTERN, limit=10, newest=1)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("2026-11-23 02:00:04,123 ERROR [main] o.x.Job - stopped", Mark.FAILURE),
        ('{"time":"2026-11-23T02:00:04Z","level":"error","msg":"stopped"}', Mark.FAILURE),
        ('{"level":50,"time":1795399204000,"msg":"stopped"}', Mark.FAILURE),
        ("time=2026-11-23T02:00:04Z level=fatal msg=stopped", Mark.FAILURE),
        ('2026-11-23 02:00:04.001 UTC [7] FATAL:  role "x" does not exist', Mark.FAILURE),
        ("pg_dump: error: connection failed", Mark.FAILURE),
        ("[ critical ] stopped", Mark.FAILURE),
        ("2026-11-23 02:00:04 | CRITICAL | stopped", Mark.FAILURE),
        ("[Mon Nov 23 02:00:04.123 2026] [core:error] [pid 1] AH00037: stopped", Mark.FAILURE),
        ("E1123 02:00:04.123456       1 main.go:12] stopped", Mark.FAILURE),
        ('{"severity_text":"ERROR","body":"stopped"}', Mark.FAILURE),
        ('{"PRIORITY":"3","MESSAGE":"stopped"}', Mark.FAILURE),
        ("<11>Nov 23 02:00:04 host app: stopped", Mark.FAILURE),
        ("<14>Nov 23 02:00:04 host app: [ERROR] stopped", Mark.FAILURE),
        ("<14>Nov 23 02:00:04 host app: started", Mark.OTHER),
        ("\x1b[31mERROR\x1b[0m stopped", Mark.FAILURE),
        ("[2026-11-23 02:00:04] production.ERROR: stopped", Mark.FAILURE),
        ("ERROR:root:stopped", Mark.FAILURE),
        ("2026.11.23 02:00:04.1 [ 1 ] {} <Error> Application: stopped", Mark.FAILURE),
        ("2026-11-23 02:00:04.001 UTC [7] FEHLER:  Rolle »x« existiert nicht", Mark.FAILURE),
        ("2026-11-23 02:00:04 [INFO] finished with 0 ERROR lines", Mark.OTHER),
        ("level=info msg='no error: fine'", Mark.OTHER),
        ("Nov 23 02:00:04 host cron[1]: (root) CMD (true)", Mark.NONE),
        ("the errors of yesterday", Mark.NONE),
        ("three tests (failed) of ten", Mark.NONE),
        ("", Mark.NONE),
    ],
)
def test_level_of_a_line_is_known_in_its_usual_forms(text: str, mark: Mark) -> None:
    assert mark_of(text) is mark


def test_kinds_differ_in_words_and_not_in_numbers_ids_or_hashes() -> None:
    lines = [
        "2026-11-23 02:00:04 [ERROR] job 3f2b8c1e-0000-4a4a-9b9b-123456789abc of arp-db-prod: 12.5 s at 10.0.0.1:5432",
        "Nov 23 02:00:05 [ERROR] job 00000000-0000-4a4a-9b9b-123456789abc of arp-db-prod: 9 s at 10.0.0.22:5433",
        "1795399204 [ERROR] job deadbeef77 of arp-db-prod: 9 s at 10.0.0.22:5433",
        "[ERROR] job k3jd9f2q of arp-db-prod: 9 s at 10.0.0.22:5433",
    ]
    assert {kind_of(line) for line in lines} == {"[ERROR] job ID of arp-db-prod: N s at N"}
    signs = ["fe80::1", "00:1a:2b:3c:4d:5e", "0xDEADBEEF", "x2v9q", "AbC123xYz9", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.dBjft"]
    assert {kind_of(f"[ERROR] {sign} refused") for sign in signs} == {"[ERROR] ID refused"}
    assert kind_of("[ERROR] job x of gps-db-prod") != kind_of("[ERROR] job x of arp-db-prod")
    assert split_time("<34>1 2026-11-23T02:00:06.001Z host app") == ("2026-11-23 02:00:06", "host app")


@pytest.mark.slow
def test_kinds_without_end_are_bounded_in_memory() -> None:
    kinds = FailureKinds()
    letters = str.maketrans("0123456789", "abcdefghij")
    tracemalloc.start()
    for number in range(20_000):
        word = str(number).translate(letters)
        kinds.add(LogLine(Path("b.log"), number, f"[ERROR] {word} {word} {word} went wrong {word}"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kinds.count.total() == 20_000
    assert len(kinds.count) <= 2 * KINDS_LIMIT + 1
    assert peak < 5_000_000
