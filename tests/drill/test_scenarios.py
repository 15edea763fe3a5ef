"""Each scenario is wrong where it says so, and nowhere else."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import yaml

from drill.production import Production, build
from drill.scenarios import SCENARIOS
from midwatch.api.action import Context
from midwatch.api.registry import find_action
from midwatch.engine.planning import SilentConsole
from midwatch.runbook.loader import load
from midwatch.system.clock import SystemClock
from probes.backup.checksums import sets_below, verify_set
from probes.storage.disk_usage import Budget, usage

pytestmark = pytest.mark.postgres


@contextmanager
def built(scenario: str, seed: int = 7) -> Iterator[Production]:
    production = build(scenario, seed=seed)
    try:
        yield production
    finally:
        production.tear_down()


def arp(production: Production, *, socket: bool = False) -> psycopg.Connection[tuple[object, ...]]:
    given = yaml.safe_load(production.site.read_text())["targets"]["arp-db-prod"]
    return psycopg.connect(
        host=given["socket"] if socket else given["host"],
        port=given["port"],
        dbname=given["database"],
        user="postgres" if socket else given["user"],
        passfile=production.environment["PGPASSFILE"],
        connect_timeout=10,
    )


def full(production: Production) -> float:
    panel = yaml.safe_load(production.site.read_text())["panels"]["disk"]
    budgets = [Budget.parse(text, lambda path: production.folder / path) for text in panel.get("budgets", ())]
    return usage(production.folder / "backups", budgets).percent


def corrupt(production: Production) -> int:
    return sum(not verify_set(folder).ok for folder in sets_below(production.folder / "backups" / "prod"))


def content(production: Production) -> object:
    with arp(production, socket=True) as connection:
        return connection.execute("SELECT md5(string_agg(i::text, '' ORDER BY id)) FROM invoices i").fetchone()


SMALL = """
midwatch: 1
title: Small
severity: SEV-1
panels: {disk: {paths: [backups]}}
phases: [{title: P, steps: [{title: Clean, uses: clean-backups, risk: destroy}]}]
"""


def clean(production: Production, folder: Path) -> None:
    """Do what the runbook does about the full disk."""
    (folder / "runbook.yaml").write_text(SMALL)
    runbook = load(folder / "runbook.yaml", site=production.site)
    context = Context(runbook, SilentConsole(), SystemClock(), "ada@drill")
    action = find_action("clean-backups")()
    outcome = action.apply(context, action.plan(context))
    assert outcome.ok, outcome.summary


def test_disk_only_and_the_seed(tmp_path: Path) -> None:
    with built("disk-only") as production:
        assert full(production) == pytest.approx(96, abs=0.5)
        assert corrupt(production) == 0
        with arp(production) as connection:
            assert connection.pgconn.used_password
        log = (production.folder / "logs" / "backup.log").read_text()
        assert "Disk usage at 96%" in log
        assert "authentication failed" not in log
        first = content(production)
        clean(production, tmp_path)
        assert full(production) < 80 - 7, "there is room for the next set"
    with built("password-only") as production:
        assert content(production) == first
        assert full(production) < 80
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            arp(production)
        log = (production.folder / "logs" / "backup.log").read_text()
        assert "Disk usage at" not in log
        assert "authentication failed" in log
    with built("no-socket", seed=8) as production:
        with pytest.raises(psycopg.OperationalError):
            arp(production, socket=True)
        with pytest.raises(psycopg.OperationalError):
            arp(production)
        assert full(production) == pytest.approx(96, abs=0.5)


def test_damaged_table_stops_every_dump() -> None:
    with built("damaged-table") as production:
        given = yaml.safe_load(production.site.read_text())["targets"]["arp-db-prod"]
        pg_dump = shutil.which("pg_dump", path=production.environment["PATH"])
        assert pg_dump is not None
        argv = [
            pg_dump,
            "-h",
            given["socket"],
            "-p",
            str(given["port"]),
            "-U",
            "postgres",
            "-d",
            given["database"],
            "-f",
            "/dev/null",
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode != 0
        assert "invalid page in block 20" in done.stderr
        good = [verify_set(folder).ok for folder in sets_below(production.folder / "backups" / "prod")]
        assert sum(good) == 12, "the sets were taken before the damage"


def test_scenario_without_a_test_is_none() -> None:
    tested = "\n".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    for scenario in SCENARIOS:
        assert scenario.name == "reference" or f'("{scenario.name}"' in tested
