"""Proof on real servers: a backup is restored, that is kept, and panel, plans, command and check go by it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from actions.checks.backup_valid import CheckBackupValid
from actions.emergency_backup import EmergencyBackup
from drill.production import Production
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.runbook.targets import Target
from midwatch.system.errors import BadInput
from probes.backup.proof_log import append_proof, proof_file, read_proofs
from tests.support.clocks import AheadClock
from tui.cli import main

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture
def site(production: Production, context: Context, tmp_path: Path) -> Path:
    """The production's site, with the locations of this test."""
    data = yaml.safe_load(production.site.read_text())
    data["locations"] = {name: text for name, text in context.runbook.locations.items() if text}
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(data))
    return file


def states(context: Context, arp: Target, days: float, **given: int) -> Level:
    clock = AheadClock()
    clock.ahead = timedelta(days=days)
    return CheckBackupValid(targets=(arp,), **given).evaluate(replace(context, clock=clock)).state


def test_proof_run_is_kept_and_found_by_command_and_check(
    context: Context, arp: Target, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save = EmergencyBackup(arp, digests=True, validate=True)
    path = Path(save.apply(context, save.plan(context)).values["path"])
    (first,) = read_proofs(context.runbook).proofs
    assert (first.depth, first.backup, first.seconds) == (4, str(path), 0)
    assert states(context, arp, 0) is Level.WARN, "never restored"
    assert states(context, arp, 0, depth=4) is Level.OK
    options = ["--runbook", str(context.runbook.file), "--site", str(site), "--target", arp.name]
    assert main(["proof", *options]) == 0
    assert "proven restorable  none" in capsys.readouterr().out
    assert main(["proof", "run", *options]) == 0
    assert "1 of 1 database proven restorable" in capsys.readouterr().out
    assert main(["proof", "run", *options]) == 0
    assert "is proven since" in capsys.readouterr().out
    assert main(["proof", "--json", *options]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["databases"]
    assert (shown["newest_proven"], shown["proof"]["depth"]) == (str(path), 5)
    assert shown["proof"]["seconds"] > 0
    assert shown["proof"]["digests"] >= shown["proof"]["tables"] > 0
    assert states(context, arp, 0) is Level.OK
    assert states(context, arp, 31) is Level.WARN
    assert states(context, arp, 91) is Level.CRITICAL
    path.write_bytes(path.read_bytes()[:-1])
    assert states(context, arp, 0) is Level.WARN, "the proven one was changed"
    assert main(["proof", "verify", *options]) == 0
    log = proof_file(context.runbook)
    log.write_bytes(log.read_bytes().replace(b'"depth":4', b'"depth":5', 1))
    assert states(context, arp, 0) is Level.CRITICAL, "the log was changed"
    assert main(["proof", "verify", *options]) == 1


def test_backup_found_bad_is_kept_with_its_problem_and_proves_nothing(
    context: Context, arp: Target, site: Path
) -> None:
    save = EmergencyBackup(arp, validate=True)
    path = Path(save.apply(context, save.plan(context)).values["path"])
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2] ^= 1
    path.write_bytes(broken)
    options = ["--runbook", str(context.runbook.file), "--site", str(site), "--target", arp.name]
    assert main(["proof", "run", *options]) == 1
    last = read_proofs(context.runbook).proofs[-1]
    assert last.problem
    assert states(context, arp, 0) is Level.CRITICAL
    append_proof(proof_file(context.runbook), replace(last, problem="", depth=4))
    assert read_proofs(context.runbook).last(arp.name) is None
    with pytest.raises(BadInput):
        states(context, arp, 0, depth=9)
