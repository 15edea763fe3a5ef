"""Depth 5 on real servers: restored into a scratch server, compared, and nothing left of it, whatever happens."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from actions.emergency_backup import EmergencyBackup
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context, Outcome
from midwatch.runbook.targets import Target
from midwatch.system.errors import OutcomeUnknown, Refused
from probes.backup.manifest import Manifest
from probes.postgres.temp_server import PREFIX, sweep
from tests.support.emergency_backups import WEIRD
from tests.support.listening_server import Listening
from tests.support.superuser import superuser
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres
FILL = """
CREATE TABLE stock (id int PRIMARY KEY, what text);
INSERT INTO stock SELECT g, 'thing ' || g FROM generate_series(1, 5000) g;
"""


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A place of this test's own, short enough for sockets, that the servers' user can pass through."""
    place = Path(tempfile.mkdtemp(prefix="mws-", dir="/tmp"))
    place.chmod(0o755)
    yield place
    assert list(place.iterdir()) == []
    place.rmdir()


def saved(target: Target, context: Context, script: str, *, digests: bool) -> Path:
    with superuser(target, target.database) as connection:
        connection.execute(script.encode())
    action = EmergencyBackup(target, digests=digests)
    return Path(action.apply(context, action.plan(context)).values["path"])


def deeply(path: Path, context: Context, scratch: Path) -> Outcome:
    action = ValidateBackup(path=str(path), restore=True, scratch=scratch)
    plan = action.plan(context)
    assert plan.refusal == "", plan.refusal
    return action.apply(context, plan)


def read(path: Path) -> Manifest:
    found = Manifest.read(path)
    assert found is not None
    return found


def test_content_is_that_of_the_snapshot(fresh: Target, context: Context, scratch: Path) -> None:
    path = saved(fresh, context, WEIRD, digests=True)
    assert len(read(path).digests) == len(read(path).rows) + 1, "the large objects as well"
    with superuser(fresh, fresh.database) as connection:
        connection.execute("DELETE FROM parts")  # what happens after the dump does not matter
    outcome = deeply(path, context, scratch)
    assert outcome.ok, outcome.summary
    assert outcome.values["depth"] == "5"
    assert "so is the content of each and the large objects" in outcome.summary
    assert (read(path).depth, read(path).good) == (5, True)
    assert "restored into" in read(path).compared
    again = ValidateBackup(path=str(path))
    assert again.apply(context, again.plan(context)).values["depth"] == "4"
    assert read(path).depth == 5, "the same bytes; that they can be restored stays true"


def test_backup_without_digests_is_compared_with_the_source_as_it_is_now(
    fresh: Target, context: Context, scratch: Path
) -> None:
    path = saved(fresh, context, FILL + "CREATE TABLE quiet (n int); INSERT INTO quiet VALUES (1);", digests=False)
    book = replace(context.runbook, targets={fresh.name: fresh})
    here = replace(context, runbook=book)
    assert "the content of 2 of 2 tables is that of ARP now" in deeply(path, here, scratch).summary
    with superuser(fresh, fresh.database) as connection:
        connection.execute("UPDATE stock SET what = 'sold' WHERE id = 7")
    outcome = deeply(path, here, scratch)
    assert outcome.ok
    assert "1 of 2 tables is that of ARP now; changed since the dump, or different: public.stock" in outcome.summary


def test_changed_value_with_right_counts_is_found_by_its_digest(fresh: Target, context: Context, scratch: Path) -> None:
    """As a bit that flipped before anything was digested: gzip, `pg_restore` and every count pass it."""
    path = saved(fresh, context, FILL, digests=True)
    plain = gzip.decompress(path.read_bytes())
    assert plain.count(b"\tthing 4321\n") == 1
    broken = gzip.compress(plain.replace(b"\tthing 4321\n", b"\tthinG 4321\n"), 1)
    path.write_bytes(broken)
    replace(read(path), sha256=hashlib.sha256(broken).hexdigest(), bytes=len(broken)).write(path)
    shallow = ValidateBackup(path=str(path))
    assert shallow.apply(context, shallow.plan(context)).values["depth"] == "4"
    outcome = deeply(path, context, scratch)
    assert not outcome.ok
    assert "the content of public.stock differs" in outcome.summary
    assert not read(path).good


def test_backup_that_cannot_be_restored_is_not_good(fresh: Target, context: Context, scratch: Path) -> None:
    """Its rows are all there and counted; only a server notices that two have one key."""
    path = saved(fresh, context, FILL, digests=False)
    broken = gzip.compress(gzip.decompress(path.read_bytes()).replace(b"4321\tthing", b"4322\tthing"), 1)
    path.write_bytes(broken)
    replace(read(path), sha256=hashlib.sha256(broken).hexdigest(), bytes=len(broken)).write(path)
    outcome = deeply(path, context, scratch)
    assert not outcome.ok
    assert "cannot be restored" in outcome.summary
    assert "stock_pkey" in outcome.summary


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_deep_validation_without_room_is_refused_before_it_starts(
    fresh: Target, context: Context, scratch: Path
) -> None:
    path = saved(fresh, context, FILL, digests=False)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=50m", "midwatch-test", scratch], check=True, timeout=20)
    try:
        action = ValidateBackup(path=str(path), restore=True, scratch=scratch)
        plan = action.plan(context)
        assert "A restore needs about 16" in plan.refusal
        assert f"{scratch} has 5" in plan.refusal
        with pytest.raises(Refused):
            action.apply(context, plan)
        assert read(path).depth == 1
    finally:
        subprocess.run(["umount", "--lazy", scratch], check=True, timeout=20)


class Befalling(Listening):
    """A console before which something befalls the scratch server, once, as soon as a backup streams into it."""

    def __init__(self, deed: Callable[[], object]) -> None:
        super().__init__()
        self._deed: Callable[[], object] | None = deed

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        if self._deed is not None and any("restoring it for a look" in line for line in self.said):
            deed, self._deed = self._deed, None
            deed()


def kill_server(scratch: Path) -> None:
    (told,) = scratch.glob(f"{PREFIX}*/data/postmaster.pid")
    for child in psutil.Process(int(told.read_text().splitlines()[0])).children():
        with contextlib.suppress(
            psutil.NoSuchProcess
        ):  # as the kernel does when memory runs out: the server ends them all
            child.kill()


def fill_disk(scratch: Path) -> None:
    (folder,) = scratch.glob(f"{PREFIX}*")
    with (folder / "other").open("wb", buffering=0) as other, contextlib.suppress(OSError):
        while True:
            other.write(bytes(1 << 20))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
@pytest.mark.parametrize("deed", [kill_server, fill_disk])
def test_scratch_server_that_fails_is_no_fault_of_the_backup(
    noise: Target, context: Context, scratch: Path, deed: Callable[[Path], None]
) -> None:
    action = EmergencyBackup(noise, validate=True)
    path = Path(action.apply(context, action.plan(context)).values["path"])
    before = read(path)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "midwatch-test", scratch], check=True, timeout=20
    )
    try:
        with pytest.raises(
            OutcomeUnknown, match=r"came to grief while .* was restored.*That tells nothing of the backup"
        ):
            deeply(path, replace(context, console=Befalling(lambda: deed(scratch))), scratch)
        assert read(path) == before
        assert list(scratch.iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", scratch], check=True, timeout=20)


HOLD = """
import sys
from pathlib import Path
from midwatch.runbook.loader import load
from probes.postgres.temp_server import temp_server
with temp_server(load(Path(sys.argv[1]), site=Path(sys.argv[2])), Path(sys.argv[3]), 0) as server:
    print(server.words, flush=True)
    sys.stdin.read()
"""


def test_kill_ends_the_scratch_server_and_the_next_one_removes_its_folder(context: Context, scratch: Path) -> None:
    argv = [sys.executable, "-c", HOLD, context.runbook.file, context.runbook.site, scratch]
    with subprocess.Popen(
        [str(one) for one in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline().startswith("PostgreSQL")
        (folder,) = scratch.glob(f"{PREFIX}*")
        server = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        assert sweep(scratch) == [], "its owner lives"
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    wait_for(lambda: not Path(f"/proc/{server}").exists())
    assert folder.exists()
    assert sweep(scratch) == [folder.name]
    assert not folder.exists()


def test_foreign_folder_beside_scratch_servers_is_not_swept(scratch: Path, tmp_path: Path) -> None:
    (scratch / f"{PREFIX}odd").mkdir()
    (scratch / f"{PREFIX}1-2-3-link").symlink_to(tmp_path)
    assert sweep(scratch) == []
    (scratch / f"{PREFIX}odd").rmdir()
    (scratch / f"{PREFIX}1-2-3-link").unlink()
