"""Proven backups come first: the panel says how old they are, a restore prefers them, and clean-up keeps the newest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actions.cleanup.backup_sets import sets_on_disk, with_proofs
from actions.cleanup.retention_policy import choose
from actions.restoring.preferred_backup import choose_backup
from midwatch.api.action import Context
from midwatch.system.clock import file_timestamp, to_rfc3339
from probes.backup.manifest import Manifest
from probes.backup.proof_log import Proof, append_proof, proof_file, read_proofs
from probes.backups import BackupsProbe
from tests.support.host_world import docker_target

NOW = datetime.now(UTC)


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context(targets=docker_target("arp"))


def backup(context: Context, hours_old: float, *, emergency: bool = False) -> Path:
    """A backup of depth 4, as its manifest tells."""
    started = NOW - timedelta(hours=hours_old)
    stamp = file_timestamp(started)
    nightly, folder = context.location("backups") / stamp / "arp.dump.gz", context.runbook.resolve("emergency-backup")
    file = folder / f"arp-prod-{stamp}.sql.gz" if emergency else nightly
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * 100)
    at, sha256 = to_rfc3339(started), f"{int(hours_old * 10):064}"
    Manifest("arp-db-prod", "arp", at, at, 100, sha256, 700, "18", "pg_dump 18", "socket", depth=4).write(file)
    return file


def prove(context: Context, file: Path, *, depth: int = 5, problem: str = "") -> None:
    manifest = Manifest.read(file)
    assert manifest is not None
    given = manifest.target, manifest.database, str(file), manifest.started, manifest.sha256, manifest.bytes, depth
    proof = Proof(to_rfc3339(datetime.now(UTC)), "bastion", "ada@bastion", "", *given, problem, seconds=2.0)
    append_proof(proof_file(context.runbook), proof)


def test_restore_prefers_a_proven_backup_that_is_little_older_and_says_so(context: Context) -> None:
    target = context.runbook.targets["arp-db-prod"]
    files = [backup(context, hours) for hours in (75, 51, 27, 3)]
    choice = choose_backup(context, target)
    assert (choice.backup.path, "NOT proven restorable; no backup of ARP is" in choice.words) == (files[3], True)
    prove(context, files[1])
    choice = choose_backup(context, target)
    assert choice.backup.path == files[3], "two days of data are worth more than a proof"
    assert f"the newest proven one is 2 d older: path {files[1]}" in choice.words
    prove(context, files[2])
    choice = choose_backup(context, target)
    assert choice.backup.path == files[2]
    assert "so it is preferred; a newer one is only validated to depth 4" in choice.words
    prove(context, files[3])
    assert choose_backup(context, target).backup.path == files[3]
    prove(context, files[3], depth=3, problem="row counts differ")
    assert choose_backup(context, target).backup.path == files[2]
    emergency = backup(context, 1, emergency=True)
    assert choose_backup(context, target).backup.path == emergency, "what was written since is in it alone"


def test_panel_says_how_old_the_newest_proven_backup_is(context: Context) -> None:
    files = [backup(context, hours) for hours in (27, 3)]

    def row() -> tuple[str, str]:
        (found,) = BackupsProbe().read(context.runbook, context.clock).rows
        return found.text, dict(found.facts)["proven restorable"]

    assert row()[1] == "none was restored yet: midwatch proof run"
    prove(context, files[0])
    assert "depth 4, proven, 1 d 3 h old" in row()[0]
    prove(context, files[1])
    assert row()[0].endswith("depth 4, proven")
    files[1].write_bytes(b"shorter")
    assert "proven" in row()[0], "the older one still is"
    log = proof_file(context.runbook)
    log.write_bytes(log.read_bytes().replace(b"bastion", b"bastiom", 1))
    assert "proven" not in row()[0]
    assert row()[1].startswith("not known: line 2 does not follow")


def test_clean_up_keeps_the_newest_proven_backup_even_when_the_log_was_changed(context: Context) -> None:
    files = [backup(context, 24 * days) for days in (9, 8, 7, 2, 1)]
    for file in (files[0], files[1]):
        prove(context, file)
    place = context.location("backups")

    def kept() -> dict[str, str]:
        sets, _ = sets_on_disk(place, ["arp"])
        read = [replace(one.held, depths={"arp": 4}) for one in sets]
        choice = choose(with_proofs(read, sets, read_proofs(context.runbook)), ["arp"], NOW, 10_000)
        return {one.name.name: why for one, why in choice.keep}

    names = [file.parent.name for file in files]
    assert sorted(kept()) == [names[1], *names[3:]]
    assert kept()[names[1]] == "the newest one proven restorable of arp"
    log = proof_file(context.runbook)
    log.write_bytes(log.read_bytes().replace(b"bastion", b"bastiom", 1))
    assert sorted(kept()) == [names[1], *names[3:]]
    log.unlink()
    assert sorted(kept()) == names[3:]
