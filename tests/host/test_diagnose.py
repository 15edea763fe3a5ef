"""What eats the disk and who failed to log in, on real files, real processes and the drill's own kind of log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from actions.diagnose_access import DiagnoseAccess, read_audit
from actions.diagnose_disk import DiagnoseDisk
from actions.diagnose_logs import DiagnoseLogs
from midwatch.api.action import Context
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, OutcomeUnknown
from probes.storage.largest_entries import largest_entries
from probes.storage.open_deleted_files import open_deleted_files
from tests.support.host_world import Heard

AUDIT = """\
2026-11-17 23:00:00 LOGIN failed user=dba_meier target=otc-db-prod source=10.20.4.31 reason=password authentication
2026-11-22 16:42:00 ROTATE started user=arp_app target=arp-db-prod source=10.20.0.40 by=svc-rotation ticket=CHG-20418
2026-11-22 16:42:02 ROTATE password changed user=arp_app target=arp-db-prod source=10.20.0.40 by=svc-rotation
2026-11-22 16:42:33 ROTATE failed: secret store did not answer user=arp_app source=10.20.0.40 by=svc-rotation
2026-11-22 17:13:00 LOGIN failed user=arp_app target=arp-db-prod source=10.20.0.22 reason=password authentication failed
2026-11-22 17:44:00 LOGIN failed user=arp_app target=arp-db-prod source=10.20.0.22 reason=password authentication failed
2026-11-22 18:00:00 LOGIN ok user=gps_app target=gps-db-prod source=10.20.0.15 method=scram-sha-256
2026-11-23 02:00:06 LOGIN failed user=arp_app target=arp-db-prod source=10.20.0.15 reason=password authentication failed
"""


HOLDER = """
import os, sys
file = open(sys.argv[1], "wb")
file.write(b"x" * 3_000_000)
file.flush()
os.unlink(sys.argv[1])
print(flush=True)
sys.stdin.read()
"""


def test_audit_log_by_user_source_and_time() -> None:
    found = read_audit(AUDIT.splitlines())
    worst = ("arp_app", "arp-db-prod", "10.20.0.22")
    assert found.failed.count.total() == 4
    assert found.failed.count[worst] == 2
    assert (found.failed.first[worst], found.failed.last[worst]) == ("2026-11-22 17:13:00", "2026-11-22 17:44:00")
    assert [line.split()[2] for line in found.changes] == ["ROTATE"] * 3
    mine = "2026-11-23T02:20:00Z ada@bastion password.reset user=arp_app target=arp-db-prod incident=INC-1"
    apart = read_audit([*AUDIT.splitlines(), mine], incident="INC-1")
    assert (apart.changes, apart.ours) == (found.changes, [mine])
    assert read_audit(AUDIT.splitlines(), "otc-db-prod").failed.count.total() == 1


def test_diagnose_access_names_the_last_password_change(
    make_context: Callable[..., Context], heard: Heard, tmp_path: Path
) -> None:
    target = Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP")
    context = make_context(targets={"arp-db-prod": target})
    with pytest.raises(Failed):
        DiagnoseAccess().apply(context, DiagnoseAccess().plan(context))
    (tmp_path / "security").mkdir()
    (tmp_path / "security" / "access-audit.log").write_text(AUDIT)
    action = DiagnoseAccess(target=target)
    outcome = action.apply(context, action.plan(context))
    assert outcome.values["failed_logins"] == "3"
    assert "secret store did not answer" in outcome.values["last_change"]
    assert "arp_app at arp-db-prod from 10.20.0.22, 2026-11-22 17:13:00 to 2026-11-22 17:44:00" in heard.text
    assert "The server's log of arp-db-prod cannot be read: There is no way into ARP" in heard.text
    assert "No server's own log was read" in heard.text
    assert outcome.values["refused_logins"] == ""


def test_hostile_names_cannot_command_the_terminal(
    make_context: Callable[..., Context], heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "security").mkdir()
    (tmp_path / "security" / "access-audit.log").write_text(
        "LOGIN failed user=\x1b[2J[/red]x target=t source=s\nROTATE \x9b1m\n"
    )
    context = make_context()
    DiagnoseAccess().apply(context, DiagnoseAccess().plan(context))
    assert "\x1b" not in heard.text
    assert "\x9b" not in heard.text


LOG = """\
2026-11-23 01:59:58 [INFO] PROD nightly backup started
2026-11-23 01:59:59 [ERROR] Disk usage at 91% – unsafe for backup
2026-11-23 02:00:00 [INFO] PROD nightly backup started
2026-11-23 02:00:06 [ERROR] Unable to connect to arp-db-prod: authentication failed
2026-11-23 02:00:07 [ERROR] Disk usage at 96% – unsafe for backup
2026-11-23 02:00:08 [FAILURE] PROD nightly backup stopped \x1b[2J
"""


def test_failures_in_the_logs_are_counted_and_the_first_is_named(
    make_context: Callable[..., Context], heard: Heard, tmp_path: Path
) -> None:
    context, action = make_context(), DiagnoseLogs(tail=2)
    with pytest.raises(OutcomeUnknown, match="None of the logs is there"):  # no failure in no line is no good news
        action.apply(context, action.plan(context))
    assert heard.text.count("There is no") == 2
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "backup.log").write_text(LOG)
    (tmp_path / "logs" / "backup.log.1").write_text(
        "2026-11-22 02:00:01 [ERROR] Disk usage at 90% – unsafe for backup\n"
    )
    outcome = action.apply(context, action.plan(context))
    assert "backup.log: 5 failures in 7 lines" in outcome.summary
    assert outcome.values["failures"] == "5"
    assert outcome.values["first"].endswith("[ERROR] Unable to connect to arp-db-prod: authentication failed")
    assert outcome.values["first"].startswith("backup.log:4 ")
    assert "3  [ERROR] Disk usage at N% – unsafe for backup, 2026-11-22 02:00:01 to 2026-11-23 02:00:07" in heard.text
    assert "\x1b" not in heard.text
    (tmp_path / "logs" / "emergency-backup.log").mkdir()
    with pytest.raises(Failed, match="is not a file"):
        action.apply(context, action.plan(context))


def test_largest_entries_within_their_limit_are_listed_by_size(tmp_path: Path) -> None:
    for name, size in (("a/one", 3_000_000), ("a/b/two", 5_000_000), ("c/three", 1_000_000)):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    (tmp_path / "tree" / "link").symlink_to("/usr")
    os.link(tmp_path / "tree/a/one", tmp_path / "tree/c/hard")
    found = largest_entries(tmp_path / "tree")
    assert found.complete
    assert [one.path.name for one in found.folders][:2] == ["a", "b"]
    assert found.files[0][0].name == "two"
    assert 9_000_000 <= found.total < 9_100_000
    assert not largest_entries(tmp_path / "nowhere").complete
    assert not largest_entries(Path("/usr"), limit=0.0).complete


def test_deleted_file_that_is_still_open_is_named(
    tmp_path: Path, make_context: Callable[..., Context], heard: Heard
) -> None:
    path = tmp_path / "backup.log.1"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        held, _ = open_deleted_files(tmp_path)
        mine = [item for item in held if item.pid == process.pid]
        assert [(item.path, item.size >= 3_000_000) for item in mine] == [(str(path), True)]
        context = make_context(disk={"paths": ["."]})
        outcome = DiagnoseDisk(paths=(tmp_path,)).apply(context, DiagnoseDisk().plan(context))
        assert int(outcome.values["deleted_open"]) >= 3_000_000
        assert f"({process.pid})" in heard.text
    finally:
        process.communicate()
    assert not [item for item in open_deleted_files(tmp_path)[0] if item.pid == process.pid]


def test_diagnose_disk_names_the_largest_and_survives_a_missing_path(
    small_disk: Path, make_context: Callable[..., Context], heard: Heard
) -> None:
    (small_disk / "old").mkdir()
    (small_disk / "old" / "dump").write_bytes(b"x" * 14_000_000)
    context = make_context(disk={"paths": [str(small_disk / "nowhere"), str(small_disk)]})
    action = DiagnoseDisk()
    outcome = action.apply(context, action.plan(context))
    assert "most of it in old" in outcome.summary
    assert "is not there" in heard.text
    with pytest.raises(Failed, match="No file system"):
        DiagnoseDisk(paths=(small_disk / "nowhere",)).apply(context, action.plan(context))
