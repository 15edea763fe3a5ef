"""A mount whose server is gone: nobody waits for it, it is named, and everything else is shown."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actions.checks.disk import CheckDisk
from actions.checks.freeze_status import CheckFreeze
from actions.clean_backups import CleanBackups
from actions.diagnose_access import DiagnoseAccess
from actions.diagnose_disk import DiagnoseDisk
from actions.diagnose_logs import DiagnoseLogs
from actions.freeze import FreezeAction
from actions.restore import Restore
from actions.verify_checksums import VerifyChecksums
from midwatch.api.action import Action, Check, Context
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.clock import SystemClock
from midwatch.system.errors import MidwatchError, OutcomeUnknown
from midwatch.system.mounts import Mount, foreign_mount, read_mounts, require_answer
from probes.alerts import AlertsProbe
from probes.backups import BackupsProbe
from probes.disk import DiskProbe
from probes.storage.largest_entries import largest_entries
from probes.storage.open_deleted_files import open_deleted_files
from tests.support.dead_mount import dead_mount
from tests.support.listening_server import RUNBOOK, Listening
from tests.support.users import needs_root

pytestmark = needs_root
ARP = Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP", host="127.0.0.1", port=1, user="arp_app")
PATIENCE_S = 20.0
"""Far below any limit of a step, far above what a few looks of 3 s take on a busy machine."""


@pytest.fixture(params=["silent", "stopped"])
def dead(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with dead_mount(tmp_path / "gone", request.param) as point:
        yield point


@pytest.fixture
def gone(tmp_path: Path) -> Iterator[Path]:
    with dead_mount(tmp_path / "gone") as point:
        yield point


def book(tmp_path: Path, **places: Path) -> Runbook:
    file = tmp_path / "runbook.yaml"
    file.write_text(RUNBOOK)
    found = load(file)
    mine = {
        name: str(tmp_path / name)
        for name in ("pgpass", "audit", "backups", "emergency", "elsewhere", "logs", "freeze")
    }
    given = {name: str(path) for name, path in places.items()}
    return replace(found, targets={ARP.name: ARP}, locations={**found.locations, **mine, **given})


def context(tmp_path: Path, **places: Path) -> Context:
    return Context(book(tmp_path, **places), Listening(), SystemClock(), "ada@test")


def said(context: Context) -> str:
    return "\n".join(context.console.said)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < PATIENCE_S


def test_mount_is_named_at_once_and_never_waited_for_twice(dead: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(dead / "inside")
    for path in (dead, dead / "a" / "b", tmp_path / "link" / "x", tmp_path / "gone" / ".." / "gone" / "x"):
        with pytest.raises(OutcomeUnknown, match=r"gone \(fuse from gone:/export\)"):
            require_answer(path, limit_s=0.5)
    require_answer(tmp_path / "here")
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(OutcomeUnknown):
            require_answer(dead)
    assert time.monotonic() - began < 3.0


def test_search_passes_over_a_mount_that_does_not_answer_and_names_it(dead: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "dump").write_bytes(b"x" * 100_000)
    found = largest_entries(tmp_path)
    assert found.total >= 100_000
    assert found.folders[0].path == tmp_path / "full"
    assert [one for one in found.skipped if str(dead) in one]
    assert found.complete
    disk = DiagnoseDisk(paths=(tmp_path, dead))
    here = context(tmp_path)
    outcome = disk.apply(here, disk.plan(here))
    assert outcome.ok
    assert f"{dead.name} could not be read" in outcome.summary
    assert "not looked at, since it may not answer" in said(here)
    assert "Deleted files still open" in said(here)


def test_folder_that_stops_answering_is_named_and_what_was_found_is_shown(tmp_path: Path) -> None:
    with dead_mount(tmp_path / "half", "half") as point:
        found = largest_entries(point, limit=1.0)
        assert (found.stuck, found.complete) == (str(point), False)


def test_alone_it_fails_and_shows_the_rest(gone: Path, tmp_path: Path) -> None:
    here = context(tmp_path)
    disk = DiagnoseDisk(paths=(gone,))
    with pytest.raises(MidwatchError, match="could not be read"):
        disk.apply(here, disk.plan(here))
    assert "Deleted files still open" in said(here)


@pytest.mark.parametrize("where", ["freeze", "folder of it"])
def test_freeze_file_there_is_unknown_at_once(gone: Path, tmp_path: Path, where: str) -> None:
    here = context(tmp_path, freeze=gone if where == "freeze" else gone / "ops" / "freeze.json")
    for action in (FreezeAction(), FreezeAction(mode="off"), CheckFreeze()):
        with pytest.raises(OutcomeUnknown, match=r"did not answer|still does not answer"):
            _whole(action, here)


def test_logs_there_are_named_and_the_others_are_read(gone: Path, tmp_path: Path) -> None:
    (tmp_path / "near.log").write_text("2026-11-23 02:00:00 [ERROR] disk full\n")
    action = DiagnoseLogs(logs=(gone / "backup.log", tmp_path / "near.log"))
    here = context(tmp_path)
    plan = action.plan(here)
    assert "answer" in dict(plan.facts)["not read"]
    outcome = action.apply(here, plan)
    assert outcome.summary.startswith(
        "backup.log: not read, its mount does not answer; near.log: 1 failures in 1 lines"
    )
    away = context(tmp_path, logs=gone)
    with pytest.raises(OutcomeUnknown):
        DiagnoseLogs().apply(away, DiagnoseLogs().plan(away))


def test_audit_log_there_keeps_nobody_from_the_servers_own(gone: Path, tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(
        '2026-11-23 02:00:00.000 UTC [7] FATAL:  password authentication failed for user "arp_app"\n'
    )
    target = replace(ARP, log=str(tmp_path / "server.log"))
    here = context(tmp_path, audit=gone / "audit.log")
    action = DiagnoseAccess(target)
    with pytest.raises(OutcomeUnknown, match="by the servers: 1 refused"):
        action.apply(here, action.plan(here))
    assert "The audit log was not read" in said(here)


def test_command_on_a_dead_mount_ends_with_one_sentence(gone: Path, tmp_path: Path) -> None:
    here = context(tmp_path, backups=gone, remote_manifests=gone / "e", credential_backups=gone / "s")
    actions: list[Action] = [
        CheckDisk(gone),
        CleanBackups(),
        VerifyChecksums(),
        Restore(ARP, gone / "arp.sql.gz"),
        Restore(ARP),
    ]
    for action in actions:
        try:
            refusal = _whole(action, here)
        except MidwatchError as error:
            refusal = str(error)
        assert "answer" in refusal, action.name


def test_panels_say_it_in_a_row(gone: Path, tmp_path: Path) -> None:
    runbook = book(tmp_path, backups=gone, logs=gone)
    for probe in (BackupsProbe(), DiskProbe(paths=(gone, tmp_path)), AlertsProbe()):
        reading = probe.read(runbook, SystemClock())
        assert "answer" in " ".join(row.text for row in reading.rows), probe.name
    disk = DiskProbe(paths=(gone, tmp_path)).read(runbook, SystemClock())
    assert "full" in disk.rows[1].text


def test_deleted_file_there_is_not_looked_at(tmp_path: Path) -> None:
    """No such file can be made on a mount that never answered: the handle is on the mount itself, by its number."""
    with dead_mount(tmp_path / "half", "half") as point:
        handle = os.open(point, os.O_RDONLY)
        try:
            assert foreign_mount(point) is not None
            open_deleted_files()
        finally:
            os.close(handle)


def test_command_line_ends_although_its_child_hangs(gone: Path, tmp_path: Path) -> None:
    (tmp_path / "runbook.yaml").write_text(RUNBOOK)
    command = [
        str(Path(sys.executable).parent / "midwatch"),
        "check",
        "disk",
        "--path",
        str(gone),
        "--runbook",
        str(tmp_path / "runbook.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 3
    assert "did not answer within" in done.stderr + done.stdout


def test_foreign_mount_is_known_from_mountinfo(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    rows = [
        "20 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw",
        "30 20 0:30 / /mnt/with\\040blank rw shared:2 - nfs4 nas:/export rw",
        "31 20 0:31 / /home/x rw - fuse.sshfs host:/ rw",
        "32 20 0:32 / /net rw - autofs auto.net rw",
        "33 20 0:33 / /win rw - cifs //srv/share rw",
        "34 20 0:34 / /tmp rw - tmpfs tmpfs rw",
        "35 34 8:2 / /srv rw - nfs srv:/a rw",
        "36 35 8:3 / /srv rw - xfs /dev/sdb rw",
    ]
    table.write_text("\n".join(rows) + "\n")
    mounts = read_mounts(table)
    assert [str(one.point) for one in mounts.values() if one.is_foreign] == [
        "/mnt/with blank",
        "/home/x",
        "/net",
        "/win",
    ]
    assert str(foreign_mount(Path("/mnt/with blank/a/b"), mounts)) == "/mnt/with blank (nfs4 from nas:/export)"
    assert foreign_mount(Path("/mnt/with"), mounts) is None
    assert foreign_mount(Path("/srv/a"), mounts) is None
    assert foreign_mount(Path("/home/x/../y"), mounts) == mounts[Path("/home/x")]
    assert mounts[Path("/srv")] == Mount(36, Path("/srv"), "xfs", "/dev/sdb", "8:3", Path("/"), "rw")
    assert read_mounts(tmp_path / "none") == {}


def _whole(action: Action, context: Context) -> str:
    """Plan it, and carry it out when it does not refuse. The refusal."""
    plan = action.plan(context)
    if not plan.refusal or isinstance(action, Check):
        action.apply(context, plan)
    return plan.refusal
