"""The nightly job: a whole set or none, in the words of the plan."""

from __future__ import annotations

import gzip
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from actions.checks.nightly_set import CheckNightlySet
from actions.nightly_backup import NightlyBackup
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, MidwatchError, Refused
from midwatch.system.file_locks import locked_file
from probes.backup.checksums import LIST
from probes.backup.manifest import Manifest
from probes.backup.proof_log import read_proofs
from probes.backups import BackupsProbe
from tests.support.emergency_backups import Later
from tests.support.listening_server import Listening
from tests.support.superuser import superuser

pytestmark = pytest.mark.postgres


@pytest.fixture
def able(context: Context) -> Context:
    """Without ARP, whose password is lost."""
    targets = {name: target for name, target in context.runbook.targets.items() if name != "arp-db-prod"}
    return replace(context, runbook=replace(context.runbook, targets=targets))


def said(context: Context) -> list[str]:
    assert isinstance(context.console, Listening)
    return context.console.said


def log(context: Context) -> list[str]:
    return [line[21:] for line in (context.location("logs") / "backup.log").read_text().splitlines()]


def run(context: Context) -> Path:
    action = NightlyBackup()
    plan = action.plan(context)
    assert plan.refusal == ""
    assert plan.totals().endswith("creates 2 backups, 2 roles files")
    return Path(action.apply(context, plan).values["set"])


def test_nightly_set_when_whole_passes_sha256sum(able: Context) -> None:
    folder = run(able)
    dumps, roles = {"otc.dump.gz", "gps.dump.gz"}, {"globals.otc.sql.gz", "globals.gps.sql.gz"}
    assert {path.name for path in folder.glob("*.gz")} == dumps | roles
    subprocess.run(["sha256sum", "-c", "checksums.sha256"], cwd=folder, check=True, capture_output=True, timeout=60)
    assert CheckNightlySet().evaluate(able).ok
    assert log(able)[0] == "[INFO] PROD nightly backup started"
    assert log(able)[-1] == "[OK] PROD nightly backup finished: 2 databases"
    rows = BackupsProbe().read(able.runbook, SystemClock()).rows
    assert {row.label: row.level for row in rows} == {"OTC": Level.OK, "GPS": Level.OK}
    assert not list(able.location("backups").glob(".2*"))
    kept = {(proof.database, proof.depth, Path(proof.backup).exists()) for proof in read_proofs(able.runbook).proofs}
    assert kept == {("otc", 4, True), ("gps", 4, True)}


def test_refused_login_leaves_no_set_and_prints_the_lines_of_the_plan(context: Context) -> None:
    action = NightlyBackup()
    plan = action.plan(context)
    assert "Unable to connect to arp-db-prod: authentication failed" in plan.refusal
    with pytest.raises(MidwatchError):
        action.apply(context, plan)
    assert "[ERROR] Unable to connect to arp-db-prod: authentication failed" in log(context)
    assert log(context)[-1] == "[FAILURE] PROD nightly backup stopped"
    assert [path.name for path in context.location("backups").iterdir()] == [".nightly.lock"]
    assert not CheckNightlySet().evaluate(context).ok


def test_table_without_permission_leaves_no_set(able: Context) -> None:
    target = able.runbook.targets["otc-db-prod"]
    with superuser(target, target.database) as admin:
        admin.execute("CREATE TABLE public.hidden (n int)")
    try:
        action = NightlyBackup()
        with pytest.raises(MidwatchError, match="permission denied"):
            action.apply(able, action.plan(able))
        assert [path.name for path in able.location("backups").iterdir()] == [".nightly.lock"]
        assert log(able)[-1] == "[FAILURE] PROD nightly backup stopped"
    finally:
        with superuser(target, target.database) as admin:
            admin.execute("DROP TABLE public.hidden")


def test_two_never_run_at_once(able: Context) -> None:
    place = able.location("backups")
    place.mkdir()
    with locked_file(place / ".nightly.lock", None):
        action = NightlyBackup()
        with pytest.raises(Refused, match="Another nightly backup"):
            action.apply(able, action.plan(able))
    assert run(able).is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_disk_that_is_too_full_is_refused_in_the_plans_words(able: Context) -> None:
    place = able.location("backups")
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "midwatch-test", place], check=True, timeout=20)
    try:
        (place / "filler").write_bytes(bytes(1_000_000))
        action = NightlyBackup()
        plan = action.plan(able)
        assert "Disk usage at 96% – unsafe for backup" in plan.refusal or "unsafe for backup" in plan.refusal
        with pytest.raises(MidwatchError, match="unsafe for backup"):
            action.apply(able, plan)
        assert any("– unsafe for backup" in line and line.startswith("[ERROR] Disk usage at 9") for line in log(able))
        assert log(able)[-1] == "[FAILURE] PROD nightly backup stopped"
    finally:
        subprocess.run(["umount", "--lazy", place], check=True, timeout=20)


def test_whether_a_run_that_nobody_saw_the_end_of_made_a_set(able: Context) -> None:
    before = able.clock.now()
    assert not NightlyBackup().verify(able, before).ok
    folder = run(able)
    assert NightlyBackup().verify(able, before).ok
    assert not NightlyBackup().verify(able, able.clock.now()).ok
    (folder / "otc.dump.gz").write_bytes(b"cut")
    assert "OTC" in NightlyBackup().verify(able, before).summary


def test_roles_are_in_the_set_without_their_passwords(able: Context) -> None:
    folder = run(able)
    roles = gzip.decompress((folder / "globals.otc.sql.gz").read_bytes()).decode()
    assert "CREATE ROLE otc_app" in roles
    assert "CREATE ROLE otc_owner" in roles
    assert "SCRAM-SHA-256" not in roles
    assert "globals.otc.sql.gz" in (folder / LIST).read_text()
    assert said(able)[-1].endswith("finished: 2 databases")
    assert any("its roles beside it" in line for line in said(able))


def test_validate_without_a_name_reads_the_whole_newest_set(able: Context) -> None:
    with pytest.raises(BadInput, match="no nightly set"):
        ValidateBackup().plan(able)
    folder = run(able)
    (able.location("backups") / "20990101-000000").mkdir()
    (able.location("backups") / "20990101-000000" / "otc.dump.gz").touch()
    action = ValidateBackup()
    assert [effect.object for effect in action.plan(able).effects] == [
        str(folder / "gps.dump.gz"),
        str(folder / "otc.dump.gz"),
    ]
    outcome = action.apply(able, action.plan(able))
    assert (outcome.ok, outcome.values) == (True, {"set": str(folder), "depth": "4"})
    (folder / "globals.gps.sql.gz").write_bytes(b"")
    (folder / "otc.dump.gz").unlink()
    outcome = action.apply(able, action.plan(able))
    assert not outcome.ok
    assert all(word in outcome.summary for word in ("OTC is missing", "globals.gps.sql.gz", "missing: otc.dump.gz"))


def test_backup_half_the_size_of_the_last_is_warned_of(able: Context) -> None:
    first = run(able)
    file = first / "otc.dump.gz"
    manifest = Manifest.read(file)
    assert manifest is not None
    replace(manifest, unpacked=manifest.unpacked * 3).write(file)
    again = replace(able, clock=Later())
    action = NightlyBackup()
    outcome = action.apply(again, action.plan(again))
    assert outcome.ok
    assert outcome.values["smaller"] == "OTC"
    assert any(line.startswith("[WARN] The backup of otc-db-prod holds") for line in log(able))
    assert not any("gps" in line for line in log(able) if line.startswith("[WARN]"))
    made = Manifest.read(Path(outcome.values["set"]) / "otc.dump.gz")
    assert made is not None
    assert made.depth == 5, "it was restored for a look"
    assert "restored into" in made.compared
