"""`midwatch schedule`: units that systemd takes, lines that a shell runs once at a time, an installation by plan."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tui.cli import main
from tui.schedule_files import SYSUSERS_FILE

RUNBOOK = """\
midwatch: 1
id: small
title: Small
severity: SEV-3
panels:
  disk: {paths: ["100 % full", /]}
targets:
  arp-db-prod: {kind: docker, database: arp, label: ARP, user: arp_app, migration_roles: [mover]}
phases:
  - title: P
    steps: [{id: s, title: S, instructions: x}]
triggers:
  - {id: stopped, title: Stopped, log: logs/backup.log, match: FAILURE}
"""


@pytest.fixture
def place(here: Path) -> Path:
    (here / "runbook.yaml").write_text(RUNBOOK)
    (here / "100 % full").mkdir()
    (here / "logs").mkdir()
    return here


def test_units_are_those_that_systemd_takes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = place / "units"
    units.mkdir()
    options = ["--folder", str(units), "--user", "root", "--textfiles", "metrics"]
    assert main(["schedule", "install", "--plan", *options]) == 0
    assert "create" in capsys.readouterr().out
    assert list(units.iterdir()) == [], "a plan writes nothing"
    assert main(["schedule", "install", "--yes", *options]) == 0
    said = capsys.readouterr().out
    assert "systemctl daemon-reload && systemctl enable --now midwatch-small-check-disk" in said
    assert f"install -d -m 2750 -o midwatch-watch -g midwatch-watch {place}/logs/watch" in said
    names = {path.name for path in units.iterdir()}
    jobs = {"check-disk-root", "check-services", "check-docker", "check-backup-valid", "proof", "freeze-end"}
    assert {f"midwatch-small-{job}.{kind}" for job in jobs for kind in ("service", "timer")} < names
    assert "midwatch-small-watch.service" in names
    service = (units / "midwatch-small-check-disk-root.service").read_text()
    assert f"--textfile {place}/metrics/midwatch-disk-root.prom" in service
    (full,) = (path.read_text() for path in units.glob("*100-full.service"))
    assert f'--path "{place}/100 %% full"' in full
    assert main(["schedule", "install", "--yes", *options]) == 0
    assert "Nothing to do." in capsys.readouterr().out
    (units / "midwatch-small-proof.timer").write_text("[Timer]\nOnCalendar=never\n")
    assert main(["schedule", "install", "--plan", *options]) == 0
    said = capsys.readouterr().out
    assert "-OnCalendar=never" in said
    assert "1 of" in said
    assert main(["schedule", "install", "--yes", *options]) == 0
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    made = subprocess.run(
        ["systemd-sysusers", "--dry-run", units / SYSUSERS_FILE], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Creating user 'midwatch-watch'" in made.stderr
    watcher = units / "midwatch-small-watch.service"
    watcher.write_text(watcher.read_text().replace("User=midwatch-watch", "User=root"))
    argv = ["systemd-analyze", "verify", *sorted(units.glob("*.*er*"))]
    verified = subprocess.run(argv, capture_output=True, text=True, timeout=200, check=False)
    assert "midwatch" not in verified.stderr, verified.stderr


def test_lines_of_cron_run_once_at_a_time_and_say_only_what_failed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schedule", "print", "--format", "cron", "--user", "root"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line[:1] in "*0123456789" and line]
    assert all(line.split()[5] == "root" for line in lines)
    assert all("%" not in line.replace("\\%", "") for line in lines), "cron would end the line there"
    assert any(" proof run " in line for line in lines)
    assert any(" watch " in line and line.startswith("* * * * *") for line in lines)
    (disk,) = (line for line in lines if "disk-" in line and "full" in line)

    def run() -> str:
        shell = disk.split(maxsplit=6)[6].replace("\\%", "%").replace("0-60", "0-0")
        done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, timeout=200, check=False)
        assert done.stderr == ""
        return done.stdout

    assert "sleep" in disk
    (place / "100 % full").rmdir()
    assert "disk UNKNOWN" in run()
    (lock,) = (place / "logs").glob("schedule-check-disk-*.lock")
    held = ["flock", str(lock), "sh", "-c", "echo held; cat"]
    holder = subprocess.Popen(held, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert run() == "", "it runs already"
    finally:
        holder.communicate()
