"""The log of validations: appended only, chained, by several writers, on full disks, and against other users."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.api.action import Context
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, OutcomeUnknown
from probes.backup.manifest import Manifest
from probes.backup.proof_log import Proof, append_proof, newest_proven, proof_file, read_proofs
from tests.support.filling import fill
from tests.support.users import MALLORY, needs_root, run_as

ARP = Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP", host="127.0.0.1", user="arp_app")
PROOF = Proof(
    at="2026-11-22T03:00:00.000000Z",
    host="bastion",
    actor="ada@bastion",
    incident="",
    target="arp-db-prod",
    database="arp",
    backup="/b/arp.dump.gz",
    taken="2026-11-22T02:00:00.000000Z",
    sha256="a" * 64,
    bytes=7,
    depth=5,
    rows=12,
    tables=2,
    seconds=1.5,
    compared="restored into PostgreSQL 18: 12 rows in 2 tables",
)
MANIFEST = Manifest(
    "arp-db-prod", "arp", PROOF.taken, PROOF.taken, 7, PROOF.sha256, 70, "18", "pg_dump 18", "socket", depth=4
)


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context(targets={"arp-db-prod": ARP})


@pytest.fixture
def file(context: Context) -> Path:
    return proof_file(context.runbook)


def test_writers_side_by_side_keep_every_line_in_one_chain(context: Context, file: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: append_proof(file, replace(PROOF, rows=number)), range(40)))
    log = read_proofs(context.runbook)
    assert sorted(proof.rows for proof in log.proofs) == list(range(40))
    assert (log.problems, log.cut) == ((), ())
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kept", [1, 200, -1])
def test_cut_last_line_is_closed_by_the_next_writer_and_is_no_change(context: Context, file: Path, kept: int) -> None:
    append_proof(file, PROOF)
    first = file.read_bytes()
    append_proof(file, replace(PROOF, rows=13))
    left = first + file.read_bytes()[len(first) :][:kept]  # -1: all but the line end
    file.write_bytes(left)
    append_proof(file, replace(PROOF, rows=99))
    log = read_proofs(context.runbook)
    assert [proof.rows for proof in log.proofs] == ([12, 13, 99] if kept == -1 else [12, 99])
    assert (log.cut, log.problems) == (() if kept == -1 else (2,), ())
    assert file.read_bytes().startswith(left), "only ever appended to"


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace(b'"depth":5', b'"depth":4'), *lines[1:]],
        lambda lines: [lines[0], b"rubbish\n", *lines[2:]],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [*lines[1:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
    ],
    ids=["edited", "garbled", "removed", "first removed", "swapped"],
)
def test_changed_log_proves_nothing(context: Context, file: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    for rows in range(3):
        append_proof(file, replace(PROOF, rows=rows))
    assert read_proofs(context.runbook).of_bytes(MANIFEST) is not None
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))
    log = read_proofs(context.runbook)
    assert log.problems
    assert log.of_bytes(MANIFEST) is None
    append_proof(file, PROOF)
    assert read_proofs(context.runbook).problems == log.problems, "a later line does not mend it"


def test_later_problem_with_the_same_bytes_takes_the_proof_back(context: Context, file: Path) -> None:
    append_proof(file, PROOF)
    append_proof(file, replace(PROOF, depth=4, seconds=0.0, compared=""))
    proof = read_proofs(context.runbook).of_bytes(MANIFEST)
    assert proof is not None, "what was restored can be restored, whatever a shallower look says"
    assert proof.depth == 5
    assert read_proofs(context.runbook).of_bytes(replace(MANIFEST, sha256="b" * 64)) is None
    append_proof(file, replace(PROOF, depth=3, problem="row counts differ"))
    assert read_proofs(context.runbook).of_bytes(MANIFEST) is None
    assert newest_proven([], read_proofs(context.runbook)) is None


def test_hostile_texts_stay_one_harmless_line(context: Context, file: Path) -> None:
    append_proof(file, replace(PROOF, problem="\x1b[2J\n" + "x" * 9_000, backup="/b/\udcff\u202e"))
    (proof,) = read_proofs(context.runbook).proofs
    assert file.read_bytes().isascii()
    assert file.read_bytes().count(b"\n") == 1
    assert "\x1b" not in proof.problem
    assert len(proof.problem) < 2_000


@needs_root
def test_full_disk_leaves_the_log_as_it_was(context: Context, file: Path) -> None:
    file.parent.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "midwatch-test", file.parent], check=True, timeout=20)
    try:
        append_proof(file, PROOF)
        while file.stat().st_size % 4096 < 3600:  # the last page has no room for another line
            append_proof(file, PROOF)
        before, filler = file.read_bytes(), fill(file.parent)
        with pytest.raises(Failed, match="No space left on device"):
            append_proof(file, PROOF)
        assert file.read_bytes() == before
        filler.unlink()
        append_proof(file, PROOF)
        assert (read_proofs(context.runbook).problems, read_proofs(context.runbook).cut) == ((), ())
    finally:
        subprocess.run(["umount", "--lazy", file.parent], check=True, timeout=20)


@needs_root
def test_log_of_another_user_is_not_believed(context: Context, file: Path) -> None:
    file.parent.mkdir(parents=True)
    append_proof(file, PROOF)
    os.chown(file, MALLORY, MALLORY)
    with pytest.raises(OutcomeUnknown, match="it belongs to"):
        read_proofs(context.runbook)
    with pytest.raises(Failed, match="it belongs to"):
        append_proof(file, PROOF)
    file.unlink()
    file.symlink_to("/etc/passwd")
    with pytest.raises(OutcomeUnknown):
        read_proofs(context.runbook)
    with pytest.raises(Failed):
        append_proof(file, PROOF)


@needs_root
def test_member_of_the_group_adds_to_a_shared_log(context: Context, reachable: Path) -> None:
    shared = reachable / "logs"
    shared.mkdir()
    os.chown(shared, 0, 64100)
    shared.chmod(0o2770)
    file = shared / "backup-proofs.jsonl"
    append_proof(file, PROOF)
    run_as(MALLORY, lambda: append_proof(file, replace(PROOF, actor="bob@bastion")), gid=64100)
    book = replace(context.runbook, locations={**context.runbook.locations, "proofs": str(file)})
    assert [proof.actor for proof in read_proofs(book).proofs] == ["ada@bastion", "bob@bastion"]
