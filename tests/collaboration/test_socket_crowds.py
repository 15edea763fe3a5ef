"""Whatever one user does at the control socket, another user's approval gets in, and the journal does not grow."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pwd
import select
import selectors
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.control.control_client import ObserverConnection, send_request
from midwatch.control.control_socket import CLIENTS_PER_USER, REQUEST_LIMIT_BYTES, ControlServer
from midwatch.control.driver_lock import DriverLock
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.step_status import StepStatus
from midwatch.system import subordinate_users
from midwatch.system.errors import Failed, MidwatchError, Refused
from midwatch.system.identity import Identity
from midwatch.system.unix_socket import listen_in_folder
from tests.support.driven_incident import driven
from tests.support.examples import examples
from tests.support.users import ALICE, BOB, CROWD, MALLORY, ONCALL, needs_root, run_as
from tests.support.waiting import wait_for

__all__ = ["driven"]  # a fixture
SUBORDINATE = 1_000_000
"""The first subordinate user id of the crowd."""


def raw(folder: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    descriptor = os.open(folder, os.O_RDONLY)
    connection.settimeout(5)
    connection.connect(f"/proc/self/fd/{descriptor}/control.sock")
    os.close(descriptor)
    return connection


def refused_by_the_kernel(*_: object) -> None:
    raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


class Crowd:
    """A process of another user that does something at the socket until it is ended."""

    def __init__(self, uid: int, deed: Callable[[], object]) -> None:
        ready, said = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                os.close(ready)

                def run() -> None:
                    held = deed()
                    os.write(said, b".")
                    while True:
                        time.sleep(60)
                        assert held is not None

                run_as(uid, run)
            os._exit(1)
        os.close(said)
        assert os.read(ready, 1) == b"."
        os.close(ready)

    def end(self) -> None:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in [*map(int, children), self.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        os.waitpid(self.pid, 0)


def approve(folder: Path) -> str:
    """What a second person's approval comes to, tried three times at most."""
    for _ in range(3):
        observer = IncidentController.observe(IncidentFolder(folder), actor="bob@test")
        try:
            observer.approve("burn", observer.plan_to_approve("burn"), typed="burn")
        except Failed:
            continue
        return "approved"
    return "kept out"


def idle_crowd(folder: Path) -> list[socket.socket]:
    crowd = []
    for _ in range(64):
        with contextlib.suppress(OSError):
            crowd.append(raw(folder))
    return crowd


def deaf_crowd(folder: Path) -> list[socket.socket]:
    """Observers and askers that never read."""
    crowd = idle_crowd(folder)
    for index, one in enumerate(crowd):
        one.setblocking(False)
        with contextlib.suppress(OSError):
            one.send(b'{"op":"attend"}\n' if index % 2 else b'{"op":"plan","step":"burn"}\n' * 200)
    return crowd


def flooding_crowd(folder: Path) -> object:
    """Asks as often as it can, from several processes, and is not waited for."""
    for _ in range(3):
        if os.fork() == 0:
            while True:
                with contextlib.suppress(OSError), raw(folder) as one:
                    for _ in range(500):
                        one.sendall(b'{"op":"ask"}\n')
    return True


@needs_root
@pytest.mark.parametrize("crowd", [idle_crowd, deaf_crowd, flooding_crowd])
def test_crowd_of_one_user_does_not_keep_out_another_users_approval(
    driven: IncidentController, crowd: Callable[[Path], object]
) -> None:
    folder = driven.folder.path
    driven.request_approval("burn", driven.plan("burn"))
    mallory = Crowd(CROWD, lambda: crowd(folder))
    try:
        assert run_as(BOB, lambda: approve(folder)) == "approved"
    finally:
        _end_all_of(CROWD)
        mallory.end()
    wait_for(lambda: driven.incident.approvals["burn"].given_by)
    driven.start("burn", driven.plan("burn"), typed="burn")
    wait_for(lambda: [driven.poll(), driven.incident.step("burn").status is StepStatus.DONE][1])
    assert sum(event.kind == EventKind.CONTROL_REQUESTED for event in driven.events) <= 1


def _end_all_of(uid: int) -> None:
    """End what a crowd left. Its user has no process of another test, also where tests run side by side."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if entry.stat().st_uid == uid:
                os.kill(int(entry.name), 9)


def subordinate_crowd(folder: Path) -> list[socket.socket]:
    """Asks for control and then keeps idle connections, as each of forty subordinate users."""
    crowd = []
    for uid in range(SUBORDINATE, SUBORDINATE + 40):
        os.seteuid(uid)
        for index in range(CLIENTS_PER_USER):
            with contextlib.suppress(OSError):
                crowd.append(raw(folder))
                if not index:
                    crowd[-1].sendall(b'{"op":"ask"}\n')
                    crowd[-1].recv(4096)
        os.seteuid(0)
    return crowd


@needs_root
def test_user_with_thousands_of_subordinate_user_ids_counts_as_one_and_the_ids_as_nobody(
    driven: IncidentController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges = tmp_path / "subuid"
    ranges.write_text(f"no line\nnobody-of-this-name:1:1\n{CROWD}:{SUBORDINATE}:65536\n")
    monkeypatch.setattr(subordinate_users, "SUBORDINATE_USERS", ranges)
    driven.request_approval("burn", driven.plan("burn"))
    with pytest.raises(MidwatchError, match="no login of its own"):
        run_as(SUBORDINATE + 7, lambda: approve(driven.folder.path))
    crowd = Crowd(0, lambda: subordinate_crowd(driven.folder.path))
    try:
        assert run_as(BOB, lambda: approve(driven.folder.path)) == "approved"
    finally:
        crowd.end()
    assert sum(event.kind == EventKind.CONTROL_REQUESTED for event in driven.events) == 1
    ranges.write_text(f"{CROWD}:1:1\n")
    daemon = pwd.getpwuid(1).pw_uid
    assert subordinate_users.owner_of(daemon) == daemon, "an account is nobody's subordinate id"
    assert subordinate_users.owner_of(SUBORDINATE) == SUBORDINATE


@needs_root
def test_request_repeated_by_two_users_stands_once_for_each_until_it_is_answered(driven: IncidentController) -> None:
    def ask() -> None:
        for _ in range(5):
            send_request(driven.folder, {"op": "ask"})

    for _ in range(2):
        run_as(ALICE, ask)
        run_as(BOB, ask)
    asked = [event for event in driven.events if event.kind == EventKind.CONTROL_REQUESTED]
    assert len(asked) == 2
    driven.offer_control("root" if Identity.current().name != "root" else "daemon")
    run_as(ALICE, ask)
    assert sum(event.kind == EventKind.CONTROL_REQUESTED for event in driven.events) == 3


@needs_root
def test_user_that_asks_too_often_is_told_so_and_root_is_not_held_up(driven: IncidentController) -> None:
    def flood() -> str:
        for _ in range(200):
            try:
                send_request(driven.folder, {"op": "unknown"})
            except Refused:
                continue
            except Failed as error:
                return str(error)
        return ""

    assert "This user asks too often" in run_as(MALLORY, flood)
    with pytest.raises(Refused, match="The driver's Midwatch does not know this request"):
        run_as(BOB, lambda: send_request(driven.folder, {"op": "unknown"}))
    for _ in range(200):
        with pytest.raises(Refused, match="The driver's Midwatch does not know this request"):
            send_request(driven.folder, {"op": "unknown"})


def _answer(person: Identity, message: Mapping[str, Any]) -> Mapping[str, Any]:
    if message.get("op") == "break":
        raise ZeroDivisionError("a fault of ours")
    return {"big": "x" * 4_000_000} if message.get("op") == "big" else {"heard": message.get("op")}


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    return IncidentFolder(tmp_path)


@pytest.fixture
def control_socket(folder: IncidentFolder) -> Iterator[ControlServer]:
    lock = DriverLock.take(folder, "ada@test")
    control_socket = ControlServer(folder, _answer, idle_s=0.3)
    assert control_socket.problem == ""
    yield control_socket
    control_socket.close()
    lock.release()


def test_connection_that_never_says_a_line_is_closed(folder: IncidentFolder, control_socket: ControlServer) -> None:
    with raw(folder.path) as silent, raw(folder.path) as half:
        half.sendall(b'{"op"')
        assert (silent.recv(1), half.recv(1)) == (b"", b"")


def test_observer_stays_connected_beyond_the_idle_time(folder: IncidentFolder, control_socket: ControlServer) -> None:
    observer = ObserverConnection(folder)
    wait_for(lambda: control_socket.observers)
    for _ in range(3):
        with raw(folder.path) as silent:
            assert silent.recv(1) == b""
    assert observer.poll()
    assert len(control_socket.observers) == 1
    observer.leave()


def test_observer_that_begins_a_line_and_never_ends_it_is_closed(
    folder: IncidentFolder, control_socket: ControlServer
) -> None:
    with raw(folder.path) as observer:
        observer.sendall(b'{"op":"attend"}\n{')
        while observer.recv(65536):
            pass
    wait_for(lambda: control_socket.observers == ())


def test_client_that_does_not_read_its_answer_is_dropped_and_nobody_waits(
    folder: IncidentFolder, control_socket: ControlServer
) -> None:
    with raw(folder.path) as deaf:
        deaf.sendall(b'{"op":"big"}\n' * 50)
        began = time.monotonic()
        assert send_request(folder, {"op": "hello"}) == {"heard": "hello"}
        assert time.monotonic() - began < 5.0
        hung_up = select.poll()
        hung_up.register(deaf, select.POLLHUP)
        wait_for(lambda: any(event & select.POLLHUP for _, event in hung_up.poll(0)))


def test_client_that_reads_slowly_gets_the_whole_answer(folder: IncidentFolder, control_socket: ControlServer) -> None:
    assert len(send_request(folder, {"op": "big"})["big"]) == 4_000_000


def test_user_has_a_number_of_connections_and_is_told_so(folder: IncidentFolder, control_socket: ControlServer) -> None:
    held = [ObserverConnection(folder) for _ in range(CLIENTS_PER_USER)]
    wait_for(lambda: len(control_socket.observers) == CLIENTS_PER_USER)
    with pytest.raises(Failed, match="16 connections to the driver already"):
        send_request(folder, {"op": "hello"})
    held.pop().leave()
    wait_for(lambda: len(control_socket.observers) == CLIENTS_PER_USER - 1)
    assert send_request(folder, {"op": "hello"})["heard"] == "hello"
    for one in held:
        one.leave()


def test_fault_while_answering_is_answered_and_survived(folder: IncidentFolder, control_socket: ControlServer) -> None:
    for _ in range(3):
        with pytest.raises(Refused, match="Internal error of the driver: ZeroDivisionError"):
            send_request(folder, {"op": "break"})
    assert send_request(folder, {"op": "hello"})["heard"] == "hello"


def test_thread_that_cannot_go_on_says_so_and_the_driver_opens_another_socket(
    driven: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midwatch.engine import collaboration, pending_requests

    assert driven.session.handle is not None
    first = driven.session.handle.control_socket
    assert first is not None
    with monkeypatch.context() as broken:
        broken.setattr(selectors.DefaultSelector, "select", refused_by_the_kernel)
        with contextlib.suppress(OSError):
            raw(driven.folder.path).close()
        wait_for(lambda: first.problem)
    assert "Nobody can reach this driver any more" in driven.unreachable
    shown = pending_requests.pending_request(driven)
    assert shown is not None
    assert shown.message == driven.unreachable
    monkeypatch.setattr(collaboration, "REOPEN_S", 0.0)
    driven.poll()
    assert driven.unreachable == ""
    with pytest.raises(Refused, match="The driver's Midwatch does not know this request"):
        send_request(driven.folder, {"op": "unknown"})


WRONG = [
    b'{"op":"offer","to":"root","within":1e308}',
    b'{"op":"offer","to":"root","within":1e999}',
    b'{"op":"offer","to":"root","within":-1}',
    b'{"op":"offer","to":"root","within":NaN}',
    b'{"op":"offer","to":"root","within":true}',
    b'{"op":"offer","to":"root","within":"600"}',
    b'{"op":"offer","to":"root","within":' + b"9" * 4000 + b"}",
    b'{"op":"offer","to":["root"],"within":600}',
    b'{"op":"offer","to":"' + b"a" * 5000 + b'","within":600}',
    b'{"op":"offer"}',
    b'{"op":"ask","op":"take"}',
    b'{"op":{"op":"ask"}}',
    b'{"op":"\\ud800"}',
    b'{"op":"\xff"}',
    b'{"op":"approve","step":[],"digest":{},"typed":0}',
    b'{"op":"decline","step":"burn","reason":null}',
    b'{"op":"plan"}',
    b"[" * 60_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b"null",
    b"",
]


@pytest.mark.parametrize("line", WRONG, ids=range(len(WRONG)))
def test_wrong_value_is_answered_with_a_sentence_and_changes_nothing(driven: IncidentController, line: bytes) -> None:
    before = len(driven.events)
    with raw(driven.folder.path) as one:
        one.sendall(line + b"\n")
        reply = json.loads(one.makefile("rb").readline())
    assert reply["ok"] is False
    assert reply["sentence"]
    assert "Internal error" not in reply["sentence"]
    assert len(driven.events) == before
    with pytest.raises(Refused, match="The driver's Midwatch does not know this request"):
        send_request(driven.folder, {"op": "unknown"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
OPERATIONS = st.sampled_from(["attend", "ask", "take", "offer", "withdraw", "plan", "approve", "decline", "x"])
REQUESTS = st.builds(
    lambda op, rest: {**rest, "op": op},
    OPERATIONS | JSON,
    st.dictionaries(
        st.sampled_from(["to", "within", "step", "digest", "typed", "reason", "op", "x"]), JSON, max_size=6
    ),
)


@needs_root
@given(
    pieces=st.lists(
        st.binary(max_size=300) | REQUESTS.map(lambda message: json.dumps(message).encode() + b"\n"), max_size=6
    ),
    cut=st.integers(0, 2000),
)
@settings(max_examples=examples(150))
def test_control_socket_after_any_bytes_answers_the_next_request(
    fuzzed: IncidentController, pieces: list[bytes], cut: int
) -> None:
    data = b"".join(pieces)

    def send() -> None:
        with contextlib.suppress(OSError), raw(fuzzed.folder.path) as one:
            one.sendall(data[:cut])
            one.sendall(data[cut:])

    run_as(MALLORY, send)
    assert fuzzed.unreachable == ""
    with pytest.raises(Refused, match="The driver's Midwatch does not know this request"):
        send_request(fuzzed.folder, {"op": "unknown"})


@pytest.fixture
def fuzzed(driven: IncidentController) -> IncidentController:
    driven.request_approval("burn", driven.plan("burn"))
    return driven


@pytest.mark.parametrize("size", [REQUEST_LIMIT_BYTES + 2, 10 * REQUEST_LIMIT_BYTES])
def test_line_that_is_too_long_ends_its_connection_only(
    folder: IncidentFolder, control_socket: ControlServer, size: int
) -> None:
    with raw(folder.path) as one, contextlib.suppress(OSError):
        one.sendall(b"x" * size)
        assert one.recv(1) == b""
    assert send_request(folder, {"op": "hello"})["heard"] == "hello"


# Who is at the other end


@needs_root
def test_socket_of_another_user_is_not_believed_although_the_lock_file_names_its_process(reachable: Path) -> None:
    """In a folder that only its owner writes, the lock file cannot lie; a peer that may not drive is refused all the
    same."""
    folder = IncidentFolder(reachable)
    reachable.chmod(0o777)

    def pose() -> str:
        lock = DriverLock.take(folder, "ada@test")
        folder.lock.chmod(0o666)
        control_socket = ControlServer(folder, _answer)
        return f"{lock is not None} {control_socket.problem}"

    crowd = Crowd(CROWD, pose)
    reachable.chmod(0o755)
    try:
        with pytest.raises(Failed, match="may not drive here"):
            send_request(folder, {"op": "hello"})
    finally:
        _end_all_of(CROWD)
        crowd.end()


@needs_root
@pytest.mark.parametrize("bait", ["link", "file"])
def test_file_put_in_the_sockets_place_while_it_is_bound_keeps_its_mode(
    reachable: Path, monkeypatch: pytest.MonkeyPatch, bait: str
) -> None:
    """A member of the group wins every race: the name is swapped at once when it appears."""
    os.chown(reachable, 0, ONCALL)
    reachable.chmod(0o2770)
    secret = reachable / "secret"
    secret.write_text("of root")
    secret.chmod(0o600)
    bind = socket.socket.bind

    def bind_and_lose(self: socket.socket, address: str) -> None:
        bind(self, address)

        def swap() -> None:
            name = next(path for path in reachable.iterdir() if path.name.startswith(".control.sock."))
            name.unlink()
            if bait == "link":
                name.symlink_to(secret)
            else:
                secret.rename(name)

        run_as(MALLORY, swap, groups=[ONCALL])

    monkeypatch.setattr(socket.socket, "bind", bind_and_lose)
    control_socket = ControlServer(IncidentFolder(reachable), _answer)
    assert "another user put something in its place" in control_socket.problem
    left = [path for path in reachable.iterdir() if path.is_file() and path.read_text() == "of root"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in left)


@pytest.mark.parametrize("bait", ["link", "file", "socket", "pipe"])
def test_thing_that_has_the_sockets_name_is_replaced_and_not_followed(reachable: Path, bait: str) -> None:
    other = reachable / "other"
    other.write_text("mine")
    other.chmod(0o600)
    name = reachable / "control.sock"
    if bait == "link":
        name.symlink_to(other)
    elif bait == "file":
        name.write_text("x")
    elif bait == "pipe":
        os.mkfifo(name)
    else:
        listen_in_folder(reachable, name.name, mode=0o600)[0].close()
    listener, inode = listen_in_folder(reachable, name.name, mode=0o666)
    status = name.lstat()
    assert (stat.S_ISSOCK(status.st_mode), status.st_mode & 0o777, status.st_ino) == (True, 0o666, inode)
    assert (other.read_text(), other.stat().st_mode & 0o777) == ("mine", 0o600)
    assert sorted(path.name for path in reachable.iterdir()) == ["control.sock", "other"]
    listener.close()


def test_folder_that_has_the_sockets_name_is_a_sentence(reachable: Path) -> None:
    (reachable / "control.sock").mkdir()
    assert "Nobody can reach this driver" in ControlServer(IncidentFolder(reachable), _answer).problem


def test_client_does_not_talk_to_a_file_in_the_sockets_place(folder: IncidentFolder) -> None:
    lock = DriverLock.take(folder, "ada@test")
    folder.control_socket.write_text("not a socket")
    with pytest.raises(MidwatchError, match="cannot be asked from here: it is not a socket"):
        send_request(folder, {"op": "hello"})
    lock.release()
