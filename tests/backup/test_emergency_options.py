"""What the emergency backup takes beside a target: places in order, several databases, roles, standard output."""

from __future__ import annotations

import gzip
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actions.dump import dump_progress, dump_stream
from actions.dump.dump_target import inspect_target
from actions.emergency_backup import EmergencyBackup
from actions.validate_backup import ValidateBackup
from drill.production import Production
from midwatch.api.action import Context
from midwatch.api.parameters import build
from midwatch.runbook.targets import Target
from midwatch.system.errors import BadInput, MidwatchError, OutcomeUnknown
from probes.backup.backup_catalog import backups_of
from probes.backup.manifest import Manifest
from probes.postgres.connect import connect
from tests.support.emergency_backups import Later, files, locked, save
from tests.support.listening_server import Listening
from tests.support.superuser import superuser

pytestmark = pytest.mark.postgres


def test_first_place_with_room_is_taken_and_its_backups_are_found(
    arp: Target, context: Context, tmp_path: Path
) -> None:
    places = {**context.runbook.locations, "emergency": f"/proc/nowhere, {tmp_path}/second"}
    context = replace(context, runbook=replace(context.runbook, locations=places))
    plan = EmergencyBackup(arp).plan(context)
    assert plan.refusal == ""
    assert any(label == "passed over" and "/proc/nowhere" in text for label, text in plan.facts)
    path = Path(EmergencyBackup(arp).apply(context, plan).values["path"])
    assert path.parent == tmp_path / "second"
    assert [one.path for one in backups_of(context.runbook, arp)] == [path]


def test_destinations_without_room_are_named_with_the_alternatives(arp: Target, context: Context) -> None:
    refusal = EmergencyBackup(arp, destination=("/proc/nowhere", "/sys/nothing")).plan(context).refusal
    assert "/proc/nowhere" in refusal
    assert "/sys/nothing" in refusal
    assert "ssh://host/dir" in refusal
    assert "is no destination" in EmergencyBackup(arp, destination=("ftp://host/dir",)).plan(context).refusal


def test_several_side_by_side_and_one_that_fails_is_named(arp: Target, fresh: Target, context: Context) -> None:
    other = replace(fresh, name="fresh-db", label="FRESH")
    action = EmergencyBackup(targets=(arp, other), parallel=2)
    outcome = action.apply(context, action.plan(context))
    assert outcome.ok, outcome.summary
    assert len(outcome.values["paths"].split(",")) == 2
    action = EmergencyBackup(targets=(arp, replace(other, database="gone")))
    assert "FRESH answers, and has no database gone" in action.plan(context).refusal
    with superuser(fresh, fresh.database) as connection:
        connection.execute("CREATE TABLE far (n int)")
    plan = EmergencyBackup(targets=(replace(arp, label="AGAIN"), replace(other, label="LATER"))).plan(context)
    with superuser(fresh) as admin:
        admin.execute(f"DROP DATABASE {fresh.database} WITH (FORCE)".encode())
    outcome = EmergencyBackup(targets=(replace(arp, label="AGAIN"), replace(other, label="LATER"))).apply(context, plan)
    assert not outcome.ok
    assert outcome.summary.startswith("LATER of 2 not saved")
    assert Path(outcome.values["paths"]).name.startswith("again-prod-")


def test_backup_without_a_target_is_bad_input(context: Context) -> None:
    assert "Which database is not said" in EmergencyBackup().plan(context).refusal
    with pytest.raises(BadInput):
        EmergencyBackup().verify(context, datetime.now(UTC))


@pytest.mark.parametrize("parallel", ["0", "-3"])
def test_none_side_by_side_is_bad_input(context: Context, parallel: str) -> None:
    with pytest.raises(BadInput, match=f"'parallel' takes a whole number, 1 or more, not '{parallel}'"):
        build(EmergencyBackup, {"target": "arp-db-prod", "parallel": parallel}, context.runbook)


def test_roles_go_beside_it_without_passwords(arp: Target, context: Context) -> None:
    action = EmergencyBackup(arp, globals=True)
    path = Path(action.apply(context, action.plan(context)).values["path"])
    roles = path.with_name(f"globals.{path.name}")
    text = gzip.decompress(roles.read_bytes()).decode()
    assert "CREATE ROLE" in text
    assert "SCRAM-SHA-256" not in text
    assert roles.stat().st_mode & 0o777 == 0o600
    assert [one.path for one in backups_of(context.runbook, arp)] == [path]
    manifest = Manifest.read(path)
    assert manifest is not None
    assert manifest.globals_sha256


def test_backup_to_standard_output_is_written_for_a_shell(
    production: Production, arp: Target, context: Context, tmp_path: Path
) -> None:
    command = [
        Path(sys.executable).with_name("midwatch"),
        "action",
        "emergency-backup",
        "--target",
        arp.name,
        "--destination",
        "-",
    ]
    where = ["--runbook", production.runbook, "--site", production.site]
    done = subprocess.run([*command, "--yes", *where], capture_output=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    (tmp_path / "saved.gz").write_bytes(done.stdout)
    validate = ValidateBackup(path=str(tmp_path / "saved.gz"))
    assert validate.apply(context, validate.plan(context)).values["depth"] == "3"
    assert b"[OK] Backup saved: standard output" in done.stderr
    closed = subprocess.run(
        ["bash", "-o", "pipefail", "-c", '"$@" | head -c 10', "sh", *command, "--yes", *where],
        capture_output=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert closed.returncode == 1
    assert b"Standard output takes no more" in closed.stderr


def test_whether_it_was_published_can_be_told_afterwards(arp: Target, context: Context) -> None:
    before = datetime.now(UTC)
    assert not EmergencyBackup(arp).verify(context, before).ok
    path = Path(save(arp, context).values["path"])
    assert EmergencyBackup(arp).verify(context, before).values["path"] == str(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OutcomeUnknown, match="its manifest tells"):
        EmergencyBackup(arp).verify(context, before)


def test_session_with_a_conflicting_lock_stands_in_the_plan(arp: Target, context: Context) -> None:
    with locked(arp), superuser(arp, arp.database) as old:
        old.execute("BEGIN")
        facts = EmergencyBackup(arp).plan(context).facts
    (told,) = (text for label, text in facts if label == "locked")
    assert "payments is held by pid" in told
    assert "LOCK TABLE" in told
    assert not any(label == "locked" for label, _ in EmergencyBackup(arp).plan(context).facts)


def test_limits_of_time_that_the_database_sets_end_no_dump(fresh: Target, context: Context) -> None:
    with superuser(fresh) as admin:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            admin.execute(f"ALTER DATABASE {fresh.database} SET {name} = '1ms'".encode())
        admin.execute(f"ALTER DATABASE {fresh.database} SET transaction_timeout = '300ms'".encode())
    assert save(fresh, context).ok
    with connect(inspect_target(context.runbook, fresh).route, statement=0) as connection:
        dump_stream.hold_snapshot(connection)
        connection.execute("SELECT pg_sleep(0.5)")  # longer than the database lets a transaction be


def test_age_of_the_snapshot_is_told(arp: Target, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_progress, "OLD", 0.0)
    save(arp, context)
    assert isinstance(context.console, Listening)
    assert any("vacuum cannot remove" in line for line in context.console.said)


def test_pg_dump_older_than_the_server_is_refused_before_it_starts(
    arp: Target, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin"
    old.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (old / name).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
        (old / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{old}:/bin:/usr/bin")
    context = replace(
        context, runbook=replace(context.runbook, locations={**context.runbook.locations, "pg_bin": str(old)})
    )
    refusal = EmergencyBackup(arp).plan(context).refusal
    assert "older" in refusal
    assert "locations.pg_bin" in refusal
    action = EmergencyBackup(arp)
    with pytest.raises(MidwatchError):
        action.apply(context, action.plan(context))
    assert files(context) == []


def test_dump_far_below_the_last_good_one_is_warned_of(arp: Target, context: Context) -> None:
    action = EmergencyBackup(arp, validate=True)
    first = Path(action.apply(context, action.plan(context)).values["path"])
    manifest = Manifest.read(first)
    assert manifest is not None
    replace(manifest, unpacked=manifest.unpacked * 3).write(first)
    outcome = save(arp, replace(context, clock=Later()))
    assert "; less than half of the " in outcome.summary
    assert outcome.summary.endswith("restore it for a look")
    logged = (context.location("logs") / "emergency-backup.log").read_text()
    assert "[WARN] The dump of arp-db-prod holds " in logged


def test_option_given_twice_is_never_the_last_one_alone(production: Production, tmp_path: Path) -> None:
    def planned(*words: str) -> subprocess.CompletedProcess[str]:
        where = ["--plan", "--runbook", str(production.runbook), "--site", str(production.site)]
        command = [str(Path(sys.executable).with_name("midwatch")), "action", "emergency-backup", *words, *where]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)

    done = planned(
        "--targets",
        "gps-db-prod",
        "--targets",
        "arp-db-prod",
        "--destination",
        "/dev/null",
        "--destination",
        str(tmp_path),
    )
    assert f"create {tmp_path}/gps-prod-<timestamp>" in done.stdout, done
    assert f"create {tmp_path}/arp-prod-<timestamp>" in done.stdout, done
    done = planned("--target", "gps-db-prod", "--target", "arp-db-prod")
    assert (done.returncode, done.stderr.strip()) == (2, "midwatch: --target is given 2 times. Give it once.")
