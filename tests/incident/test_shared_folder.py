"""What a member of the group can put into an incident's folder of mode 2770, and what Midwatch makes of it."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.control.driver_lock import DriverLock
from midwatch.control.lease import LeaseWatcher, driver_of
from midwatch.engine.attempts import never_begins, owner_of
from midwatch.incident.paths import AttemptFolder, IncidentFolder
from midwatch.incident.permissions import new_folder, open_file, read_file, replace_file
from midwatch.incident.start_reserve import StartReserve
from midwatch.output.index import OutputIndex
from midwatch.output.timestamps import Timestamps
from midwatch.supervisor.progress import read_progress
from midwatch.supervisor.result import ReservedFile
from midwatch.supervisor.status import Lost, Running, cancel, inspect_attempt, unwatched
from midwatch.supervisor.step_outputs import read_values
from midwatch.system.errors import MidwatchError
from midwatch.system.process import ProcessIdentity
from tests.support.examples import examples
from tests.support.users import MALLORY, ONCALL, needs_root, run_as

pytestmark = needs_root


@pytest.fixture
def shared(reachable: Path) -> Path:
    """An incident's folder that the group shares."""
    folder = reachable / "INC-20261123-0200-fire"
    folder.mkdir()
    os.chown(folder, 0, ONCALL)
    folder.chmod(0o2770)
    return folder


@pytest.fixture
def victim(reachable: Path) -> Path:
    file = reachable / "victim"
    file.write_text("precious")
    file.chmod(0o600)
    return file


def as_mallory(act: Callable[[], object]) -> None:
    """Do it as a member of the group."""
    run_as(MALLORY, act, gid=ONCALL, umask=0o000)


OPENINGS: dict[str, Callable[[Path], object]] = {
    "create": lambda file: os.close(open_file(file, os.O_RDWR | os.O_CREAT)),
    "truncate": lambda file: os.close(open_file(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)),
    "create exclusively": lambda file: os.close(open_file(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL)),
    "read": read_file,
    "write": lambda file: os.close(open_file(file, os.O_RDWR)),
}


@pytest.mark.parametrize("how", OPENINGS)
@pytest.mark.parametrize("what", ["link", "dangling link", "fifo", "folder", "link on the way"])
def test_planted_name_is_neither_followed_nor_waited_for(shared: Path, victim: Path, how: str, what: str) -> None:
    before = victim.stat()
    file = shared / "output"

    def plant() -> None:
        if what == "link":
            file.symlink_to(victim)
        elif what == "dangling link":
            file.symlink_to(victim.parent / "made")
        elif what == "fifo":
            os.mkfifo(file, 0o666)
        elif what == "folder":
            file.mkdir()
        else:
            (shared / "steps").symlink_to(victim.parent)

    as_mallory(plant)
    with pytest.raises(OSError):  # noqa: PT011 - which error says what lies there
        OPENINGS[how](shared / "steps" / "victim" if what == "link on the way" else file)
    assert victim.read_text() == "precious"
    assert (victim.stat().st_mode, victim.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert not (victim.parent / "made").exists()


def test_file_of_a_member_keeps_the_mode_that_the_member_gave_it(shared: Path) -> None:
    file = shared / "driver.lock"
    as_mallory(lambda: os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)))
    os.close(open_file(file, os.O_RDWR | os.O_CREAT))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_new_files_and_folders_are_as_open_as_their_folder_whatever_the_umask_is(shared: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        new_folder(shared / "steps" / "a" / "1")
        os.close(open_file(shared / "f", os.O_CREAT | os.O_WRONLY))
        replace_file(shared / "g", b"x")
    finally:
        os.umask(before)
    assert [oct((shared / name).stat().st_mode & 0o7777) for name in ("steps", "steps/a/1", "f", "g")] == [
        "0o2770",
        "0o2770",
        "0o660",
        "0o660",
    ]


def test_second_name_of_a_file_is_not_written_to(shared: Path, victim: Path) -> None:
    os.link(victim, shared / "driver.lock")
    with pytest.raises(MidwatchError, match="second name"):
        DriverLock.take(IncidentFolder(shared), "ada@test")
    assert victim.read_text() == "precious"


def test_part_made_in_advance_as_a_link_overwrites_nothing(shared: Path, victim: Path) -> None:
    attempt = AttemptFolder(shared / "steps" / "a" / "1")
    new_folder(attempt.path)

    def plant() -> None:
        for name in ("plan.json", "plan.json.part", "result.json.part", "values.redacted.part", "result.json"):
            (attempt.path / name).symlink_to(victim)

    as_mallory(plant)
    replace_file(attempt.plan, b"{}")
    reserved = ReservedFile(attempt.result)
    reserved.publish(b"{}")
    assert victim.read_text() == "precious"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    assert attempt.plan.read_bytes() == attempt.result.read_bytes() == b"{}"


def test_room_kept_as_a_link_to_another_file_cuts_nothing(shared: Path, victim: Path) -> None:
    def plant() -> None:
        (shared / "spare").mkdir()
        (shared / "spare" / "room").symlink_to(victim)

    as_mallory(plant)
    spare = StartReserve(shared)
    spare.keep()
    assert spare.release() is None
    spare.drop()
    assert victim.read_text() == "precious"


def test_exchange_of_file_and_link_in_a_loop_never_reaches_the_other_file(shared: Path, victim: Path) -> None:
    file, ready = shared / "f", shared / "ready"
    script = 'cd "$1"; : > ready; while :; do ln -sfT "$2" f; rm -f f; : > f; rm -f f; done'

    def become() -> None:
        os.setgroups([])
        os.setresgid(ONCALL, ONCALL, ONCALL)
        os.setresuid(MALLORY, MALLORY, MALLORY)

    attacker = subprocess.Popen(["bash", "-c", script, "-", str(shared), str(victim)], preexec_fn=become)  # noqa: PLW1509
    try:
        while not ready.exists():
            assert attacker.poll() is None
        for _ in range(1500):
            try:
                descriptor = open_file(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            except OSError:
                continue
            os.write(descriptor, b"x")
            os.close(descriptor)
    finally:
        attacker.kill()
        attacker.wait()
    assert victim.read_text() == "precious"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of root's that has nothing to do with any step."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("which", ["supervisor", "step", "both"])
def test_process_that_a_member_wrote_into_supervisor_json_gets_no_signal(
    shared: Path, sleeper: subprocess.Popen[bytes], which: str
) -> None:
    attempt = AttemptFolder(shared / "steps" / "a" / "1")
    new_folder(attempt.path)
    target = ProcessIdentity.of(sleeper.pid)
    assert target is not None
    dead = ProcessIdentity(target.pid, target.start + 1, target.boot)
    supervisor = target if which != "step" else dead
    data = supervisor.to_json() | {"step": target.to_json(), "began": "2026-11-23T02:00:00Z", "control_group": "/"}
    as_mallory(lambda: attempt.supervisor.write_text(json.dumps(data)))
    found = inspect_attempt(attempt)
    assert not isinstance(found, Running)
    assert isinstance(found, Lost)
    assert found.how_to_end == ""
    assert unwatched(attempt) is None
    assert not cancel(attempt)
    assert sleeper.poll() is None
    assert ProcessIdentity.of(sleeper.pid) == target


def test_fifos_in_the_place_of_an_attempts_files_are_not_waited_for(shared: Path) -> None:
    attempt = AttemptFolder(shared / "steps" / "a" / "1")
    new_folder(attempt.path)

    def plant() -> None:
        for name in (
            "output",
            "output.timing",
            "values",
            "progress",
            "supervisor.json",
            "result.json",
            "launch_spec.json",
        ):
            os.mkfifo(attempt.path / name, 0o666)

    as_mallory(plant)
    assert isinstance(inspect_attempt(attempt), Lost)
    assert read_progress(attempt.progress) is None
    assert read_values(attempt).passed_over
    assert owner_of(attempt, None) is None
    assert never_begins(attempt) is False
    timing = Timestamps(attempt.timing)
    timing.refresh()
    output_index = OutputIndex(attempt.output)
    assert output_index.refresh() is False


@settings(max_examples=examples(150))
@given(
    text=st.binary(max_size=300)
    | st.fixed_dictionaries(
        {name: st.none() | st.integers() | st.text(max_size=5) for name in ("actor", "host", "pid", "start", "boot")}
        | {"since": st.just("2026-11-23T02:00:00.000000Z")}
    ).map(lambda data: json.dumps(data).encode())
)
def test_lock_file_with_any_bytes_gives_no_traceback(shared: Path, text: bytes) -> None:
    folder = IncidentFolder(shared)
    folder.lock.write_bytes(text)
    driver_of(folder)
    LeaseWatcher(folder).inspect()
    with contextlib.suppress(MidwatchError):
        DriverLock.take(folder, "ada@test").release()


PROCESSES = rb'\{"pid": ?-?[0-9e]{1,20}, "start": 1, "boot": "x"(, "step": .{0,9})?\}'


@settings(max_examples=examples(150))
@given(
    supervisor=st.binary(max_size=300) | st.from_regex(PROCESSES),
    result=st.none() | st.binary(max_size=300) | st.just(b'{"outcome":"done","exit":true,"seconds":1e999,"ended":"x"}'),
    values=st.binary(max_size=300),
)
def test_attempt_files_with_any_bytes_give_no_traceback(
    shared: Path, supervisor: bytes, result: bytes | None, values: bytes
) -> None:
    attempt = AttemptFolder(shared / "attempt")
    attempt.path.mkdir(exist_ok=True)
    attempt.supervisor.write_bytes(supervisor)
    attempt.result.unlink(missing_ok=True)
    if result is not None:
        attempt.result.write_bytes(result)
    attempt.values.write_bytes(values)
    attempt.progress.write_bytes(values)
    attempt.timing.write_bytes(values)
    inspect_attempt(attempt)
    unwatched(attempt)
    owner_of(attempt, None)
    read_values(attempt)
    read_progress(attempt.progress)
    Timestamps(attempt.timing).refresh()
