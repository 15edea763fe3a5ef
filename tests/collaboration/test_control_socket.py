"""The driver's door: who knocks is known by the kernel's word, rubbish does no harm, and who watches is counted."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.control.control_client import ObserverConnection, send_request
from midwatch.control.control_socket import ControlServer
from midwatch.control.driver_lock import DriverLock
from midwatch.incident.paths import IncidentFolder
from midwatch.system.errors import Failed, Refused
from midwatch.system.identity import Identity
from tests.support.examples import examples
from tests.support.mounting import run_or_skip
from tests.support.people import Someone, User
from tests.support.waiting import wait_for


def answer(person: Identity, message: Mapping[str, Any]) -> Mapping[str, Any]:
    if message["op"] == "refuse":
        raise Refused("No", hint="Not now")
    return {"heard": message["op"], "uid": person.uid, "name": person.name}


@pytest.fixture
def folder(tmp_path: Path) -> IncidentFolder:
    path = (
        tmp_path / ("deep" * 20) / ("deeper" * 20) / "INC-20261123-0200-x"
    )  # longer than an address of a socket may be
    path.mkdir(parents=True)
    return IncidentFolder(path)


@pytest.fixture
def control_socket(folder: IncidentFolder) -> Iterator[ControlServer]:
    lock = DriverLock.take(folder, "ada@test")
    control_socket = ControlServer(folder, answer)
    assert control_socket.problem == ""
    yield control_socket
    control_socket.close()
    lock.release()


def raw(folder: IncidentFolder) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    descriptor = os.open(folder.path, os.O_RDONLY)
    connection.connect(f"/proc/self/fd/{descriptor}/{folder.control_socket.name}")
    os.close(descriptor)
    connection.settimeout(30)
    return connection


def test_request_at_the_control_socket_gets_an_answer_to_its_sender(
    folder: IncidentFolder, control_socket: ControlServer
) -> None:
    assert send_request(folder, {"op": "hello"}) == {
        "heard": "hello",
        "uid": os.getuid(),
        "name": Identity.current().name,
    }
    with pytest.raises(Refused, match="No") as refused:
        send_request(folder, {"op": "refuse"})
    assert refused.value.hint == "Not now"


def test_those_who_attend_are_counted_until_they_are_gone(
    folder: IncidentFolder, control_socket: ControlServer
) -> None:
    first, second = ObserverConnection(folder), ObserverConnection(folder)
    me = Identity.current().name
    wait_for(lambda: control_socket.observers == (me, me))
    wait_for(lambda: first.poll() and first.watchers == (me, me))
    second.leave()
    wait_for(lambda: control_socket.observers == (me,))
    wait_for(lambda: first.poll() and first.watchers == (me,))
    control_socket.close()
    wait_for(lambda: not first.poll())
    assert not folder.control_socket.exists()


def test_request_without_driver_or_control_socket_is_one_sentence(folder: IncidentFolder) -> None:
    with pytest.raises(Failed, match="Nobody drives"):
        send_request(folder, {"op": "hello"})
    lock = DriverLock.take(folder, "ada@test")
    with pytest.raises(Failed, match="cannot be asked from here: No such file"):
        send_request(folder, {"op": "hello"})
    lock.release()


def test_control_socket_of_another_process_is_refused(folder: IncidentFolder) -> None:
    """Somebody else's socket under the door's name is not the driver that the lock file names."""
    lock = DriverLock.take(folder, "ada@test")
    bound = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('control.sock'); s.listen()"
    listener = f"{bound}; print(1, flush=True); s.accept()"
    with subprocess.Popen([sys.executable, "-c", listener], cwd=folder.path, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"1\n"
        with pytest.raises(Failed, match="another user owns the control socket"):
            send_request(folder, {"op": "hello"})
        other.kill()
    lock.release()


@given(noise=st.binary(max_size=200), cut=st.integers(0, 200))
@settings(max_examples=examples(60))
def test_rubbish_is_answered_or_hung_up_on_and_the_door_stays_open(
    folder: IncidentFolder, control_socket: ControlServer, noise: bytes, cut: int
) -> None:
    with raw(folder) as connection, connection.makefile("rb") as replies, contextlib.suppress(OSError):
        connection.sendall(noise[:cut])
        connection.sendall(noise[cut:] + b"\n")
        for _ in range((noise + b"\n").count(b"\n")):
            reply = replies.readline()
            assert not reply or "watchers" in json.loads(reply) or json.loads(reply)["ok"] in (True, False)
    assert send_request(folder, {"op": "hello"})["heard"] == "hello"


def test_client_that_never_ends_a_line_is_disconnected(folder: IncidentFolder, control_socket: ControlServer) -> None:
    with raw(folder) as connection, contextlib.suppress(OSError):
        for _ in range(10):
            connection.sendall(bytes(65536))
        assert connection.recv(10) == b""
    assert send_request(folder, {"op": "hello"})["heard"] == "hello"


def test_crowd_is_not_let_in_and_the_door_stays_open(folder: IncidentFolder, control_socket: ControlServer) -> None:
    crowd = [raw(folder) for _ in range(70)]
    for one in crowd:
        one.close()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(Failed):
            assert send_request(folder, {"op": "hello"})["heard"] == "hello"
            return
    pytest.fail("nobody is let in any more")


def test_there_is_a_door_on_a_full_disk(folder: IncidentFolder) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "midwatch-test", str(folder.path)]
    run_or_skip(*mount)
    try:
        lock = DriverLock.take(folder, "ada@test")
        with contextlib.suppress(OSError), (folder.path / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        control_socket = ControlServer(folder, answer)
        assert send_request(folder, {"op": "hello"})["heard"] == "hello"
        control_socket.close()
        lock.release()
    finally:
        subprocess.run(["umount", "-l", str(folder.path)], check=True, timeout=20)


def test_another_user_is_known_as_such_and_cannot_say_otherwise(users: tuple[User, User], place: Path) -> None:
    folder = IncidentFolder(place)
    lock = DriverLock.take(folder, "ada@test")
    folder.lock.chmod(0o644)
    control_socket = ControlServer(folder, answer)
    eve = Someone(
        users[1], lambda: os.environ.update(USER="root", LOGNAME="root") or send_request(folder, {"op": "hi", "uid": 0})
    )
    assert eve.do() == {"heard": "hi", "uid": users[1].uid, "name": users[1].name}
    eve.end()
    control_socket.close()
    lock.release()


def test_user_without_access_to_the_folder_cannot_send_a_request(users: tuple[User, User], place: Path) -> None:
    folder = IncidentFolder(place)
    lock = DriverLock.take(folder, "ada@test")
    control_socket = ControlServer(folder, answer)
    place.chmod(0o700)
    eve = Someone(users[1], lambda: raw(folder) and "in")
    assert "PermissionError" in eve.do()
    eve.end()
    control_socket.close()
    lock.release()
