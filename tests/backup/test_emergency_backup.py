"""The emergency backup on real servers: whole or not at all, whatever the database holds and whatever breaks."""

from __future__ import annotations

import gc
import gzip
import os
import stat
import subprocess
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from actions.checks.backup import CheckBackup
from actions.destinations.folder import Folder, FolderWriter
from actions.dump import pg_dump_process
from actions.dump.dump_pipeline import DumpPipeline, Hashing
from actions.dump.stream_verifier import StreamVerifier
from actions.emergency_backup import EmergencyBackup
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import MidwatchError
from probes.backup.manifest import Manifest
from probes.postgres.tools import find_tools
from tests.support.emergency_backups import WEIRD, files, locked, save
from tests.support.superuser import superuser
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("script", ["", WEIRD], ids=["empty", "weird"])
def test_database_restored_from_an_emergency_backup_is_equal(fresh: Target, context: Context, script: str) -> None:
    with superuser(fresh, fresh.database) as connection:
        connection.execute(script.encode() or b"SELECT 1")
        wanted = counts(fresh, fresh.database)
    path = Path(save(fresh, context).values["path"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    manifest = Manifest.read(path)
    assert manifest is not None
    assert sorted(manifest.rows.values()) == sorted(wanted.values())
    verdict = ValidateBackup(path=str(path)).apply(context, ValidateBackup(path=str(path)).plan(context))
    assert verdict.ok, verdict.summary
    assert verdict.values["depth"] == "4"
    listed = f"gunzip -c '{path}' | {find_tools(context.runbook).pg_restore} --list"
    assert subprocess.run(listed, shell=True, capture_output=True, timeout=60, check=False).returncode == 0
    with superuser(fresh) as admin:
        admin.execute("DROP DATABASE IF EXISTS again WITH (FORCE)")
        admin.execute("CREATE DATABASE again TEMPLATE template0")
    argv = [
        find_tools(context.runbook).pg_restore,
        "-h",
        fresh.socket,
        "-p",
        str(fresh.port),
        "-U",
        "postgres",
        "-d",
        "again",
    ]
    subprocess.run(argv, input=gzip.decompress(path.read_bytes()), capture_output=True, timeout=60, check=True)
    assert counts(fresh, "again") == wanted
    with superuser(fresh) as admin:
        admin.execute("DROP DATABASE again WITH (FORCE)")


def counts(target: Target, database: str) -> dict[str, int]:
    with superuser(target, database) as connection:
        tables = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind = 'r' AND relnamespace::regnamespace::text "
            "NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        ).fetchall()
        found = {}
        for (table,) in tables:
            row = connection.execute(f"SELECT count(*) FROM ONLY {table}".encode()).fetchone()
            assert row is not None
            found[str(table)] = int(row[0])
        return found


def test_lock_is_not_waited_for_for_ever(arp: Target, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    real = pg_dump_process.options
    shorter = lambda snapshot: [o.replace("60s", "1s") for o in real(snapshot)]  # noqa: E731
    monkeypatch.setattr(pg_dump_process, "options", shorter)
    with (
        locked(arp),
        pytest.raises(
            MidwatchError,
            match=r"lock kept the dump waiting.*payments is held by pid [0-9]+, postgres, open for .*LOCK TABLE",
        ),
    ):
        save(arp, context)
    assert files(context) == []
    assert (
        "[ERROR] Emergency backup of arp-db-prod failed"
        in (context.location("logs") / "emergency-backup.log").read_text()
    )


def test_backend_that_is_ended_leaves_nothing(arp: Target, context: Context) -> None:
    errors: list[MidwatchError] = []

    def run() -> None:
        try:
            save(arp, context)
        except MidwatchError as error:
            errors.append(error)

    with locked(arp):
        thread = threading.Thread(target=run)
        thread.start()
        waiting = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump' OR query LIKE 'LOCK TABLE%'"
        with superuser(arp) as admin:
            wait_for(lambda: admin.execute(waiting + " AND wait_event_type = 'Lock'").fetchall())
            assert any(name.startswith(".arp-prod-") for name in files(context))
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                "datname = %s",
                [arp.database],
            )
        thread.join(30)
    assert not thread.is_alive()
    assert len(errors) == 1
    assert files(context) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_full_disk_in_mid_stream_leaves_nothing(arp: Target, context: Context) -> None:
    place = context.location("emergency")
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "midwatch-test", place], check=True, timeout=20)
    try:
        (place / "earlier").write_text("kept")
        action = EmergencyBackup(arp)
        plan = action.plan(context)
        assert plan.refusal == ""
        with (place / "other").open("wb") as other:
            os.posix_fallocate(other.fileno(), 0, (64 << 20) - (1 << 20))
        assert "would be" in action.plan(context).refusal
        with pytest.raises(MidwatchError, match="disk is full after"):
            action.apply(context, plan)
        assert files(context) == ["earlier", "other"]
    finally:
        subprocess.run(["umount", "--lazy", place], check=True, timeout=20)


def test_place_that_cannot_be_written_is_one_sentence(arp: Target, context: Context, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    good, said = tmp_path / "good", f"{tmp_path / 'a file'} is a file, not a folder"
    for broken, told in ((tmp_path / "a file", said), (tmp_path / "a file" / "x", f"{tmp_path}/a file/x: {said}")):
        refusal = EmergencyBackup(arp, destination=(str(broken),)).plan(context).refusal
        assert refusal.startswith(f"{told}. Set locations.emergency, or --destination, to ")
        plan = EmergencyBackup(arp, destination=(str(broken), str(good))).plan(context)
        assert dict(plan.facts)["passed over"] == told
    action = EmergencyBackup(arp, destination=(str(tmp_path / "later"),))
    plan = action.plan(context)
    (tmp_path / "later").touch()
    with pytest.raises(MidwatchError, match="later cannot be made: File exists"):
        action.apply(context, plan)


def test_place_without_permission_is_passed_over_before_it_starts() -> None:
    """Asked as an ordinary user, whom root becomes for as long as that takes."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        me = os.geteuid()
        os.seteuid(me or 65534)
        try:
            rooms = [Folder(path).room(1).refusal for path in (Path(folder), Path(folder) / "of" / "mine")]
        finally:
            os.seteuid(me)
        said = f"{folder} takes no file from you: Permission denied"
        assert rooms == [said, f"{folder}/of/mine: {said}"]


def test_folder_that_would_be_new_is_said_to_be(tmp_path: Path) -> None:
    """A mistyped mount is a folder on the disk of its parent."""
    assert f"of {tmp_path}/nsf/arp, a new folder in {tmp_path}: " in Folder(tmp_path / "nsf" / "arp").room(1).words
    assert f"of {tmp_path}: " in Folder(tmp_path).room(1).words


def test_backup_changed_after_its_validation_does_not_count(arp: Target, context: Context) -> None:
    check = CheckBackup(arp, emergency=True)
    context.location("backups").mkdir()
    assert "no validated emergency backup" in check.evaluate(context).summary
    path = Path(save(arp, context).values["path"])
    assert not check.evaluate(context).ok
    validate = ValidateBackup(path=str(path))
    assert validate.apply(context, validate.plan(context)).ok
    assert check.evaluate(context).ok
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "SHA-256" in check.evaluate(context).summary
    assert not validate.apply(context, validate.plan(context)).ok
    assert "not good" in check.evaluate(context).summary


def descriptor_of(file: Path) -> int:
    """The descriptor under which this process has the file open."""
    held = (path for path in Path("/proc/self/fd").iterdir() if path.is_symlink() and path.readlink() == file)
    return int(next(held).name)


def test_failed_dump_never_writes_into_what_comes_after_it(arp: Target, context: Context, tmp_path: Path) -> None:
    """A compressor that was given up on writes when it is collected; its descriptor's number is somebody else's by
    then."""
    writing = FolderWriter(tmp_path / "backup")
    descriptor = descriptor_of(tmp_path / ".backup.partial")
    along = StreamVerifier(None)
    packing = DumpPipeline(Hashing(writing), along)
    packing.write(b"half a dump")
    along.stop()
    writing.abort()
    opened = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    other = os.dup2(opened, descriptor)
    if opened != other:
        os.close(opened)
    del packing
    gc.collect()
    assert (tmp_path / "other").read_bytes() == b""
    os.close(other)
