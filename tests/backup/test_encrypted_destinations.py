"""Encrypted emergency backups on another host, in a bucket and on standard output: whole, and for the holder of a key
alone."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest

from actions.checks.backup import CheckBackup
from actions.destinations import s3
from actions.emergency_backup import EmergencyBackup
from actions.restore import Restore
from actions.validate_backup import ValidateBackup
from drill.production import Production
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed
from probes.backups import BackupsProbe
from probes.postgres.tools import find_tools
from tests.backup.local_store import local_store
from tests.backup.other_host import SSHD, other_host
from tests.support.actions import run_action
from tests.support.emergency_backups import interrupted
from tests.support.keys import OURS, PUBLIC
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres


@dataclass(frozen=True)
class Away:
    """A place that is not a folder of this machine; and, from behind, its folder, and the end of whoever serves it."""

    address: str
    folder: Path
    cut: Callable[[], object]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []


@pytest.fixture(params=["ssh", "s3"])
def away(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Away]:
    if request.param == "s3":
        with local_store(tmp_path / "store") as store:
            yield Away("s3://safe/prod", store.folder / "safe" / "prod", store.stop)
        return
    if not SSHD or shutil.which("ssh") is None:
        pytest.skip("needs sshd and ssh (openssh-server)")
    (tmp_path / "host").mkdir()
    with other_host(tmp_path / "host") as host:
        folder = tmp_path / "far"
        yield Away(f"ssh://backup-host{folder}", folder, host.drop)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text(f"{OURS}\n")
    return tmp_path / "key"


@pytest.fixture
def site(context: Context, away: Away, tmp_path: Path) -> Context:
    """Backups go there, encrypted, without a word on the command line."""
    (tmp_path / "team").write_text(f"# who may read backups\n{PUBLIC}\n")
    places = {
        "emergency": away.address,
        "remote_manifests": str(tmp_path / "kept"),
        "ssh_config": str(tmp_path / "host" / "ssh_config"),
        "recipients": str(tmp_path / "team"),
    }
    return replace(context, runbook=replace(context.runbook, locations={**context.runbook.locations, **places}))


def test_saved_validated_restored_and_counted_there(
    noise: Target, site: Context, away: Away, key: Path, tmp_path: Path
) -> None:
    before, action = datetime.now(UTC), EmergencyBackup(noise, globals=True, digests=True)
    plan = action.plan(site)
    assert dict(plan.facts)["encrypted"].startswith(f"to {PUBLIC[:12]}…")
    outcome = action.apply(site, plan)
    name, roles = away.files()
    assert (outcome.values["path"], roles) == (f"{away.address}/{name}", f"globals.{name}")
    assert name.endswith(".sql.gz.age")
    note = tmp_path / "kept" / f"{name}.manifest.json"
    told = json.loads(note.read_text())
    assert (told["recipients"], told["location"], told["depth"]) == ([PUBLIC], outcome.values["path"], 4)
    assert str(OURS) not in note.read_text()
    archive = gzip.decompress(pyrage.decrypt((away.folder / name).read_bytes(), [OURS]))
    listed = subprocess.run(
        [find_tools(site.runbook).pg_restore, "--list"], input=archive, capture_output=True, check=True
    )
    assert b"noise" in listed.stdout
    assert b"CREATE ROLE" in gzip.decompress(pyrage.decrypt((away.folder / roles).read_bytes(), [OURS]))
    assert action.verify(site, before).ok
    check = CheckBackup(noise, emergency=True)
    assert check.evaluate(site).ok
    (row,) = (row for row in BackupsProbe().read(site.runbook, site.clock).rows if row.label == noise.label)
    assert ("encrypted", "to one public key; read in the stream before that: depth 4") in row.facts
    assert (
        f"is not on this machine: {outcome.values['path']}. Copy it here, beside its"
        in Restore(noise).plan(site).refusal
    )

    path = outcome.values["path"]
    assert "name its private key to restore it" in ValidateBackup(path=path, restore=True).plan(site).refusal
    deep = run_action(ValidateBackup(path=path, restore=True, identity=key), site)
    assert (deep.ok, deep.values["depth"]) == (True, "5"), deep.summary
    assert sorted(one.name for one in (tmp_path / "kept").iterdir()) == [note.name]

    data = bytearray((away.folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (away.folder / name).write_bytes(data)
    assert "SHA-256" in check.evaluate(site).summary


def test_connection_that_is_cut_in_mid_dump_leaves_nothing(
    noise: Target, site: Context, away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PART", 1 << 18)
    with pytest.raises(Failed, match=r"broke, after|cannot be reached.*, after"):
        interrupted(noise, site, away.cut)
    wait_for(lambda: away.files() == [])
    assert not (tmp_path / "kept").exists() or list((tmp_path / "kept").iterdir()) == []
    assert not CheckBackup(noise, emergency=True).evaluate(site).ok


def test_encrypted_backup_to_standard_output_is_validated_only_when_whole(
    production: Production, arp: Target, context: Context, key: Path, tmp_path: Path
) -> None:
    """Whoever kept what came of one that ended half-way has nothing that passes for a backup."""
    command = [
        Path(sys.executable).with_name("midwatch"),
        "action",
        "emergency-backup",
        "--target",
        arp.name,
        "--destination",
        "-",
    ]
    command += ["--encrypt-to", PUBLIC, "--yes", "--runbook", production.runbook, "--site", production.site]
    argv, file = [str(word) for word in command], tmp_path / "saved.sql.gz.age"

    def run(script: str) -> subprocess.CompletedProcess[bytes]:
        whole = ["bash", "-o", "pipefail", "-c", script, "sh", *argv]
        return subprocess.run(whole, capture_output=True, timeout=60, check=False, cwd=tmp_path)

    saved = run('"$@" > saved.sql.gz.age')
    assert (saved.returncode, saved.stdout) == (0, b""), saved.stderr.decode()
    assert b"; encrypted to age1" in saved.stderr
    counted = CheckBackup(arp, emergency=True).evaluate(context)
    assert (counted.ok, "no validated emergency backup" in counted.summary) == (False, True), (
        "nobody here finds it again"
    )
    assert run_action(ValidateBackup(path=str(file), identity=key), context).values["depth"] == "3"

    cut = run('"$@" | head -c 100000 > saved.sql.gz.age')
    assert cut.returncode == 1
    assert b"Standard output takes no more after" in cut.stderr
    assert file.stat().st_size == 100_000
    assert "cannot be decrypted" in run_action(ValidateBackup(path=str(file), identity=key), context).summary
