"""pgBackRest and Barman themselves, on a server of their own: the checks count what they have made."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actions.checks.backup_age import CheckBackupAge
from actions.checks.backup_duration import CheckBackupDuration
from actions.checks.backup_redundancy import CheckBackupRedundancy
from actions.checks.backup_size import CheckBackupSize
from drill.servers.clusters import free_ports
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.runbook.targets import ExternalCommand, Target, TargetKind
from midwatch.system.errors import OutcomeUnknown
from probes.backup.backup_report import reported_backups
from tests.support.waiting import wait_for

pytestmark = pytest.mark.heavy
LIMIT_S = 240
USER = "postgres"
SYSTEM = sorted(Path("/usr/lib/postgresql").glob("1[0-5]/bin"))
"""Servers that the pgBackRest of Debian 12 knows."""


class Tools:
    """A server in a folder, and commands beside it, as the user of both."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs, (self.port,) = folder, SYSTEM[-1], free_ports(1)
        self.environment = {"HOME": str(folder), "PATH": f"{self.programs}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}

    def command(self, *words: object) -> list[str]:
        setting = [f"{name}={value}" for name, value in self.environment.items()]
        return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "env", "-C", str(self.folder),
                *setting, *(str(word) for word in words)]  # fmt: skip

    def run(self, *words: object, check: bool = True) -> str:
        command = self.command(*words)
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(text)
        shutil.chown(file, USER)
        return file


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    if os.geteuid() != 0 or not SYSTEM or USER not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("needs root, Debian's PostgreSQL 15 or older, and its user")
    folder = Path(f"/tmp/mwt-{os.getpid()}")
    folder.mkdir(mode=0o755)
    shutil.chown(folder, USER)
    made = Tools(folder)
    try:
        archive = f"pgbackrest --config={folder}/pgbackrest.conf --stanza=main archive-push %p"
        made.run("initdb", "-D", "data", "-A", "trust", "-U", USER, "--wal-segsize=1", "-N")
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write(
                f"port={made.port}\nlisten_addresses=''\nunix_socket_directories='{folder}'\narchive_mode=on\n"
                f"archive_command='test ! -e {folder}/repo || {archive}'\n"
                "shared_buffers=16MB\nmin_wal_size=2MB\nmax_wal_size=8MB\nfsync=off\n"
            )
        made.write(
            "pgbackrest.conf",
            f"[global]\nrepo1-path={folder}/repo\nlog-path={folder}\nlock-path={folder}/lock\nstart-fast=y\n"
            "repo1-retention-full=9\nlog-level-console=warn\narchive-timeout=120\n"
            f"[main]\npg1-path={folder}/data\npg1-port={made.port}\npg1-socket-path={folder}\n",
        )
        made.run("pg_ctl", "-w", "-D", "data", "-l", "server.log", "start")
        yield made
    finally:
        made.run("pg_ctl", "-m", "immediate", "-D", "data", "stop", check=False)
        shutil.rmtree(folder)


def target_of(tools: Tools, *words: object) -> Target:
    report = ExternalCommand(shlex.join(tools.command(*words)), float(LIMIT_S))
    return Target("arp", TargetKind.LOCAL, "arp", "ARP", backup_report=report)


def test_checks_follow_the_backups_of_pgbackrest(tools: Tools, make_context: Callable[..., Context]) -> None:
    if shutil.which("pgbackrest") is None:
        pytest.skip("pgbackrest is not installed")
    program = ("pgbackrest", f"--config={tools.folder}/pgbackrest.conf", "--stanza=main")
    context = make_context(targets={"arp": target_of(tools, *program, "info", "--output=json")})
    with pytest.raises(OutcomeUnknown, match="pgBackRest: main: missing stanza"):
        CheckBackupAge().evaluate(context)
    tools.run(*program, "stanza-create")
    assert CheckBackupAge().evaluate(context).summary == "ARP has no backup"
    tools.run(*program, "--type=full", "backup")
    assert CheckBackupRedundancy().evaluate(context).state is Level.WARN
    for kind in ("full", "diff", "incr"):
        tools.run(*program, f"--type={kind}", "backup")
    assert CheckBackupRedundancy().evaluate(context).summary == "ARP 4 good backups in 1 place"
    assert CheckBackupAge().evaluate(context).ok
    sizes = {figure.label: figure.value for figure in CheckBackupSize().evaluate(context).figures}
    assert sizes["ARP pgBackRest full size"] > 1_000_000
    assert CheckBackupDuration().evaluate(context).ok
    assert CheckBackupAge(warning="@0:", critical="").evaluate(context).state is Level.WARN


def test_checks_follow_the_backups_of_barman(tools: Tools, make_context: Callable[..., Context]) -> None:
    if shutil.which("barman") is None:
        pytest.skip("barman is not installed")
    folder = tools.folder
    login = f"host={folder} port={tools.port} user={USER}"
    tools.write(
        "barman.conf",
        f"[barman]\nbarman_home={folder}/barman\nbarman_user={USER}\nlog_file={folder}/barman.log\n"
        f"configuration_files_directory={folder}/none\n[main]\ndescription=main\nconninfo={login} dbname=postgres\n"
        f"streaming_conninfo={login}\nbackup_method=postgres\nstreaming_archiver=on\nslot_name=barman\n"
        f"create_slot=auto\nimmediate_checkpoint=true\npath_prefix={tools.programs}\n",
    )
    (folder / "barman").mkdir()
    shutil.chown(folder / "barman", USER)
    program = ("barman", "-c", folder / "barman.conf")
    target = target_of(tools, *program, "-f", "json", "list-backups", "main")
    context = make_context(targets={"arp": target})
    assert CheckBackupAge().evaluate(context).summary == "ARP has no backup"
    try:

        def is_ready() -> bool:
            tools.run(*program, "switch-wal", "--force", "main", check=False)
            tools.run(*program, "-q", "cron", check=False)  # starts what receives WAL, and archives what came
            checks = json.loads(tools.run(*program, "-f", "json", "check", "main", check=False))["main"].values()
            return all(check["status"] == "OK" for check in checks)

        wait_for(is_ready, "Barman whose checks all hold", seconds=LIMIT_S)
        tools.run(*program, "backup", "main")

        def is_good() -> bool:
            tools.run(*program, "switch-wal", "--force", "main", check=False)
            tools.run(*program, "-q", "cron", check=False)
            return reported_backups(context.runbook, target.backup_report)[0].is_good  # type: ignore[arg-type]

        wait_for(is_good, "a backup with all of its WAL", seconds=LIMIT_S)
        assert CheckBackupAge().evaluate(context).ok
        assert CheckBackupRedundancy().evaluate(context).state is Level.WARN
    finally:
        tools.run(*program, "receive-wal", "--stop", "main", check=False)
