"""Time-outs, cancels, kills: everything that came from a step ends with it, and nobody is taken for somebody else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.incident.events import StepOutcome
from midwatch.supervisor.launch_spec import Graces
from midwatch.supervisor.status import Lost, Result, Running, cancel, inspect_attempt
from midwatch.system.process import ProcessIdentity, boot_id, stat_of
from tests.supervisor.supervised import Step, gone
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


def test_timeout_ends_the_whole_group(step: Step) -> None:
    step.start("sleep 300 & echo $!; sleep 300 | cat", timeout=0.5)
    found = step.result()
    assert found.outcome is StepOutcome.TIMED_OUT
    assert "did not end within its 0.5 s" in found.error
    wait_for(lambda: gone(int(step.output.split()[0])), "the end of the background process")


def test_cancel_lets_the_step_clean_up(step: Step) -> None:
    step.start("trap 'echo cleaned up; exit 3' INT; echo ready; while :; do read -t 0.1 x < <(sleep 60) || :; done")
    step.says("ready")
    assert cancel(step.folder)
    found = step.result()
    assert (found.outcome, found.exit) == (StepOutcome.CANCELLED, 3)
    assert step.output.endswith(b"cleaned up\n")
    assert not cancel(step.folder), "it has ended"


STUBBORN = """
    trap '' INT TERM; echo $$
    (trap '' INT TERM; echo $BASHPID; while :; do sleep 0.1; done) &
    while :; do sleep 0.1; done
"""


def test_cancel_of_a_stubborn_group_ends_in_kill(step: Step) -> None:
    step.start(STUBBORN, graces=Graces(0.1, 0.1, 0.1))
    wait_for(lambda: step.output.count(b"\n") == 2)
    assert cancel(step.folder)
    found = step.result()
    assert (found.outcome, found.exit) == (StepOutcome.CANCELLED, -signal.SIGKILL)
    for pid in step.output.split():
        wait_for(lambda pid=pid: gone(int(pid)), "the end of all")


def test_asking_again_goes_on_to_the_next_signal(step: Step) -> None:
    step.start(
        "trap 'echo int' INT; trap 'echo term; exit 5' TERM; echo ready; while :; do read -t 0.1 x < <(sleep "
        "60) || :; done",
        graces=Graces(100, 100, 1),
    )
    step.says("ready")
    assert cancel(step.folder)
    step.says("int")
    assert cancel(step.folder)
    assert (step.result().outcome, step.result().exit) == (StepOutcome.CANCELLED, 5)


def test_stopped_child_ends_too(step: Step) -> None:
    step.start("sleep 300 & kill -STOP $!; echo $!; kill -STOP $$")
    step.says("\n")
    found = inspect_attempt(step.folder)
    assert isinstance(found, Running)
    wait_for(lambda: (s := stat_of(found.step_pid)) is not None and s.state == "T", "the stop")
    assert cancel(step.folder)
    assert step.result().outcome is StepOutcome.CANCELLED
    wait_for(lambda: gone(int(step.output.split()[0])), "the end of the stopped child")


def test_child_in_a_session_of_its_own_ends_too(step: Step) -> None:
    runs_away = "setsid bash -c 'trap \"\" INT TERM; echo $$; exec > /dev/null 2>&1; while :; do sleep 1; done' &"
    step.start(f"{runs_away} echo ready; read x < <(sleep 60)")
    step.says("ready")
    wait_for(lambda: step.output.count(b"\n") == 2)
    runaway = next(int(word) for word in step.output.split() if word.isdigit())
    assert cancel(step.folder)
    assert step.result().outcome is StepOutcome.CANCELLED
    wait_for(lambda: gone(runaway), "the end of the runaway")


RUNAWAY = """
    (setsid bash -c '(trap "" INT TERM; echo $BASHPID; exec > /dev/null 2>&1; while :; do sleep 0.2; done) &' &)
    trap '' INT TERM; echo ready; while :; do sleep 0.1; done
"""
"""A grandchild in a session of its own, whose parents have ended, and which heeds nothing."""

CANCELLED = """
import json, sys
from pathlib import Path
from tests.supervisor.supervised import Step, gone
from tests.support.waiting import wait_for
from midwatch.supervisor.launch_spec import Graces
from midwatch.supervisor.status import cancel
step = Step(Path(sys.argv[1]))
step.start(sys.argv[2], graces=Graces(0.1, 0.1, 0.1))
wait_for(lambda: step.output.count(b"\\n") == 2)
runaway = next(int(word) for word in step.output.split() if word.isdigit())
assert cancel(step.folder)
assert step.result().outcome == "cancelled"
wait_for(lambda: gone(runaway), "the end of the runaway")
print(json.loads(step.folder.supervisor.read_text())["control_group"])
"""


def cancelled(step: Step, *before: str) -> str:
    """The control group of a step with a runaway that was cancelled, and all of it has ended."""
    command = [*before, sys.executable, "-c", CANCELLED, str(step.folder.path), RUNAWAY]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def test_runaway_ends_with_its_control_group_which_goes_too(step: Step) -> None:
    group = cancelled(step)
    if not group:
        pytest.skip("no control group may be made here")
    wait_for(lambda: not Path(group).exists(), "the removal of the group")


def test_runaway_ends_where_there_is_no_control_group(step: Step) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can hide the control groups")
    assert cancelled(step, "unshare", "-m", "sh", "-c", 'umount -l -a -t cgroup2; exec "$@"', "sh") == ""


HOPPING = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
end = time.monotonic() + 60
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    os.setsid()
"""
"""A process that is another one each time that it is looked at."""


def test_fork_bomb_ends_with_its_control_group(step: Step) -> None:
    step.start(f"{sys.executable} -c '{HOPPING}' > /dev/null 2>&1 & echo ready; read x < <(sleep 60)")
    step.says("ready")
    group = Path(json.loads(step.folder.supervisor.read_text())["control_group"] or "/nowhere")
    if not group.exists():
        cancel(step.folder)
        pytest.skip("no control group may be made here")
    assert cancel(step.folder)
    assert step.result().outcome is StepOutcome.CANCELLED
    wait_for(lambda: not group.exists(), "the end of all")


def test_process_that_outlives_its_supervisor_is_named_and_can_be_ended(step: Step) -> None:
    supervisor = step.start(
        "setsid bash -c 'echo $$; exec sleep 300 > /dev/null 2>&1' & echo ready; read x < <(sleep 60)"
    )
    wait_for(lambda: step.output.count(b"\n") == 2)
    group = json.loads(step.folder.supervisor.read_text())["control_group"]
    if not group:
        pytest.skip("no control group may be made here")
    runaway = next(int(word) for word in step.output.split() if word.isdigit())
    found = inspect_attempt(step.folder)
    assert isinstance(found, Running)
    for pid in (supervisor.pid, found.step_pid):
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: gone(pid))
    found = inspect_attempt(step.folder)
    assert isinstance(found, Lost)
    assert "what the step started still runs as process" in found.reason
    assert found.how_to_end == f"echo 1 > {group}/cgroup.kill"
    assert cancel(step.folder)
    wait_for(lambda: gone(runaway), "the end of the runaway")
    wait_for(lambda: isinstance(found := inspect_attempt(step.folder), Lost) and found.step is None)
    following = Step(step.folder.path.with_name("following"))
    following.start("exit 0")
    following.result()
    assert not Path(group).exists(), "the next supervisor sweeps what the last one could not"


def test_process_that_keeps_the_terminal_open_does_not_hang_the_step(step: Step) -> None:
    step.start("(trap '' TERM HUP; while :; do sleep 1; done) & echo $!; exit 0")
    found = step.result()
    assert (found.outcome, found.exit) == (StepOutcome.DONE, 0)
    assert "kept its terminal open and had to be ended" in found.error
    assert found.seconds < 2, "the time of the step, not of its remains"
    left = int(step.output.split()[0])  # bash may add that its sleep was killed
    wait_for(lambda: gone(left), "the end of what was left")


def test_daemon_that_let_go_of_the_terminal_is_left_alone(step: Step) -> None:
    step.start("setsid sleep 60 < /dev/null > /dev/null 2>&1 & echo $!")
    found = step.result()
    assert (found.outcome, found.error) == (StepOutcome.DONE, "")
    daemon = int(step.output)
    assert not gone(daemon)
    os.kill(daemon, signal.SIGKILL)


STARTER = """
import signal, sys
from pathlib import Path
from midwatch.incident.paths import AttemptFolder
from midwatch.api.plan import Plan
from midwatch.supervisor.consented_command import command_of
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.launch import launch
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may not hear it, as under nohup
folder = AttemptFolder(Path(sys.argv[1]))
plan = Plan("shell", {"script": sys.argv[2]}, bindings={"working folder": "/"})
launch(folder, LaunchSpec(command_of(plan), "/", {}, 60, digest=plan.digest), {}, plan)
print("started", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_end_of_the_starter_does_not_end_the_step(step: Step, number: signal.Signals, tmp_path: Path) -> None:
    go = tmp_path / "go"
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            STARTER,
            str(step.folder.path),
            f"echo one; while [ ! -e {go} ]; do sleep 0.05; done; echo two",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert starter.stdin is not None
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"started\n"
    step.says("one")
    os.killpg(starter.pid, number)
    starter.wait(10)
    assert isinstance(inspect_attempt(step.folder), Running)
    go.touch()
    step.says("two")
    assert step.result().outcome is StepOutcome.DONE
    starter.stdin.close()
    starter.stdout.close()


def test_end_of_the_supervisor_is_lost_and_names_what_still_runs(step: Step) -> None:
    supervisor = step.start("echo $$; trap '' PIPE; while :; do sleep 0.2; done")
    step.says("\n")
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_for(lambda: isinstance(inspect_attempt(step.folder), Lost))
    found = inspect_attempt(step.folder)
    assert isinstance(found, Lost)
    assert found.step is not None
    assert found.step.pid == int(step.output)
    assert "still runs as process" in found.reason
    os.kill(found.step.pid, signal.SIGKILL)
    wait_for(
        lambda: (
            isinstance(again := inspect_attempt(step.folder), Lost)
            and "left no result" in again.reason
            and again.step is None
        )
    )
    assert not cancel(step.folder)


def test_recycled_pid_and_a_reboot_are_not_taken_for_a_running_step(step: Step) -> None:
    me = ProcessIdentity.of(os.getpid())
    assert me is not None
    step.folder.path.mkdir()

    def left(supervisor: dict[str, object]) -> None:
        step.folder.supervisor.write_text(json.dumps(supervisor | {"step": supervisor, "began": "x"}))

    left(me.to_json())
    assert isinstance(inspect_attempt(step.folder), Running)
    left(me.to_json() | {"start": me.start + 1})
    assert isinstance(inspect_attempt(step.folder), Lost)
    left(me.to_json() | {"boot": "another"})
    assert inspect_attempt(step.folder) == Lost("The machine was restarted while the step ran")
    assert not cancel(step.folder)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "\0\0\0", '{"pid": "x", "start": 1, "boot": "b"}'])
def test_rubbish_is_lost_and_no_traceback(step: Step, content: str) -> None:
    step.folder.path.mkdir()
    step.folder.supervisor.write_text(content)
    assert isinstance(inspect_attempt(step.folder), Lost)
    step.folder.result.write_text(content)
    assert isinstance(inspect_attempt(step.folder), Lost)


def test_starter_that_went_away_before_the_beginning_means_that_nothing_ran(step: Step, tmp_path: Path) -> None:
    from midwatch.api.plan import Plan
    from midwatch.supervisor.consented_command import FOLDER, SHELL_ACTION, command_of
    from midwatch.supervisor.fork_server import FORK_SERVER
    from midwatch.supervisor.launch import handover
    from midwatch.supervisor.launch_spec import LaunchSpec

    step.folder.path.mkdir()
    plan = Plan(SHELL_ACTION, {"script": f"touch {tmp_path / 'ran'}"}, bindings={FOLDER: "/"})
    order = LaunchSpec(command_of(plan), "/", {}, 60, digest=plan.digest)
    with FORK_SERVER.fork(step.folder) as starter:
        starter.sendall(handover(order, {}, plan))
    wait_for(lambda: isinstance(inspect_attempt(step.folder), Result), "a result")
    found = inspect_attempt(step.folder)
    assert isinstance(found, Result)
    assert found.outcome is StepOutcome.CANCELLED
    assert "Nothing ran" in found.error
    assert not (tmp_path / "ran").exists()


def test_identity_of_a_process_with_a_confusing_name(tmp_path: Path) -> None:
    odd = tmp_path / "a) R 1 (b"
    odd.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(odd), "60"])
    try:
        stat = stat_of(process.pid)
        assert stat is not None
        assert stat.parent == os.getpid()
        found = ProcessIdentity.of(process.pid)
        assert found is not None
        assert found.alive
        assert found.boot == boot_id()
    finally:
        process.kill()
        process.wait()
    assert not found.alive
    assert not found.send(signal.SIGTERM)
