"""A quota, memory or a killed program under a dump: a clear sentence, nothing that looks like a backup, and no process
left."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import psutil
import pytest
import yaml

from actions.emergency_backup import EmergencyBackup
from actions.nightly_backup import NightlyBackup
from actions.restore import Restore
from actions.validate_backup import ValidateBackup
from drill.production import Production
from midwatch.api.action import Action, Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed, OutcomeUnknown
from probes.backup.manifest import Manifest
from probes.postgres.tools import find_tools
from tests.support.actions import run_action
from tests.support.emergency_backups import Pausing
from tests.support.keys import PUBLIC
from tests.support.refusing import run_refused
from tests.support.superuser import superuser
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres
SEES = pytest.mark.skipif(os.geteuid() != 0, reason="only root sees what a program asks of the kernel")
MAIN = "import os\nfrom tui.cli import main\nos.chdir(sys.argv[1])\nsys.exit(main(sys.argv[2:]))\n"


@pytest.fixture
def site(production: Production, tmp_path: Path) -> Path:
    """A site file whose places are the test's own."""
    found = yaml.safe_load(production.site.read_text())
    found["locations"] |= {name: str(tmp_path / name) for name in ("backups", "emergency", "logs", "audit")}
    found["locations"] |= {"pgpass": str(production.folder / "home" / ".pgpass")}
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(found))
    (tmp_path / "backups").mkdir()
    return tmp_path / "site.yaml"


def left(folder: Path) -> list[str]:
    """Everything below it but the lock of the nightly job."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".nightly.lock")


@SEES
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EDQUOT, "The quota is used up after "),
        (errno.ENOMEM, "The backup cannot be written: Cannot allocate memory"),
    ],
    ids=["quota", "memory"],
)
@pytest.mark.parametrize(
    "action",
    [("emergency-backup", "--target", "otc-db-prod"), ("nightly-backup", "--targets", "otc-db-prod,gps-db-prod")],
    ids=["emergency", "nightly"],
)
def test_disk_that_refuses_the_bytes_of_a_dump_leaves_no_backup(
    production: Production, site: Path, tmp_path: Path, action: tuple[str, ...], number: int, words: str
) -> None:
    place = tmp_path / ("emergency" if action[0] == "emergency-backup" else "backups")
    (place / "earlier").mkdir(parents=True)
    (place / "earlier" / "otc.dump.gz").write_text("kept")
    given: dict[str, int] = {}

    def refuse(call: str, path: str) -> int:
        if call != "fill" or not path.startswith(f"{place}/") or not path.endswith(".partial"):
            return 0
        given[path] = given.get(path, 0) + 1
        return number if given[path] > 3 else 0

    command = ["action", *action, "--yes", "--runbook", production.runbook, "--site", site]
    done = run_refused(MAIN, tmp_path, *command, refuse=refuse)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done
    assert words in done.stderr, done
    assert left(place) == ["earlier", "earlier/otc.dump.gz"]


@pytest.fixture
def children() -> Callable[[], list[int]]:
    """Whatever this process started since, and has not ended."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    return lambda: [child.pid for child in psutil.Process().children(recursive=True) if child.pid not in before]


def killing(name: str) -> Pausing:
    """A console before which a program of this name that we started is killed, when a dump is well running."""

    def kill() -> None:
        (found,) = [child for child in psutil.Process().children() if child.name() == name]
        found.kill()

    return Pausing(kill)


@pytest.mark.parametrize("name", ["pg_restore", "pg_dump"])
@pytest.mark.parametrize("kind", ["emergency", "nightly"])
def test_program_that_is_killed_under_a_dump_is_told_as_that(
    noise: Target, context: Context, children: Callable[[], list[int]], kind: str, name: str
) -> None:
    context.location("backups").mkdir()
    site, target = replace(context, console=killing(name)), noise
    action: Action = EmergencyBackup(target, validate=True)
    if kind == "nightly":
        target = context.runbook.targets["gps-db-prod"]
        action = NightlyBackup(targets=(target,), encrypt_to=(PUBLIC,))  # so that it is read along
    plan = action.plan(site)
    assert plan.refusal == ""
    with pytest.raises(Failed, match=rf"{name}.* was ended by a signal \(Killed\), as when memory runs out") as caught:
        action.apply(site, plan)
    assert "Nothing was published; free memory, and run it again" in str(caught.value)
    for place in ("emergency", "backups"):
        assert not context.location(place).is_dir() or left(context.location(place)) == []
    assert children() == []
    with superuser(target) as admin:
        held = "SELECT FROM pg_stat_activity WHERE datname = %s"
        wait_for(lambda: not admin.execute(held, [target.database]).fetchall())


@pytest.fixture(params=["kill -9 $$", "ulimit -v 3000"], ids=["killed", "no memory"])
def starved(request: pytest.FixtureRequest, context: Context, tmp_path: Path) -> Context:
    """Where every `pg_restore` that reads rows gets no further than this."""
    real, folder = find_tools(context.runbook).folder, tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_dumpall", "psql"):
        (folder / name).symlink_to(real / name)
    script = f'#!/bin/sh\ncase "$*" in *--data-only*|*--dbname*) {request.param};; esac\nexec {real}/pg_restore "$@"\n'
    (folder / "pg_restore").write_text(script)
    (folder / "pg_restore").chmod(0o755)
    return replace(
        context, runbook=replace(context.runbook, locations={**context.runbook.locations, "pg_bin": str(folder)})
    )


def test_backup_is_not_called_bad_for_what_its_reader_lacked(noise: Target, context: Context, starved: Context) -> None:
    path = Path(run_action(EmergencyBackup(noise, validate=True), context).values["path"])
    before = Manifest.read(path)
    with pytest.raises(OutcomeUnknown, match=r"pg_restore that read it (was ended by a signal|ran out of memory)"):
        run_action(ValidateBackup(path=str(path)), starved)
    assert Manifest.read(path) == before
    with pytest.raises(Failed, match=r"(was ended by a signal|ran out of memory)"):
        run_action(Restore(noise, path=path), starved)


def test_roles_that_cannot_be_saved_fail_it_before_anything_is_published(
    noise: Target, context: Context, tmp_path: Path
) -> None:
    real, folder = find_tools(context.runbook).folder, tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).symlink_to(real / name)
    (folder / "pg_dumpall").write_text("#!/bin/sh\nkill -9 $$\n")
    (folder / "pg_dumpall").chmod(0o755)
    site = replace(
        context, runbook=replace(context.runbook, locations={**context.runbook.locations, "pg_bin": str(folder)})
    )
    with pytest.raises(Failed, match="The roles of ARP cannot be saved: pg_dumpall was ended by a signal"):
        run_action(EmergencyBackup(noise, globals=True), site)
    assert not context.location("emergency").is_dir() or left(context.location("emergency")) == []


@SEES
@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (".json.[0-9a-f]*.part", "nothing vouches for it: The manifest of "),
        ("partial", "its roles are not: The quota is used up"),
    ],
    ids=["manifest", "roles"],
)
def test_backup_without_its_sidecar_file_says_so(
    production: Production, site: Path, tmp_path: Path, ends: str, words: str
) -> None:
    """The backup itself is whole: it is neither taken away again nor passed over in silence."""

    def refuse(call: str, path: str) -> int:
        roles = Path(path).name.startswith(".globals.")
        return errno.EDQUOT if call == "fill" and fnmatch(path, f"*{ends}") and (roles or ends != "partial") else 0

    command = ["action", "emergency-backup", "--target", "otc-db-prod", "--globals", "true", "--yes"]
    done = run_refused(MAIN, tmp_path, *command, "--runbook", production.runbook, "--site", site, refuse=refuse)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done
    assert f".sql.gz is saved, but {words}" in done.stderr, done
    name, *others = left(tmp_path / "emergency")
    kind = "globals." if ends != "partial" else "otc-prod-"
    (dump,) = [one for one in [name, *others] if one.startswith("otc-prod-") and one.endswith(".sql.gz")]
    assert [one.startswith(kind) for one in [name, *others] if one != dump] == [True]


def test_dump_whose_thread_cannot_be_started_does_not_hang(
    noise: Target, context: Context, children: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever it is: what already runs would wait for it for ever."""
    start, left_over, before = threading.Thread.start, 0, threading.active_count()

    def scarce(thread: threading.Thread) -> None:
        nonlocal left_over
        left_over -= 1
        if left_over == -1:
            raise RuntimeError("can't start new thread")
        start(thread)

    action = EmergencyBackup(noise, validate=True, encrypt_to=(PUBLIC,))
    plan, refused = action.plan(context), 0
    monkeypatch.setattr(threading.Thread, "start", scarce)

    def after(started: int) -> str | None:
        """Why it fails when so many threads are started and no more; None when it does not."""
        nonlocal left_over
        left_over = started
        try:
            return None if action.apply(context, plan).ok else ""
        except Failed as error:
            return str(error)

    while (outcome := after(refused)) is not None:
        assert "no thread can be started" in outcome
        assert (left(context.location("emergency")), children()) == ([], [])
        refused += 1
    assert refused >= 6
    monkeypatch.undo()
    wait_for(lambda: threading.active_count() <= before)


def test_dump_with_too_little_memory_is_whole_or_says_so(production: Production, site: Path, tmp_path: Path) -> None:
    """With room for a few threads, and for none: how much that is depends on the machine. Encryption may be aborted."""
    midwatch, place = Path(sys.executable).with_name("midwatch"), tmp_path / "emergency"
    for limit in (90_000_000, 120_000_000):
        command = [midwatch, "action", "emergency-backup", "--target", "otc-db-prod", "--encrypt-to", PUBLIC, "--yes"]
        where = ["--runbook", production.runbook, "--site", site]
        argv = ["prlimit", f"--as={limit}", *command, *where]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
        assert "Traceback" not in done.stderr, done
        assert done.returncode in (0, 1, -signal.SIGABRT), done
        named = (
            [name for name in left(place) if done.returncode == 1 or not name.startswith(".")] if place.exists() else []
        )
        assert done.returncode == 0 or named == [], done
        shutil.rmtree(place, ignore_errors=True)
