"""A quota, memory or open files run out where a step is started, watched or looked at: one sentence, and never a false
end."""

from __future__ import annotations

import errno
import itertools
import os
import re
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from midwatch.incident.events import StepOutcome
from midwatch.incident.paths import AttemptFolder
from midwatch.supervisor.status import Lost, Result, Running, cancel, inspect_attempt, unwatched
from midwatch.system.errors import Failed
from midwatch.system.process import ProcessIdentity
from tests.supervisor.supervised import Step
from tests.support.refusing import run_refused
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

START = """
import json, resource, sys
from pathlib import Path
from midwatch.system.errors import MidwatchError
from midwatch.incident.paths import AttemptFolder
from midwatch.supervisor.launch_spec import Graces, LaunchSpec
from midwatch.supervisor.consented_command import command_of
from midwatch.api.plan import Plan
from midwatch.supervisor.launch import launch

def begin(name, script):
    folder = AttemptFolder(Path(sys.argv[1]) / name)
    try:
        plan = Plan("shell", {"script": script}, bindings={"working folder": "/"})
        words, graces = command_of(plan), Graces(0.5, 0.5, 0.3)
        launch(folder, LaunchSpec(words, "/", {}, 60, graces, digest=plan.digest), {}, plan)
    except MidwatchError as error:
        print(name, error, flush=True)
    else:
        print(name, "started", flush=True)
"""
FILES = ("launch_spec.json", "supervisor.json", "output", "output.timing", "progress", "values", "result.json")
SEES = pytest.mark.skipif(
    os.getuid() != 0, reason="only root sees what a supervisor asks of the kernel: its memory is closed"
)
WORDS = {errno.EDQUOT: "Disk quota exceeded", errno.EIO: "Input/output error", errno.ENOMEM: "Cannot allocate memory"}


@SEES
def test_attempt_without_any_of_its_files_does_not_start_and_says_why(tmp_path: Path) -> None:
    numbers = dict(zip(FILES, itertools.cycle(WORDS), strict=False))

    def refuse(call: str, path: str) -> int:
        name = re.sub(r"^\.|\.[0-9a-f]{16}\.part$", "", Path(path).name)
        return numbers.get(name, 0) if name == Path(path).parent.name else 0

    program = START + "for name in sys.argv[2:]: begin(name, f'touch {sys.argv[1]}/ran')"
    done = run_refused(program, tmp_path, *FILES, refuse=refuse)
    assert done.stderr == ""
    said = done.stdout.splitlines()
    assert [line.split()[0] for line in said] == list(FILES)
    assert all(WORDS[numbers[line.split()[0]]] in line for line in said), said
    assert not (tmp_path / "ran").exists()
    assert not any(isinstance(inspect_attempt(AttemptFolder(tmp_path / name)), Running | Result) for name in FILES)


@SEES
def test_quota_that_is_used_up_in_the_middle_costs_output_and_nothing_else(tmp_path: Path) -> None:
    refused: Counter[str] = Counter()

    def refuse(call: str, path: str) -> int:
        if not (tmp_path / "full").exists() or Path(path).parent != tmp_path / "a":
            return 0
        refused[Path(path).name] += 1
        if refused["output"]:
            (tmp_path / "refused").touch()
        return errno.EDQUOT

    wait = f"while [ ! -e {tmp_path}/refused ]; do sleep 0.02; done"
    script = f"touch {tmp_path}/full; seq 1 1000; {wait}; rm {tmp_path}/full; echo last"
    done = run_refused(START + "begin('a', sys.argv[2])", tmp_path, script, refuse=refuse)
    assert (done.stdout, done.stderr) == ("a started\n", "")
    step = Step(tmp_path / "a")
    found = step.result()
    assert (found.outcome, found.exit) == (StepOutcome.DONE, 0)
    assert refused["output"]
    note = re.search(rb"\n\[midwatch: (\d+) bytes of output not stored here: the quota was used up\]\n", step.output)
    assert note is not None
    assert int(note[1]) == found.output_dropped > 0
    assert len(step.output) == found.output_bytes
    assert step.output.endswith(b"last\n")


def test_too_few_open_files_for_a_start_is_a_sentence_and_nothing_runs(tmp_path: Path) -> None:
    program = """
for limit in (3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 23):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 4096))
    begin(str(limit), f"echo {limit} >> {sys.argv[1]}/ran")
"""
    command = [sys.executable, "-c", START + program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    started = [name for name, words in said.items() if words == "started"]
    assert "23" in started
    stored = r"The order of the step cannot be stored in \S+"
    sentence = re.compile(rf"(The step could not be started|{stored}): (The supervisor: )?Too many open files\..*")
    assert all(sentence.fullmatch(words) for name, words in said.items() if name not in started), said
    wait_for(
        lambda: all(isinstance(inspect_attempt(AttemptFolder(tmp_path / name)), Result) for name in started),
        "all results",
    )
    for name in started:
        found = inspect_attempt(AttemptFolder(tmp_path / name))
        assert isinstance(found, Result)
        assert found.outcome in (StepOutcome.DONE, StepOutcome.UNKNOWN)
        assert found.outcome is StepOutcome.DONE or "Too many open files" in found.error
    ran = (tmp_path / "ran").read_text().split()
    assert set(ran) <= set(started)
    assert len(ran) == len(set(ran))


def test_too_little_memory_for_a_start_is_a_sentence_and_nothing_runs(tmp_path: Path) -> None:
    program = """
from midwatch.redaction import mask
mask("its tables are there, as in a program that has said something", {})
for limit in (8, 16, 24, 32, 400):
    resource.setrlimit(resource.RLIMIT_AS, (limit << 20, -1))
    begin(str(limit), f"echo {limit} >> {sys.argv[1]}/ran")
"""
    command = [sys.executable, "-c", START + program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    *refused, last = done.stdout.splitlines()
    assert last == "400 started"
    sentence = re.compile(r"\d+ (started|The step could not be started: .+ Nothing ran; see .+)")
    assert all(sentence.fullmatch(line) for line in refused), refused
    assert not refused[0].endswith("started")
    wait_for(lambda: isinstance(inspect_attempt(AttemptFolder(tmp_path / "400")), Result), "the last result")
    started = {line.split()[0] for line in done.stdout.splitlines() if line.endswith("started")}
    assert set((tmp_path / "ran").read_text().split()) <= started


def test_reader_without_free_descriptors_says_nothing_of_the_step(step: Step) -> None:
    step.start("read x < <(sleep 60)")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(Failed, match=r"cannot be looked at: Too many open files\. It goes on all the same"):
            inspect_attempt(step.folder)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert isinstance(inspect_attempt(step.folder), Running)


@pytest.mark.skipif(os.getuid() != 0, reason="takes memory away from the supervisor")
def test_supervisor_without_memory_never_says_that_all_is_well_with_output_missing(step: Step, tmp_path: Path) -> None:
    go = tmp_path / "go"
    supervisor = step.start(f"echo ready; while [ ! -e {go} ]; do sleep 0.05; done; seq 1 400000")
    step.says("ready")
    size = int(Path(f"/proc/{supervisor.pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.prlimit(supervisor.pid, resource.RLIMIT_AS, (size, size))
    go.touch()
    wait_for(lambda: not isinstance(inspect_attempt(step.folder), Running), "an end")
    found = inspect_attempt(step.folder)
    if isinstance(found, Result) and found.outcome is StepOutcome.DONE:
        assert step.output.endswith(b"400000\n")
        return
    assert isinstance(found, Lost) or (found.outcome is StepOutcome.UNKNOWN and "it ran out of memory" in found.error)
    wait_for(lambda: unwatched(step.folder) or not ProcessIdentity.of(supervisor.pid))
    left = unwatched(step.folder)
    assert left is None or left.step is not None
    assert left is None or cancel(step.folder), "what runs on, unwatched, is known and can be ended"
    wait_for(lambda: unwatched(step.folder) is None)
