"""How a drill ends: asked to, killed, killed with its reaper, refused while it is built. Nothing may be left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drill.production import build, find_open
from drill.state import DrillState
from drill.teardown import sweep
from midwatch.api.plan import Plan
from midwatch.incident.paths import IncidentFolder
from midwatch.supervisor.consented_command import FOLDER, SHELL_ACTION, command_of
from midwatch.supervisor.launch import launch
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.system.errors import BadInput, Failed
from midwatch.system.process import ProcessIdentity
from tests.drill.other_processes import HOUSE, SITE_PACKAGES, interpreter, outside, traces, within_reach
from tests.support.waiting import wait_for

pytestmark = pytest.mark.postgres

OWNER = """
import json, sys, time
from drill.production import build
production = build(sys.argv[1], linger=float(sys.argv[2]), say=lambda text: None)
print(json.dumps({"folder": str(production.folder), "record": str(production.record.file)}), flush=True)
sys.stdin.read()
"""


class Owner:
    """A drill that belongs to another process."""

    def __init__(
        self, drills: Path, *, linger: float = 0.0, scenario: str = "reference", user: int | None = None, **more: str
    ) -> None:
        who = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
        python = interpreter() if user is not None else sys.executable
        self.process = subprocess.Popen(
            [python, "-c", OWNER, scenario, str(linger)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env=outside(drills, **more),
            **who,  # type: ignore[call-overload]
        )
        line = self.process.stdout.readline()
        assert line, "the drill was not built"
        found = json.loads(line)
        self.folder = Path(found["folder"])
        self.file = Path(found["record"])

    @property
    def record(self) -> DrillState:
        record = DrillState.load(self.file)
        assert record is not None
        return record

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)


def test_tear_down_of_a_folder_far_down_ends_its_step_leaves_nothing_and_may_be_repeated(
    tmp_path: Path, drills: Path
) -> None:
    """The path is longer than a socket's may be, and below a folder of mode 0700: no trouble for the servers' user."""
    tmp_path.chmod(0o700)
    folder = tmp_path / ("deep" * 30)
    production = build("disk-only", folder=folder)
    reaper = production.record.reaper
    assert reaper is not None
    assert reaper.alive
    assert production.alive()
    assert production.record.server_directory != str(folder)
    run_stubborn_step(production.folder)
    production.tear_down()
    wait_for(lambda: traces(production.folder) == [])
    assert not reaper.alive
    assert not production.alive()
    assert not folder.exists()
    assert not Path(production.record.server_directory).exists()
    assert not drills.exists()
    production.tear_down()
    assert find_open() is None


def run_stubborn_step(folder: Path) -> None:
    """A step of an incident of this production, with a child; neither ends at Ctrl+C or SIGTERM."""
    before = len(traces(folder))
    attempt = IncidentFolder(folder / "logs" / "incidents" / "INC-1").attempt("dump", 1)
    script, cwd = "trap '' INT TERM; sleep 1000 & sleep 1000", str(folder)
    plan = Plan(SHELL_ACTION, {"script": script}, bindings={FOLDER: cwd})
    launch(attempt, LaunchSpec(command_of(plan), cwd, {}, 1000.0, digest=plan.digest), {}, plan)
    wait_for(lambda: len(traces(folder)) >= before + 3)


def test_next_drill_takes_over_a_killed_ones_production(drills: Path) -> None:
    owner = Owner(drills, linger=600)
    assert find_open() is not None
    assert not find_open().owned  # type: ignore[union-attr]
    assert sweep() == [], "its owner lives"
    owner.kill()
    assert sweep() == [], "it waits for its operator"
    found = find_open()
    assert found is not None
    assert found.folder == owner.folder
    assert found.owned
    assert found.alive()
    found.tear_down()
    assert traces(owner.folder) == []


def test_sweep_removes_what_was_left_when_owner_and_reaper_were_killed(drills: Path) -> None:
    """Neither is mistaken for a process that has its pid later or after the next boot."""
    owner = Owner(drills, linger=600)
    record = owner.record
    reaper = record.reaper
    assert reaper is not None
    os.kill(reaper.pid, signal.SIGKILL)
    owner.kill()
    wait_for(lambda: not reaper.alive)
    assert not owner.record.looked_after
    assert find_open() is None
    assert traces(owner.folder) != []
    myself = ProcessIdentity.current()
    record.owner = ProcessIdentity(myself.pid, myself.start - 1, myself.boot)
    record.reaper = ProcessIdentity(myself.pid, myself.start, "another boot")
    record.save()
    assert sweep() == [str(owner.folder)]
    assert traces(owner.folder) == []


def test_sweep_removes_a_production_that_waits_only_when_asked_and_the_memory_of_killed_servers(drills: Path) -> None:
    owner = Owner(drills, linger=600, scenario="password-only")
    servers = [(Path(text) / "postmaster.pid").read_text().splitlines()[0] for text in owner.record.clusters]

    def segments() -> list[str]:  # by the process that made them; others make theirs at the same time
        return [line for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:] if line.split()[4] in servers]

    assert sweep(waiting=True) == [], "its owner lives"
    owner.kill()
    assert sweep() == []
    for pid in servers:
        os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: not any(ProcessIdentity.of(int(pid)) for pid in servers))
    assert segments()
    assert sweep(waiting=True) == [str(owner.folder)]
    wait_for(lambda: segments() == [])
    assert traces(owner.folder) == []


def test_signal_to_the_reaper_of_a_living_owner_is_kept_for_its_end(drills: Path) -> None:
    owner = Owner(drills, linger=600, scenario="password-only")
    reaper = owner.record.reaper
    assert reaper is not None
    os.kill(reaper.pid, signal.SIGHUP)
    os.kill(reaper.pid, signal.SIGTERM)
    owner.kill()
    # Told to go, it does not wait ten minutes for somebody to come back.
    wait_for(lambda: not owner.file.exists())
    wait_for(lambda: traces(owner.folder) == [])
    assert not drills.exists()


def test_drill_that_cannot_be_built_leaves_nothing(drills: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" not in entry])
    with pytest.raises(BadInput, match="pip install 'midwatch\\[drill\\]'"):
        build()
    assert not drills.exists()


def test_folder_with_something_in_it_is_never_touched(tmp_path: Path, drills: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(BadInput, match="not an empty folder"):
        build(folder=tmp_path)
    assert (tmp_path / "precious").read_text() == "mine"


def test_unknown_scenario_is_named_with_the_nearest(drills: Path) -> None:
    with pytest.raises(BadInput, match="Did you mean 'reference'"):
        build("referense")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_ordinary_user_gets_the_same_with_a_quota(drills: Path) -> None:
    theirs = drills.parent / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    with within_reach(HOUSE) as house, within_reach(SITE_PACKAGES) as packages:
        owner = Owner(theirs / "d", user=65534, HOME=str(theirs), PYTHONPATH=f"{house}{os.pathsep}{packages}")
        site = (owner.folder / "site.yaml").read_text()
        assert "quota of the drill" in site
        assert not os.path.ismount(owner.folder / "backups")
        assert {path.stat().st_uid for path in owner.folder.iterdir()} == {65534}
        owner.kill()
        wait_for(lambda: not owner.file.exists())
        wait_for(lambda: traces(owner.folder) == [])
    shutil.rmtree(theirs)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_root_below_a_home_that_others_cannot_read(drills: Path, tmp_path: Path) -> None:
    """The package lies where the servers' user cannot go, so its programs are copied to where it can."""
    from probes.postgres.embedded import PACKAGE, VERSION, package_folder

    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    package = package_folder()
    shutil.copytree(package / VERSION, home / PACKAGE / VERSION)
    shutil.copyfile(package / "__init__.py", home / PACKAGE / "__init__.py")
    shutil.copytree(package.parent / f"{PACKAGE}.libs", home / f"{PACKAGE}.libs")
    environment = outside(drills)
    owner = Owner(drills, scenario="disk-only", PYTHONPATH=f"{home}{os.pathsep}{environment['PYTHONPATH']}")
    assert (owner.folder / "engine" / PACKAGE / VERSION / "bin" / "postgres").exists()
    assert str(owner.folder / "engine") in (owner.folder / "site.yaml").read_text()
    owner.kill()
    wait_for(lambda: not owner.file.exists())
    wait_for(lambda: traces(owner.folder) == [])


def test_too_little_room_is_said_before_anything_is_made(drills: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    if (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=5m", "small", str(small)], check=False, timeout=10
        ).returncode
        != 0
    ):
        pytest.skip("no mount is possible here")
    try:
        with pytest.raises(Failed, match="The drill needs"):
            build(folder=small / "drill")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True, timeout=10)
