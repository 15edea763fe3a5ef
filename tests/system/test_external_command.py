"""Commands of somebody else's: whatever they do with their streams and children, we come back."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from pathlib import Path

import pytest

from actions.destinations.ssh_command import Host
from midwatch.system.errors import Failed, Refused
from midwatch.system.external_command import TAIL, run_external
from tests.support.users import MALLORY, needs_root, run_as


def python(script: str) -> str:
    return shlex.join([sys.executable, "-c", script])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_flood_of_a_command_is_kept_at_its_end_alone(tmp_path: Path) -> None:
    ended = run_external(python("print('x' * 20_000_000); print('the end')"), tmp_path, limit=60)
    assert len(ended.output) <= TAIL
    assert (ended.exit, ended.last_line) == (0, "the end")


@pytest.mark.slow
def test_child_that_holds_the_streams_holds_nobody_up(tmp_path: Path) -> None:
    script = "import os, subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); os._exit(3)"
    ended = run_external(python(script), tmp_path, limit=60)
    child = int(ended.last_line)
    try:
        assert ended.exit == 3
        assert alive(child), "what it left running in good order goes on"
    finally:
        os.kill(child, 9)


@pytest.mark.slow
def test_time_limit_ends_the_children_too(tmp_path: Path) -> None:
    start = "subprocess.Popen(['sleep', '600']).pid"
    script = f"import subprocess, pathlib; pathlib.Path('child').write_text(str({start})); input()"
    with pytest.raises(Failed, match=r"did not end within 1\.5 s"):
        run_external(python("import time\n" + script.replace("input()", "time.sleep(600)")), tmp_path, limit=1.5)
    child, again = int((tmp_path / "child").read_text()), threading.Event()
    for _ in range(100):
        if not alive(child):
            break
        again.wait(0.05)
    assert not alive(child)


def test_input_that_nobody_reads_is_no_fault(tmp_path: Path) -> None:
    assert run_external("true", tmp_path, limit=60, data=b"x" * 5_000_000).exit == 0
    read = run_external("cat", tmp_path, limit=60, data=b"all of it")
    assert read.output == "all of it"
    assert run_external("sh -c 'exit 7'", tmp_path, limit=60).last_line == "exit 7"


@pytest.mark.parametrize(
    ("command", "said"), [("", "is empty"), ("no-such-program", "cannot be started"), ("a 'b", "cannot be read")]
)
def test_command_that_cannot_be_started_is_one_sentence(tmp_path: Path, command: str, said: str) -> None:
    with pytest.raises(Failed, match=said):
        run_external(command, tmp_path, limit=60)


@needs_root
def test_program_that_is_nowhere_is_not_found_although_a_folder_of_the_path_may_not_be_entered(
    reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reachable / "closed").mkdir(mode=0o700)
    monkeypatch.setenv("PATH", f"{reachable}/closed:{reachable}")

    def sentences() -> list[str]:
        found = []
        for start in (
            lambda: run_external("no-such-program", reachable, limit=60),
            lambda: Host("other", "", 0, None).run("true"),
        ):
            with pytest.raises((Failed, Refused)) as failed:
                start()
            found.append(failed.value.sentence)
        return found

    command, ssh = run_as(MALLORY, sentences)
    assert command == "no-such-program cannot be started: No such file or directory"
    assert ssh == "There is no ssh here: No such file or directory"
