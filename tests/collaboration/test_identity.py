"""No person is two: logins as the kernel keeps them, of real processes of real users."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.control.control_client import send_request
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.paths import IncidentFolder
from midwatch.runbook.loader import load
from midwatch.system.errors import MidwatchError, Refused
from midwatch.system.identity import Identity
from tests.support.driven_incident import RUNBOOK, driven
from tests.support.users import ALICE, BOB, MALLORY, NO_LOGIN, log_in, needs_root, run_as
from tests.support.waiting import wait_for

__all__ = ["driven"]  # a fixture


def judged(folder: Path, uid: int, login: int) -> str:
    """What comes of an approval by this user, behind whom this login stands."""

    def approve() -> str:
        observer = IncidentController.observe(IncidentFolder(folder), actor="whoever@test")
        try:
            observer.approve("burn", observer.plan_to_approve("burn"), typed="burn")
        except MidwatchError as error:
            return str(error)
        return "approved"

    return run_as(uid, approve, login=login)


@needs_root
@pytest.mark.parametrize(
    ("uid", "login", "says"),
    [
        (BOB, BOB, "approved"),  # logged in
        (0, BOB, "asked for it, and cannot approve it as well"),  # sudo: the same user as the driver
        (BOB, NO_LOGIN, "has no login of its own"),  # cron, a service, a container
        (BOB, 0, "asked for it, and cannot approve it as well"),  # the driver's login, by su to somebody else
        (MALLORY, BOB, "another login acts as this user"),  # su, or a login that the process wrote for itself
        (65534, 65534, "has no login of its own"),  # the user that stands for all unknown ones
    ],
)
def test_approval_counts_from_ones_own_login_only(driven: IncidentController, uid: int, login: int, says: str) -> None:
    driven.request_approval("burn", driven.plan("burn"))
    assert says in judged(driven.folder.path, uid, login)


@needs_root
def test_driver_without_a_login_is_nobody_and_cannot_ask_for_a_second_person(reachable: Path) -> None:
    (reachable / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    os.chown(reachable, ALICE, -1)

    def drive() -> str:
        os.chdir(reachable)
        controller = IncidentController.declare(load(reachable / "runbook.yaml"), actor="alice@test")
        try:
            controller.request_approval("burn", controller.plan("burn"))
        except Refused as refused:
            return str(refused)
        finally:
            controller.leave()
        return ""

    said = run_as(ALICE, drive, login=NO_LOGIN)
    assert "Nobody can tell who asks for a second person: uid 64002 has no login of its own here" in said
    assert "Log in as yourself, by ssh or at a console" in said
    assert run_as(ALICE, drive) == ""


@needs_root
def test_driver_that_lost_its_login_in_between_is_refused_when_it_starts(driven: IncidentController) -> None:
    """A step that was approved for a known driver is not started by nobody."""
    driven.request_approval("burn", driven.plan("burn"))
    assert judged(driven.folder.path, BOB, BOB) == "approved"
    wait_for(lambda: driven.incident.approvals["burn"].given_by)
    try:
        log_in(NO_LOGIN)
        with pytest.raises(Refused, match="Nobody can tell who starts it"):
            driven.start("burn", driven.plan("burn"), typed="burn")
    finally:
        log_in(os.getuid())


@needs_root
@pytest.mark.parametrize("login", [NO_LOGIN, 0, ALICE, MALLORY])
def test_other_user_that_claims_the_drivers_login_is_given_nothing(driven: IncidentController, login: int) -> None:
    """A process without a login may write any for itself; what the driver's own other terminal may, it may not."""
    driven.offer_control("alice@test" if Identity.current().name == "root" else "root")

    def take() -> list[str]:
        said = []
        for request in ({"op": "take"}, {"op": "withdraw"}, {"op": "offer", "to": "root", "within": 60}):
            try:
                send_request(driven.folder, request)
                said.append("granted")
            except MidwatchError as error:
                said.append(str(error))
        return said

    assert not [answer for answer in run_as(MALLORY, take, login=login) if answer == "granted"]
    assert driven.driving


@needs_root
def test_any_user_may_write_a_login_for_a_process_that_has_none() -> None:
    """The property of the kernel that `has_own_name` is there for (docs/security.md)."""

    script = f"echo {ALICE} > /proc/self/loginuid; exec cat /proc/self/loginuid"

    def forge() -> str:
        return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, timeout=30, check=False).stdout

    assert run_as(MALLORY, forge, login=NO_LOGIN) == str(ALICE)
    assert run_as(MALLORY, forge, login=MALLORY) == str(MALLORY)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    yield one, other
    one.close()
    other.close()


def test_peer_that_has_ended_is_nobody(tmp_path: Path) -> None:
    """Its number may be another process's by the time that the login is read."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 's')!r})"
    subprocess.run([sys.executable, "-c", connect], check=True, timeout=30)
    connection, _ = listener.accept()
    person = Identity.from_peer(connection)
    assert (person.seen, person.login, person.anonymous) == (False, None, True)
    connection.close()
    listener.close()


@needs_root
def test_peer_in_another_namespace_of_processes_is_nobody(tmp_path: Path) -> None:
    """Its number is 0 there for a driver that runs inside a container and is asked from outside."""
    inside = f"""
import socket
from midwatch.system.identity import Identity
listener = socket.socket(socket.AF_UNIX)
listener.bind({str(tmp_path / "s")!r})
listener.listen()
print("ready", flush=True)
connection, _ = listener.accept()
person = Identity.from_peer(connection)
print(person.pid, person.seen, person.anonymous, flush=True)
"""
    argv = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", inside]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "ready\n"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(tmp_path / "s"))
            assert driver.stdout.readline() == "0 False True\n"
        assert driver.wait(30) == 0


def test_peer_that_lives_is_known_by_its_user_and_login(pair: tuple[socket.socket, socket.socket]) -> None:
    person = Identity.from_peer(pair[0])
    assert (person.uid, person.pid, person.seen) == (os.getuid(), os.getpid(), True)
    assert person.login == Identity.current().login


IDS = st.integers(0, 3)
PEOPLE = st.builds(
    Identity, st.sampled_from(["ada", "bob"]), IDS, st.one_of(st.none(), IDS), st.integers(2, 9), st.booleans()
)


@given(PEOPLE, PEOPLE)
def test_identity_that_is_surely_the_same_may_be_the_same(one: Identity, other: Identity) -> None:
    assert not one.is_surely(other) or one.may_be_same_as(other)
    assert one.is_surely(one)


@given(
    st.dictionaries(
        st.sampled_from(["name", "uid", "login", "pid", "seen", "x"]), st.none() | st.integers() | st.text()
    )
)
def test_person_of_any_json_is_read_or_refused(data: dict[str, object]) -> None:
    try:
        person = Identity.from_json(data)
    except (KeyError, TypeError):
        return
    assert Identity.from_json(person.to_json()) == person
