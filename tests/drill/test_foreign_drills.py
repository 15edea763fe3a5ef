"""Another local user was here first: the folder of root's drills, its records and what these name are Mallory's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.process_scan import naming
from drill.production import find_open
from drill.state import MARKER, DrillState, drills_folder, new_record, survey
from drill.teardown import erase, release, sweep, tear_down
from midwatch.system.errors import BadInput, Failed
from midwatch.system.process import ProcessIdentity
from tests.support.program import MIDWATCH
from tests.support.users import ALICE, MALLORY, needs_root, run_as

ID = "0123456789abcdef"


def drill(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`midwatch drill …` as root, in a process of its own, with somebody at its keyboard."""
    clean = {
        name: value for name, value in os.environ.items() if name not in ("MIDWATCH_DRILLS", "TMPDIR", "DOCKER_HOST")
    }
    argv = [MIDWATCH, "drill", *arguments]
    ours, theirs = os.openpty()
    try:
        return subprocess.run(
            argv,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd="/",
            env=clean | environment,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def record_of(folder: Path | str, **more: object) -> dict[str, Any]:
    """A record as one of root's would be, of a drill whose owner is gone and whose reaper lives."""
    mine = ProcessIdentity.current().to_json()
    gone = mine | {"start": 1}
    usual = {
        "scenario": "reference",
        "folder": str(folder),
        "server_directory": "",
        "engine": "",
        "linger": 600.0,
        "ready": True,
    }
    return usual | {"owner": gone, "reaper": mine} | more


@pytest.fixture
def shared(reachable: Path) -> Path:
    """A folder like `/tmp`: everybody makes things there, each their own."""
    folder = reachable / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def precious(reachable: Path) -> Iterator[Path]:
    """A folder of root that must still be whole afterwards."""
    folder = reachable / "precious"
    folder.mkdir(mode=0o755)
    (folder / "file").write_text("root's")
    yield folder
    assert (folder / "file").read_text() == "root's"


def trap(folder: Path, precious: Path) -> dict[str, str]:
    """What Mallory leaves: a production of hers with a runbook and programs of hers, and records that name it all."""
    production, proof = folder / ID, folder.parent / "ran"
    programs = production / "bin"
    run = f"id >> {proof}"
    step = f"{{title: S, run: '{run}', risk: observe}}"
    facts: dict[str, Any] = {name: str(production / f"{name}.yaml") for name in ("runbook", "site", "answers")}
    facts |= {"bin": str(programs), "environment": {"LD_PRELOAD": str(programs / "evil.so")}}
    removed = {
        "mount": str(precious),
        "clusters": [str(precious)],
        "label": "midwatch.drill=x",
        "owner": None,
        "reaper": None,
    }
    files = {
        f"{ID}/runbook.yaml": "midwatch: 1\nid: evil\ntitle: Evil\nphases:\n  - title: P\n    steps:\n      - "
        f"{step}\n",
        f"{ID}/site.yaml": "midwatch-site: 1\n",
        f"{ID}.json": json.dumps(record_of(production, facts=facts)),
        "1111.json": json.dumps(record_of(precious, **removed)),
    }
    programs_of_hers = ("bash", "sh", "psql", "pg_dump", "umount", "mount")
    return files | dict.fromkeys((f"{ID}/bin/{name}" for name in programs_of_hers), f"#!/bin/sh\n{run}\n")


def lay(folder: Path, files: dict[str, str], precious: Path) -> None:
    """Put the trap there, as Mallory."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode())
        file.chmod(0o755)
    (folder / "2222.json").symlink_to(precious / "file")
    os.mkfifo(folder / "3333.json")
    os.mkfifo(folder / f"{ID}.lock")


@needs_root
@pytest.mark.parametrize("arguments", [("--clean",), ("--headless", "--no-docker"), ("--no-docker", "--plain")])
@pytest.mark.parametrize("variable", ["TMPDIR", "MIDWATCH_DRILLS"])
def test_folder_of_drills_that_another_user_made_is_refused_and_nothing_in_it_is_believed(
    shared: Path, precious: Path, arguments: tuple[str, ...], variable: str
) -> None:
    folder = shared / "midwatch-drill-0"
    files = trap(folder, precious)
    run_as(MALLORY, lambda: lay(folder, files, precious))
    began = time.monotonic()
    done = drill(*arguments, **{variable: str(shared if variable == "TMPDIR" else folder)})
    assert time.monotonic() - began < 30
    assert done.returncode == 2
    assert done.stderr == (
        f"midwatch: The folder for drills cannot be used: {folder} is not trusted: a folder on the way belongs to "
        f"uid {MALLORY}. Remove it, or set MIDWATCH_DRILLS to another folder.\n"
    )
    assert done.stdout == ""
    assert not (shared / "ran").exists()
    assert len(list(folder.iterdir())) == 6


def _link(folder: Path, precious: Path) -> None:
    folder.symlink_to(precious)


def _pipe(folder: Path, precious: Path) -> None:
    os.mkfifo(folder)


def _file(folder: Path, precious: Path) -> None:
    folder.write_bytes(b"")


@needs_root
@pytest.mark.parametrize("prepare", [_link, _pipe, _file])
def test_link_pipe_or_file_in_the_place_of_the_folder_is_refused_at_once(
    shared: Path, precious: Path, prepare: Callable[[Path, Path], None]
) -> None:
    folder = shared / "midwatch-drill-0"
    run_as(MALLORY, lambda: prepare(folder, precious))
    for arguments in (("--clean",), ("--headless", "--no-docker")):
        done = drill(*arguments, TMPDIR=str(shared))
        assert done.returncode == 2, done
        assert done.stderr.startswith("midwatch: The folder for drills cannot be ")
        assert done.stderr.count("\n") == 1


@needs_root
def test_folder_that_others_may_write_to_is_refused(shared: Path) -> None:
    folder = shared / "open"
    folder.mkdir()
    folder.chmod(0o777)
    done = drill("--clean", MIDWATCH_DRILLS=str(folder))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "can be changed by other users" in done.stderr


@needs_root
def test_record_or_link_of_another_user_in_our_folder_is_named_and_left_alone(
    shared: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a mistaken chown, or a folder that was open for a while."""
    folder = shared / "midwatch-drill-0"
    folder.mkdir(mode=0o711)
    monkeypatch.setenv("MIDWATCH_DRILLS", str(folder))
    planted = folder / f"{ID}.json"
    planted.write_text(json.dumps(record_of(precious) | {"owner": None, "reaper": None}))
    os.chown(planted, MALLORY, MALLORY)
    hers = shared / "hers"
    content = json.dumps(record_of(precious)).encode()
    run_as(MALLORY, lambda: hers.write_bytes(content))
    (folder / "link.json").symlink_to(hers)
    (folder / "hard.json").hardlink_to(hers)
    os.mkfifo(folder / "pipe.json")
    assert find_open() is None
    done = drill("--clean", MIDWATCH_DRILLS=str(folder))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{planted} is not trusted: the file belongs to uid {MALLORY}" in done.stderr
    assert "pipe.json is not a regular file" in done.stderr
    assert planted.exists()
    assert hers.exists()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of our own drills, made by us: what lies in it was copied there by mistake, or by an older version."""
    folder = tmp_path / "drills"
    folder.mkdir(mode=0o711)
    monkeypatch.setenv("MIDWATCH_DRILLS", str(folder))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"folder": "PRECIOUS"}, "it does not hold this drill's marker"),
        ({"folder": "DRILLS/../precious"}, "which no drill has made"),
        ({"folder": "precious"}, "which no drill has made"),
        ({"server_directory": "PRECIOUS"}, "it does not hold this drill's marker"),
        ({"server_directory": "/"}, "it does not hold this drill's marker"),
        ({"engine": "tcp://192.0.2.1:2375"}, "and yours is another"),
        ({"folder": 7}, "is not a drill's record"),
        ({"ready": "yes"}, "is not a drill's record"),
        ({"linger": "soon"}, "is not a drill's record"),
        ({"linger": float("inf")}, "is not a drill's record"),
        ({"scenario": "no such"}, "is not a drill's record"),
        ({"owner": 1}, "is not a drill's record"),
        ({"reaper": {"pid": "x"}}, "is not a drill's record"),
        ({"scenario": "x" * 100_000}, "is longer than"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_record_that_names_what_its_drill_did_not_make_is_left_alone(
    own: Path, precious: Path, change: dict[str, Any], words: str
) -> None:
    named = {
        name: value.replace("PRECIOUS", str(precious)).replace("DRILLS", str(own)) if isinstance(value, str) else value
        for name, value in change.items()
    }
    file = own / f"{ID}.json"
    file.write_text(json.dumps(record_of(own / ID, owner=None, reaper=None) | named))
    with pytest.raises(Failed, match=words):
        DrillState.load(file)
    with pytest.raises(Failed, match=words):
        sweep(waiting=True)
    assert find_open() is None
    assert file.exists()
    found, refused = survey()
    assert (found, len(refused)) == ([], 1)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 50_000, '"x"', "null", "{}", "\ud800"])
def test_rubbish_for_a_record_is_one_sentence(own: Path, content: str) -> None:
    (own / f"{ID}.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(Failed, match="is not a drill's record"):
        sweep()


def test_label_and_every_path_follow_from_the_record_itself(own: Path) -> None:
    """Whatever else a record says of mounts, servers, labels, programs and variables is not read at all."""
    more = {"mount": "/", "clusters": ["/"], "label": "com.example=prod", "facts": {"bin": "/tmp/evil"}}
    (own / f"{ID}.json").write_text(json.dumps(record_of(own / ID, engine="unix:///var/run/docker.sock", **more)))
    record = DrillState.load(own / f"{ID}.json")
    assert record is not None
    assert (record.label, record.mount, record.clusters) == (f"midwatch.drill={ID}", own / ID / "backups", [])


def test_chosen_folder_is_removed_only_while_it_holds_the_drills_marker(
    own: Path, tmp_path: Path, precious: Path
) -> None:
    chosen = tmp_path / "chosen"
    record = new_record("reference", chosen, 0.0)
    chosen.mkdir()
    tear_down(record)
    assert not chosen.exists(), "an empty folder: the drill was killed before it wrote the marker"
    record = new_record("reference", chosen, 0.0)
    chosen.mkdir()
    (chosen / MARKER).write_text(record.id)
    (chosen / "backups").mkdir()
    (chosen / "link").symlink_to(precious)
    (chosen / "backups" / "link").symlink_to(precious / "file")
    tear_down(record)
    assert not chosen.exists()
    assert not drills_folder().exists()
    record = new_record("reference", chosen, 0.0)
    chosen.mkdir()
    (chosen / "file").write_text("somebody's")
    with pytest.raises(Failed, match="does not hold this drill's marker"):
        tear_down(record)
    with pytest.raises(Failed, match="does not hold this drill's marker"):
        erase(chosen, record)
    assert (chosen / "file").read_text() == "somebody's"


@needs_root
def test_production_is_not_built_where_another_user_could_change_it(shared: Path) -> None:
    from drill.production import build

    hers = shared / "hers"
    run_as(MALLORY, hers.mkdir)
    with pytest.raises(BadInput, match=f"belongs to uid {MALLORY}"):
        build(folder=hers / "drill", docker=False)
    assert list(hers.iterdir()) == []


@needs_root
def test_lock_file_of_the_servers_user_names_no_other_users_memory_and_hangs_nobody(reachable: Path) -> None:
    """`postmaster.pid` is written by the user that runs the servers."""
    made = subprocess.run(["ipcmk", "-M", "4096"], capture_output=True, text=True, timeout=10, check=True).stdout
    segment = made.split()[-1]
    cluster = reachable / "cluster"
    cluster.mkdir()
    os.chown(cluster, MALLORY, MALLORY)
    try:
        run_as(MALLORY, lambda: (cluster / "postmaster.pid").write_text(f"1\n\n\n\n\n\n0 {segment}\n"))
        release(cluster)
        shown = [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
        assert segment in shown
    finally:
        subprocess.run(["ipcrm", "-m", segment], timeout=10, check=True)
    (cluster / "postmaster.pid").unlink()
    run_as(MALLORY, lambda: os.mkfifo(cluster / "postmaster.pid"))
    release(cluster)


@needs_root
def test_processes_are_found_by_their_arguments_among_our_own_only(reachable: Path) -> None:
    """Mallory can copy the arguments of a supervisor, which allows no dump of itself."""
    shell = reachable / "sh"
    shutil.copy("/bin/sh", shell)
    shell.chmod(0o711)  # who may run a program and not read it gets no dump of it either
    argv = [str(shell), "-c", "echo; read x", "midwatch.supervisor", "/a/drill/step"]
    pipe = subprocess.PIPE
    started = {
        user: subprocess.Popen(argv, stdin=pipe, stdout=pipe, user=user, group=user, extra_groups=[], cwd="/")
        for user in (ALICE, MALLORY)
    }
    try:
        for process in started.values():
            assert process.stdout is not None
            process.stdout.readline()
        seen = run_as(ALICE, lambda: [found.pid for found in naming("midwatch.supervisor", "/a/drill/")])
        assert seen == [started[ALICE].pid]
        assert naming("midwatch.supervisor", "/a/drill/") == []
    finally:
        for process in started.values():
            process.communicate(timeout=20)
