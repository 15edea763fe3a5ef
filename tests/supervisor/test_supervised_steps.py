"""A step runs to its end: its output, its exit, its values, its surroundings."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import resource
import sys
from pathlib import Path

import pytest

from midwatch.incident.events import StepOutcome
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.progress import Progress, ProgressFile, ProgressFilter, read_progress
from midwatch.supervisor.spawn import CannotBegin, Child, open_terminal
from midwatch.supervisor.status import Running, inspect_attempt
from midwatch.supervisor.step_outputs import LARGEST_FILE, read_values
from midwatch.system.errors import Failed, Refused
from tests.supervisor.supervised import Step
from tests.support.users import ALICE, needs_root, run_as
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


def test_step_that_ends_has_outcome_output_and_values(step: Step) -> None:
    assert inspect_attempt(step.folder) is None
    step.start("echo one; echo two >&2; sleep 0.2")
    found = step.result()
    assert (found.outcome, found.exit, found.error) == (StepOutcome.DONE, 0, "")
    assert step.output == b"one\ntwo\n", "no byte changed by the terminal"
    assert found.output_bytes == 8
    assert found.output_sha256 == hashlib.sha256(step.output).hexdigest()
    assert 0.2 <= found.seconds < 20
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found.ended)
    assert re.fullmatch(rb"\d+\.\d{3} 0\n(\d+\.\d{3} \d+\n)*", step.folder.timing.read_bytes())
    assert sorted(p.name for p in step.folder.path.iterdir()) == sorted(
        ["launch_spec.json", "output", "output.timing", "progress", "result.json", "supervisor.json", "values"]
    )
    assert {p.stat().st_mode & 0o777 for p in step.folder.path.iterdir()} == {0o600}


def test_failed_with_its_exit_and_by_a_signal(step: Step, tmp_path: Path) -> None:
    step.start("exit 7")
    assert (step.result().outcome, step.result().exit) == (StepOutcome.FAILED, 7)
    other = Step(tmp_path / "other")
    other.start("kill -SEGV $$")
    assert (other.result().outcome, other.result().exit) == (StepOutcome.FAILED, -11)
    assert "SIGSEGV" in other.result().error


@pytest.mark.parametrize(
    ("script", "cwd", "path", "code", "sentence"),
    [
        ("true", "/", "/no/such/folder", 127, "There is no program 'bash'"),
        ("true", "/", "{mode 0644}", 126, "The program 'bash' cannot be started: permission denied"),
        ("true", "/no/such/folder", "", 127, "/no/such/folder cannot be entered: no such file or directory"),
        ("echo a\0b", "/", "", 126, "invalid argument"),
    ],
)
def test_step_that_cannot_start_says_why(
    step: Step, tmp_path: Path, script: str, cwd: str, path: str, code: int, sentence: str
) -> None:
    (tmp_path / "bash").touch(0o644)
    path = path.replace("{mode 0644}", str(tmp_path)) or os.environ["PATH"]
    step.start(script, cwd=cwd, env={"PATH": path})
    found = step.result()
    assert (found.outcome, found.exit) == (StepOutcome.FAILED, code)
    assert sentence in found.error


@pytest.mark.parametrize(
    ("first", "rest", "output"),
    [
        ("#!/usr/bin/env python3", 'import sys\nprint("ü", len(sys.argv))', "ü 1\n"),
        ("#! /usr/bin/env -S python3 -u -B", "import sys\nprint(sys.flags.dont_write_bytecode)", "1\n"),
        ("#!/usr/bin/awk -f", 'BEGIN { print "by awk" }', "by awk\n"),
        ("#!/bin/sh", "false\necho went on; read x || echo no input", "went on\nno input\n"),
        ("#!/usr/bin/env python3", "#" * 300_000 + "\nprint('long')", "long\n"),
    ],
    ids=["env", "arguments", "awk", "sh", "long"],
)
def test_script_runs_by_the_program_of_its_first_line(step: Step, first: str, rest: str, output: str) -> None:
    step.start(f"{first}\n{rest}\n")
    assert (step.result().outcome, step.output.decode()) == (StepOutcome.DONE, output)


def test_script_of_a_program_that_is_not_there_fails_by_its_name(step: Step) -> None:
    step.start("#!/opt/no/such/shell\ntrue\n")
    assert step.result().exit == 127
    assert "no program '/opt/no/such/shell'" in step.result().error


def test_shell_of_the_caller_changes_no_step(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil").write_text("echo evil\n")
    (tmp_path / "inside").mkdir()
    changes = {"BASH_ENV": str(tmp_path / "evil"), "ENV": str(tmp_path / "evil"), "CDPATH": str(tmp_path)}
    changes |= {"SHELLOPTS": "noexec", "BASHOPTS": "nocasematch", "BASH_FUNC_ls%%": "() { echo evil; }", "KEPT": "kept"}
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    step.start(
        "ls /nowhere 2>&1 || true; cd inside 2>/dev/null || echo no; [[ a == A ]] || echo $KEPT; sh -c 'ls -d /'"
    )
    assert step.result().outcome is StepOutcome.DONE
    assert b"evil" not in step.output
    assert step.output.endswith(b"no\nkept\n/\n")


def test_never_twice_in_one_folder(step: Step) -> None:
    step.start("echo once")
    step.result()
    with pytest.raises(Refused, match="started before"):
        step.start("echo twice")
    assert step.output == b"once\n"


def test_cannot_start_where_nothing_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / "attempt").mkdir()
    (tmp_path / "attempt" / "output").mkdir()  # something is in the way
    step = Step(tmp_path / "attempt")
    with pytest.raises(Failed, match=r"could not be started: .*output"):
        step.start("echo never > ran")
    assert inspect_attempt(step.folder) is None


def test_secret_that_is_too_short_stops_the_start(step: Step) -> None:
    with pytest.raises(Failed, match="pin has fewer than 6"):
        step.start("echo 12345", secrets={"pin": "12345"})
    assert inspect_attempt(step.folder) is None


def test_step_has_no_terminal_to_ask_for_a_password(step: Step) -> None:
    script = """
        tty < /dev/stdout || true
        read -r answer && echo "read $answer" || echo "stdin is empty"
        (: < /dev/tty) 2>&1 || echo "no controlling terminal"
        echo x > /dev/stderr; (: < /dev/tty) 2>&1 || echo "none after opening it by name either"
    """
    step.start(script)
    assert step.result().outcome is StepOutcome.DONE
    for words in (b"/dev/pts/", b"stdin is empty", b"no controlling terminal", b"none after opening"):
        assert words in step.output


def test_program_that_insists_on_a_password_fails_and_does_not_hang(step: Step) -> None:
    step.start(f"{sys.executable} -c 'import getpass; print(\"got\", repr(getpass.getpass()))'", timeout=20)
    assert step.result().outcome is StepOutcome.FAILED
    assert b"EOFError" in step.output


def test_step_sees_the_window_size(step: Step, tmp_path: Path) -> None:
    step.start("stty size < /dev/stdout")
    step.result()
    assert step.output == b"24 80\n"
    other = Step(tmp_path / "other")
    other.start("stty size < /dev/stdout", env={"COLUMNS": "132", "LINES": "50"})
    other.result()
    assert other.output == b"50 132\n"


def test_step_inherits_no_descriptor_and_no_ignored_signal(step: Step, tmp_path: Path) -> None:
    lock = tmp_path / "driver.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.set_inheritable(file.fileno(), True)
        supervisor = step.start(
            "ls -l /proc/self/fd; grep -i sigign /proc/self/status; ulimit -c; echo ready; read x < <(sleep 60)"
        )
        step.says("ready")
        assert "driver.lock" not in step.output.decode()
        if os.getuid() == 0:  # from anybody else the kernel hides them
            links = {str(link.readlink()) for link in Path(f"/proc/{supervisor.pid}/fd").iterdir()}
            assert str(lock) not in links
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a descriptor that was inherited would still hold it
    ignored = int(re.search(rb"SigIgn:\s*([0-9a-f]+)", step.output)[1], 16)  # type: ignore[index]
    assert ignored & 0x7FFFFFFF == 0, "the step gets its signals as it would from a shell"


def test_step_gets_its_environment_and_folder(step: Step, tmp_path: Path) -> None:
    step.start('echo "$A|$STEP_OUTPUT|$PAGER|$PWD"', env={"A": "b c"}, cwd=str(tmp_path))
    step.result()
    assert step.output.decode() == f"b c|{step.folder.values}|cat|{tmp_path}\n"


def test_step_values_with_faults_are_passed_over_by_name(step: Step) -> None:
    script = r"""
        echo key=value >> "$STEP_OUTPUT"
        printf 'key=later\nno equals\n9bad=x\nhostile=\033[2Jx\nempty=\nlong=%05000d\n' 1 >> "$STEP_OUTPUT"
        echo path=/a=b >> "$STEP_OUTPUT"
        printf 'latin=/srv/M\374ller\nnul=/s\000rv\nutf8=/srv/M\303\274ller \357\277\275\r\n' >> "$STEP_OUTPUT"
    """
    step.start(script)
    step.result()
    values = read_values(step.folder)
    assert values == {"key": "later", "hostile": "x", "empty": "", "path": "/a=b", "utf8": "/srv/Müller \ufffd"}
    assert values.passed_over == [
        "line 3 is not key=value: 'no equals'",
        "line 4 is not key=value: '9bad=x'",
        "line 7: long is longer than 4096 characters",
        "line 9: latin has signs that are no text: '/srv/M<FC>ller'",
        "line 10: nul has signs that are no text: '/s^@rv'",
    ]


def test_values_that_are_no_values(step: Step, tmp_path: Path) -> None:
    assert read_values(step.folder) == {}
    step.start('head -c 200000 /dev/zero | tr "\\0" "x" > "$STEP_OUTPUT"; echo y=1 >> "$STEP_OUTPUT"')
    step.result()
    assert read_values(step.folder) == {}
    assert read_values(step.folder).passed_over == [f"line 1 is not key=value: {'x' * 60!r}"]
    assert step.folder.values.stat().st_size == LARGEST_FILE
    other = Step(tmp_path / "other")
    other.start('rm "$STEP_OUTPUT"; mkdir "$STEP_OUTPUT"')
    assert other.result().outcome is StepOutcome.DONE
    assert read_values(other.folder) == {}


@pytest.mark.parametrize("trick", ["mkfifo $STEP_OUTPUT", "ln -s /etc/hostname $STEP_OUTPUT", "true"])
def test_file_of_any_kind_in_place_of_the_values_is_named(step: Step, trick: str) -> None:
    step.start(f"rm $STEP_OUTPUT; {trick}", timeout=10)
    assert step.result().outcome is StepOutcome.DONE
    values = read_values(step.folder)
    assert values == {}
    assert len(values.passed_over) == (0 if trick == "true" else 1)


@pytest.mark.skipif(os.getuid() != 0, reason="takes the supervisor's descriptors away")
def test_fault_of_the_supervisor_is_told_and_not_silent(step: Step, tmp_path: Path) -> None:
    go = tmp_path / "go"
    supervisor = step.start(f"sleep 30 & echo ready; while [ ! -e {go} ]; do sleep 0.05; done; exit 4")
    step.says("ready")
    resource.prlimit(supervisor.pid, resource.RLIMIT_NOFILE, (3, 3))
    go.touch()
    found = step.result()
    assert (found.outcome, found.exit) == (StepOutcome.UNKNOWN, 4)
    assert "The supervisor has a fault: OSError: [Errno 24] Too many open files" in found.error


def test_progress_goes_beside_the_output(step: Step) -> None:
    step.start(r"printf 'a\033]9;4;1;42\007b\033]9;4;1;50;512;1024;bytes\033\\c'; read x < <(sleep 60)")
    wait_for(lambda: read_progress(step.folder.progress) == Progress(512, 1024, "bytes"), "the progress")
    wait_for(lambda: step.output == b"abc", "the output")


def test_progress_without_a_total_and_rubbish_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    file = ProgressFile(path)
    assert read_progress(path) is None
    longest = Progress(1.23456789012345e-100, 2.34567890123456e-100, "twelveletter")
    for told in (Progress(3e12, None), Progress(0.5, 1), Progress(5, None, "tables"), longest, None):
        file.write(told)
        assert read_progress(path) == told
        assert path.stat().st_size == 64
    file.close()
    path.write_text("some words")
    assert read_progress(path) is None
    assert read_progress(tmp_path / "none") is None


def test_progress_however_the_stream_is_cut() -> None:
    stream = b"x\x1b]9;4;1;7;7.5;100;tables\x07y\x1b]9;4;3;0;12;;bytes\x1b\\z\x1b[0m\x1b]8;;http://a\x07"
    for at in range(len(stream) + 1):
        seen = ProgressFilter()
        out = seen.feed(stream[:at]) + seen.feed(stream[at:]) + seen.flush()
        assert out == b"xyz\x1b[0m\x1b]8;;http://a\x07"
        assert seen.latest == Progress(12, None, "bytes")


@pytest.mark.parametrize("amounts", [b"1e999;1", b"1;1e300", b"1e;2", b"1..2;3", b"e;e", b"5;+", b"nan;1"])
def test_amounts_that_nobody_means_are_passed_over(amounts: bytes) -> None:
    seen = ProgressFilter()
    seen.feed(b"\x1b]9;4;1;7\x07" + b"\x1b]9;4;1;50;" + amounts + b"\x07")
    assert seen.latest == Progress(7, 100)


def test_huge_output_keeps_head_and_tail_and_counts_the_rest(step: Step) -> None:
    step.start("seq 1 600000", output_limit=1024 * 1024)
    found = step.result()
    whole = "".join(f"{n}\n" for n in range(1, 600001)).encode()
    assert found.outcome is StepOutcome.DONE
    assert step.output.startswith(whole[: 512 * 1024])
    assert step.output.endswith(whole[-512 * 1024 :])
    note = re.search(rb"\n\[midwatch: (\d+) bytes of output left out here", step.output)
    assert note is not None
    assert int(note[1]) == found.output_dropped == len(whole) - 1024 * 1024
    assert found.output_bytes == len(step.output)
    assert found.output_sha256 == hashlib.sha256(step.output).hexdigest()


def test_running_is_told_with_who_runs_it(step: Step) -> None:
    identity = step.start("echo $$; read x < <(sleep 60)")
    found = inspect_attempt(step.folder)
    assert isinstance(found, Running)
    assert found.supervisor == identity
    step.says("\n")
    assert found.step_pid == int(step.output)
    data = json.loads(step.folder.supervisor.read_text())
    assert data["step"]["pid"] == found.step_pid


def test_memory_of_the_supervisor_does_not_grow_with_the_output(step: Step, tmp_path: Path) -> None:
    go = tmp_path / "go"
    wait = f"while [ ! -e {go} ]; do sleep 0.05; done"
    supervisor = step.start(
        f"echo small; while [ ! -e {go} ]; do sleep 0.05; done; seq 1 3000000; echo ready; rm {go}; {wait}",
        output_limit=1 << 20,
    )
    step.says("small")

    def peak() -> int:
        status = Path(f"/proc/{supervisor.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1])  # type: ignore[index]

    before = peak()
    go.touch()
    wait_for(lambda: not go.exists(), "the end of 22 MB of output")
    assert peak() - before < 8 * 1024
    go.touch()
    assert step.result().output_dropped > 20_000_000


@needs_root
def test_program_that_is_nowhere_ends_with_127_although_a_folder_of_the_path_may_not_be_entered(
    reachable: Path,
) -> None:
    """As a shell does it; a program that is there and may not be started ends with 126."""
    closed, open_to_all = reachable / "closed", reachable / "open"
    closed.mkdir(mode=0o700)
    open_to_all.mkdir()
    (open_to_all / "not-executable").write_text("")
    path = f"{closed}:{open_to_all}:/usr/bin:/bin"

    def begun(program: str) -> CannotBegin | None:
        terminal = open_terminal({})
        child = Child(LaunchSpec((program,), "/", {"PATH": path}, 10.0), terminal, (), {})
        found = child.begin()
        os.waitpid(child.pid, 0)
        return found

    missing = run_as(ALICE, lambda: begun("no-such-program-here"))
    assert missing == CannotBegin(127, "There is no program 'no-such-program-here' on this machine's PATH")
    refused = run_as(ALICE, lambda: begun("not-executable"))
    assert refused == CannotBegin(126, "The program 'not-executable' cannot be started: permission denied")
    assert run_as(ALICE, lambda: begun("true")) is None
