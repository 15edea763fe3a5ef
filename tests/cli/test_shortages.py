"""A quota, a full disk, memory or open files run out under a command: one sentence, and what was there stays."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from tests.support.refusing import run_refused

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
phases:
  - title: All
    steps:
      - {id: one, title: First}
"""
MAIN = "import os\nfrom tui.cli import main\nos.chdir(sys.argv[1])\nsys.exit(main(sys.argv[2:]))\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="ada@test").leave()
    return tmp_path


@pytest.mark.parametrize(("call", "former"), [("make", True), ("fill", True), ("fill", False)])
def test_export_that_a_quota_refuses_leaves_the_former_one(folder: Path, call: str, former: bool) -> None:
    (folder / "out").mkdir()
    target = folder / "out" / "timeline.md"
    if former:
        target.write_text("the former one")

    def refuse(what: str, path: str) -> int:
        return errno.EDQUOT if what == call and Path(path).parent == target.parent else 0

    done = run_refused(MAIN, folder, "export", "-o", target, "--no-sign", refuse=refuse)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"midwatch: {target} cannot be written: Disk quota exceeded. Name another place.\n"
    assert [path.read_text() for path in (folder / "out").iterdir()] == (["the former one"] if former else [])


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a device")
def test_export_to_a_device_leaves_it_what_it_is(folder: Path) -> None:
    """Root may replace `/dev/null` by a file, and nothing on the machine would work from then on."""
    null = folder / "null"
    os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    export = [Path(sys.executable).with_name("midwatch"), "export", "-o"]
    for more in ([], ["--key", folder / "key"]):
        done = subprocess.run(
            [*export, null, *more], capture_output=True, text=True, timeout=60, check=False, cwd=folder
        )
        assert (done.returncode, "--key signs a file" in done.stderr) == ((2, True) if more else (0, False)), done
    assert stat.S_ISCHR(null.stat().st_mode)
    assert not null.with_name("null.sig").exists()
    piped = subprocess.run([*export, "/dev/stdout"], capture_output=True, text=True, timeout=60, check=True, cwd=folder)
    assert "A small incident" in piped.stdout


SETTINGS = """
from pathlib import Path
from midwatch.system.errors import Failed
from tui.app.settings import Settings, write_settings
try:
    write_settings(Path(sys.argv[1]), Settings(theme="light"))
except Failed as failed:
    print(failed)
"""


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EMFILE])
def test_settings_that_cannot_be_kept_stay_as_they_were(folder: Path, number: int) -> None:
    file = folder / "settings.yaml"
    file.write_text("theme: dark\n")

    def refuse(what: str, path: str) -> int:
        return number if Path(path).name.startswith(".settings.yaml.") else 0

    done = run_refused(SETTINGS, file, refuse=refuse)
    assert done.stdout.startswith(f"{file} cannot be written: ")
    assert (done.stderr, file.read_text()) == ("", "theme: dark\n")


def test_full_standard_output_is_a_failure_and_not_a_traceback(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [Path(sys.executable).with_name("midwatch"), "show", "latest"]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False, cwd=folder
        )
    assert (done.returncode, done.stderr) == (1, "midwatch: standard output: No space left on device.\n")


SHORT = """
import os, resource, sys
from tui.cli import main
os.chdir(sys.argv[1])
main(["verify", "latest"])
sys.stdout.flush()
os.dup2(2, 1)
if sys.argv[2] == "files":
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 4096))
else:
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    taken = []
    try:
        while True:  # a block of the journal is twice as large, a sentence much smaller
            taken.append(bytearray(1 << 15))
    except MemoryError:
        pass
sys.exit(main(["verify", "latest"]))
"""


@pytest.mark.parametrize(
    ("what", "code", "sentence"),
    [
        ("files", 2, "cannot be read: Too many open files."),
        ("memory", 1, "There is not enough memory; end something else"),
    ],
)
def test_command_that_runs_out_of_files_or_memory_says_so(folder: Path, what: str, code: int, sentence: str) -> None:
    command = [sys.executable, "-c", SHORT, folder, what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
