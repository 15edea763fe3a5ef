"""What the production of the reference drill is: every figure is read from the real thing."""

from __future__ import annotations

import dataclasses
import gzip
import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
import yaml

from drill.production import Production, find_open
from midwatch.api.action import Context
from midwatch.engine.answers import load_answers
from midwatch.engine.planning import SilentConsole
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from midwatch.runbook.triggers import Trigger
from midwatch.system.clock import SystemClock
from midwatch.system.errors import SourceLocation
from midwatch.watch.watcher import Watcher
from probes.backup.backup_catalog import backups_of
from probes.backup.checksums import sets_below, verify_set
from probes.databases import DatabasesProbe
from probes.disk import DiskProbe
from probes.storage.disk_usage import Budget, usage

pytestmark = pytest.mark.postgres


def site(production: Production) -> dict[str, dict[str, dict[str, object]]]:
    return yaml.safe_load(production.site.read_text())  # type: ignore[no-any-return]


def target(production: Production, name: str) -> dict[str, object]:
    return site(production)["targets"][f"{name}-db-prod"]


def connect(production: Production, name: str, **more: object) -> psycopg.Connection[tuple[object, ...]]:
    """Log in as the application does, over TCP, with the password file of the bastion."""
    given = target(production, name)
    options = {"host": given["host"], "port": given["port"], "dbname": given["database"], "user": given["user"]}
    return psycopg.connect(
        **{**options, "passfile": production.environment["PGPASSFILE"], "connect_timeout": 10, **more}  # type: ignore[arg-type]
    )


def superuser(production: Production, name: str) -> psycopg.Connection[tuple[object, ...]]:
    return connect(production, name, host=target(production, name)["socket"], user="postgres")


@pytest.mark.parametrize("name", ["otc", "gps"])
def test_application_logs_in_with_a_password(production: Production, name: str) -> None:
    with connect(production, name) as connection:
        assert connection.pgconn.used_password
        assert connection.info.server_version >= 180000


def test_password_of_arp_in_no_file_logs_in(production: Production) -> None:
    with pytest.raises(psycopg.OperationalError, match='password authentication failed for user "arp_app"'):
        connect(production, "arp")


def test_superuser_comes_in_over_the_socket_alone(production: Production) -> None:
    with superuser(production, "arp") as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,)
        assert not connection.pgconn.used_password
    with pytest.raises(psycopg.OperationalError):
        connect(production, "arp", user="postgres", password="postgres")


@pytest.mark.parametrize(
    ("name", "table", "rows"), [("otc", "trades", 90000), ("gps", "positions", 72000), ("arp", "invoices", 110000)]
)
def test_server_of_a_drill_has_tens_of_megabytes(production: Production, name: str, table: str, rows: int) -> None:
    with superuser(production, name) as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert found is not None
        assert 20e6 < int(str(found[0])) < 100e6


def test_statements_reach_the_servers_log_and_the_drills_own_do_not(production: Production) -> None:
    with superuser(production, "gps") as connection:
        connection.execute("SELECT 'seen in the log'")
    log = (Path(production.record.clusters[1]).parent / "gps-server.log").read_text()
    assert "seen in the log" in log
    assert "CREATE ROLE" not in log
    assert "SCRAM" not in log


def test_volume_is_96_percent_full(production: Production) -> None:
    runbook = Runbook("r", "R", Severity.SEV1, production.runbook, production.site, production.folder, "")
    panel = site(production)["panels"]["disk"]
    budgets = tuple(str(text) for text in panel.get("budgets", ()))  # type: ignore[attr-defined]
    reading = DiskProbe(paths=(production.folder / "backups",), budgets=budgets).read(runbook, SystemClock())
    assert not reading.error
    row, _ = reading.rows
    assert row.number == pytest.approx(96, abs=0.5)


def test_volume_of_a_drill_is_really_full_where_a_mount_is_possible(production: Production) -> None:
    folder = production.folder / "backups"
    if not os.path.ismount(folder):
        pytest.skip("no mount is possible here")
    free = usage(folder).free
    with pytest.raises(OSError, match="No space left"), (folder / "too-much").open("wb") as file:
        file.write(b"x" * (free + 1_000_000))
    (folder / "too-much").unlink()


def test_backup_sets_of_a_drill_are_good_but_one(production: Production) -> None:
    sets = sets_below(production.folder / "backups" / "prod")
    verdicts = [verify_set(folder) for folder in sets]
    assert len(verdicts) == 13
    (corrupt,) = [verdict for verdict in verdicts if not verdict.ok]
    assert len(corrupt.bad) == 1
    assert corrupt.folder.parent.name == "prod"
    assert sum(folder.parent.name == "old" for folder in sets) == 6


def test_sha256sum_of_every_set_agrees_with_its_state(production: Production) -> None:
    codes = [
        subprocess.run(
            ["sha256sum", "--check", "--status", "checksums.sha256"], cwd=folder, timeout=30, check=False
        ).returncode
        for folder in sets_below(production.folder / "backups" / "prod")
    ]
    assert sorted(codes) == [0] * 12 + [1]


def test_removal_of_old_sets_frees_enough_for_a_new_one(production: Production) -> None:
    """Without `old/` the volume is below 80 %, and a new set still fits below 80 %."""
    volume = production.folder / "backups"
    budgets = [
        Budget.parse(text, lambda path: production.folder / path)
        for text in site(production)["panels"]["disk"].get("budgets", ())
    ]  # type: ignore[attr-defined]
    found = usage(volume, budgets)
    old = sum(file.stat().st_size for file in (volume / "prod" / "old").rglob("*") if file.is_file())
    newest = sets_below(volume / "prod")[0]
    one = sum(file.stat().st_size for file in newest.iterdir())
    assert found.after(one - old) < 75


def test_newest_backup_restores(production: Production, tmp_path: Path) -> None:
    newest = max((production.folder / "backups" / "prod").glob("2*"))
    (backup,) = [file for file in newest.iterdir() if "gps" in file.name and file.suffix == ".gz"]
    plain = tmp_path / "gps.dump"
    with gzip.open(backup) as source, plain.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    pg_restore = shutil.which("pg_restore", path=production.environment["PATH"])
    assert pg_restore is not None
    done = subprocess.run([pg_restore, "--list", str(plain)], capture_output=True, text=True, timeout=60, check=True)
    assert "position_snapshots_2026_11" in done.stdout


def test_catalogue_knows_every_backup(production: Production) -> None:
    """Read with the reference runbook and the drill's own site file, as the panels do."""
    runbook = load(production.runbook, site=production.site)
    assert set(runbook.targets) == {"otc-db-prod", "gps-db-prod", "arp-db-prod"}
    for target in runbook.targets.values():
        found = backups_of(runbook, target)
        assert len(found) == 13
        assert [backup.depth for backup in found] == [4] * 13
        newest = found[0].manifest
        assert newest is not None
        with superuser(production, target.database) as connection:
            for table, rows in newest.rows.items():
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)


def test_answers_fit_the_reference_runbook(production: Production) -> None:
    runbook = load(production.runbook, site=production.site)
    answers = load_answers(production.answers, runbook)
    asked = {step.id for step in runbook.steps() if step.questions}
    assert asked <= set(answers.manual)
    for step in runbook.steps():
        if step.questions:
            assert {ask.name for ask in step.questions if ask.required} <= set(answers.manual[step.id].values)


def test_night_is_in_the_logs(production: Production) -> None:
    text = (production.folder / "logs" / "backup.log").read_text()
    last = [line.split(" ", 2)[2] for line in text.splitlines()[-3:]]
    assert last == [
        "[ERROR] Unable to connect to arp-db-prod: authentication failed",
        "[ERROR] Disk usage at 96% – unsafe for backup",
        "[FAILURE] PROD nightly backup stopped",
    ]
    moments = [datetime.fromisoformat(" ".join(line.split(" ", 2)[:2])) for line in text.splitlines()]
    assert all(moment.tzinfo is not None for moment in moments), "the drill's logs tell their time zone"
    assert "login.failed user=arp_app" in (production.folder / "security" / "access-audit.log").read_text()


def test_password_outside_the_password_file_is_nowhere(production: Production) -> None:
    passwords = [
        line.rsplit(":", 1)[1]
        for line in Path(production.environment["PGPASSFILE"]).read_text().splitlines()
        if ":" in line
    ]
    assert len(passwords) == 3
    files = [
        *production.folder.glob("logs/**/*"),
        *production.folder.glob("security/*"),
        production.site,
        production.record.file,
    ]
    files += list((Path(production.record.server_directory) / "servers").glob("*.log"))
    for file in files:
        if file.is_file():
            text = file.read_text(errors="replace")
            assert not [password for password in passwords if password in text], file
    assert Path(production.environment["PGPASSFILE"]).stat().st_mode & 0o777 == 0o600


def test_production_is_found_by_its_owner(production: Production) -> None:
    found = find_open()
    assert found is not None
    assert found.folder == production.folder
    assert found.owned
    assert found.alive()


def test_production_cannot_be_read_by_other_users(production: Production) -> None:
    assert production.folder.stat().st_mode & 0o007 == 0


def test_panel_of_databases_knows_each_of_them(production: Production, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reachable, let in or not, version, size, connections, the longest transaction, replication."""
    for name, value in production.environment.items():
        monkeypatch.setenv(name, value)
    rows = {
        row.label: row
        for row in DatabasesProbe().read(load(production.runbook, site=production.site), SystemClock()).rows
    }
    facts = dict(rows["OTC"].facts)
    assert facts["reachable"] == "yes"
    assert facts["version"].startswith("PostgreSQL ")
    assert facts["locks"] == "nobody waits"
    assert facts["replication"] == "none"
    assert rows["OTC"].curve is not None
    assert dict(rows["ARP"].facts)["login"].startswith("refused: ")
    assert rows["ARP"].brief == "refused"


def test_watcher_fires_for_each_trigger_and_panel_of_the_night_within_two_looks(
    production: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in production.environment.items():
        monkeypatch.setenv(name, value)
    runbook = load(production.runbook, site=production.site)
    runbook = dataclasses.replace(
        runbook,
        locations={**runbook.locations, "watch": str(tmp_path / "watch")},
        triggers=(
            *runbook.triggers,
            *(Trigger(panel, panel, SourceLocation("here"), panel=panel) for panel in ("disk", "databases")),
        ),
    )
    watcher = Watcher(Context(runbook, SilentConsole(), SystemClock(), "watcher"))
    fired = {request.trigger: request.evidence for _ in range(2) for request in watcher.look()}
    watcher.close()
    assert fired.keys() == {trigger.id for trigger in runbook.triggers}
    assert "%" in fired["disk"]
    assert "ARP" in fired["databases"]
    assert len(watcher.store.every()) == len(fired) == 7
