"""A step at a person's terminal: typed into, resized, left, killed and reattached; recorded with its secrets masked."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from midwatch.incident.events import StepOutcome
from midwatch.incident.paths import AttemptFolder
from midwatch.supervisor.person_terminal import DIMENSIONS, HEAD, SIZE, SOCKET, TYPED
from midwatch.supervisor.status import Running, cancel, inspect_attempt
from midwatch.supervisor.terminal_client import attach
from midwatch.system.errors import Failed
from midwatch.system.unix_socket import listen_in_folder
from tests.supervisor.supervised import Step
from tests.support.pty_child import end_child
from tests.support.users import ALICE, needs_root, run_as
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

CLIENT = """\
import sys
from pathlib import Path
from midwatch.incident.paths import AttemptFolder
from midwatch.supervisor.terminal_client import attach
print("LEFT", attach(AttemptFolder(Path(sys.argv[1]))).value)
"""
REPL = """\
echo "size $(stty size)"
trap 'echo "now $(stty size)"' WINCH
while true; do
  printf 'repl> '
  read -r line || break
  case $line in
    quit) break;;
    unseen) stty -echo; echo unseen now; read -r word < /dev/tty; stty echo; echo "got ${#word}";;
    *) echo "you said $line";;
  esac
done
"""


class Client(pexpect.spawn):  # type: ignore[misc]
    """A terminal of 30 rows and 90 columns at the step."""

    def __init__(self, step: Step) -> None:
        arguments = ["-c", CLIENT, str(step.folder.path)]
        super().__init__(sys.executable, arguments, dimensions=(30, 90), timeout=60, encoding="utf-8")
        self.delaybeforesend = None


def terminal_size(step: Step) -> tuple[int, int]:
    """Columns and rows of the terminal of the step's own process."""
    found = inspect_attempt(step.folder)
    assert isinstance(found, Running)
    with Path(f"/proc/{found.step_pid}/fd/0").open("rb") as terminal:
        return os.get_terminal_size(terminal.fileno())


@pytest.fixture
def clients() -> Iterator[list[Client]]:
    made: list[Client] = []
    yield made
    for client in made:
        end_child(client)


def test_person_types_leaves_by_key_comes_back_and_ends_it(step: Step, clients: list[Client]) -> None:
    step.start(REPL, terminal=True, secrets={"a password": "hunter2-hunter2"})
    clients.append(first := Client(step))
    first.expect_exact("size 30 90")
    first.expect_exact("repl> ")
    first.sendline("it is hunter2-hunter2")
    first.expect_exact("you said it is hunter2-hunter2")
    first.sendline("unseen")
    first.expect_exact("unseen now")
    first.sendline("never-seen-word")
    first.expect_exact("got 15")
    first.setwinsize(40, 100)
    first.expect_exact("repl> ")
    wait_for(lambda: terminal_size(step) == (100, 40))
    first.sendline("")
    first.expect_exact("now 40 100")
    first.send("\x1c")
    first.expect_exact("LEFT by key")
    assert isinstance(inspect_attempt(step.folder), Running)
    clients.append(second := Client(step))
    second.expect_exact("you said it is hunter2-hunter2")  # what stood there last
    second.sendline("again")
    second.expect_exact("you said again")
    second.sendline("quit")
    second.expect_exact("LEFT closed")
    assert step.result().outcome is StepOutcome.DONE
    assert b"hunter2" not in step.output
    assert b"never-seen-word" not in step.output
    assert b"you said it is [secret a password]" in step.output
    wait_for(lambda: not (step.folder.path / "terminal.sock").exists())


def test_client_that_is_killed_leaves_the_step_running_for_the_next_one(step: Step, clients: list[Client]) -> None:
    step.start(REPL, terminal=True)
    clients.append(first := Client(step))
    first.expect_exact("repl> ")
    first.kill(signal.SIGKILL)
    first.wait()
    clients.append(second := Client(step))
    second.sendline("still there")
    second.expect_exact("you said still there")
    clients.append(third := Client(step))  # takes the place of the second
    second.expect_exact("LEFT closed")
    third.sendline("quit")
    third.expect_exact("LEFT closed")
    assert step.result().outcome is StepOutcome.DONE


def connected(step: Step) -> socket.socket:
    """A bare client of the step's terminal, which has said its size."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    descriptor = os.open(step.folder.path, os.O_RDONLY)
    client.connect(f"/proc/self/fd/{descriptor}/{SOCKET}")
    os.close(descriptor)
    client.sendall(HEAD.pack(SIZE, DIMENSIONS.size) + DIMENSIONS.pack(24, 80))
    return client


def read_until(client: socket.socket, text: bytes) -> bytes:
    found = b""
    while text not in found:
        data = client.recv(65536)
        assert data, found
        found += data
    return found


def test_client_that_comes_in_the_moment_in_which_another_one_leaves_has_the_terminal(step: Step) -> None:
    supervisor = step.start(REPL, terminal=True)
    first = connected(step)
    read_until(first, b"repl> ")
    for word in (b"one", b"two", b"three"):
        os.kill(supervisor.pid, signal.SIGSTOP)  # the supervisor sees both at once
        first.close()
        first = connected(step)
        os.kill(supervisor.pid, signal.SIGCONT)
        line = word + b"\r"
        first.sendall(HEAD.pack(TYPED, len(line)) + line)
        read_until(first, b"you said " + word)
    line = b"quit\r"
    first.sendall(HEAD.pack(TYPED, len(line)) + line)
    assert step.result().outcome is StepOutcome.DONE
    first.close()


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")
def test_program_with_the_whole_screen_is_drawn_again_for_the_next_client(
    step: Step, clients: list[Client], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("first line of the file\n")
    step.start(f"exec vim -u NONE -N {tmp_path}/file", terminal=True, env={"TERM": "xterm"})
    clients.append(first := Client(step))
    first.expect_exact("first line of the file")
    first.kill(signal.SIGKILL)
    first.wait()
    clients.append(second := Client(step))
    second.expect_exact("first line of the file")
    second.send("Aand more\x1b:wq\r")
    second.expect_exact("LEFT closed")
    assert step.result().outcome is StepOutcome.DONE
    assert (tmp_path / "file").read_text() == "first line of the fileand more\n"


def test_interrupt_key_goes_to_the_program_and_cancel_ends_it(step: Step, clients: list[Client]) -> None:
    step.start("trap 'echo interrupted' INT; tty; echo ready; while true; do sleep 0.05 || true; done", terminal=True)
    clients.append(client := Client(step))
    client.expect_exact("/dev/pts/")
    client.expect_exact("ready")
    client.send("\x03")
    client.expect_exact("interrupted")
    assert cancel(step.folder)
    client.expect_exact("LEFT closed")
    assert step.result().outcome is StepOutcome.CANCELLED


def test_step_whose_terminal_nobody_takes_begins_all_the_same_and_what_it_wrote_is_shown_later(
    step: Step, clients: list[Client]
) -> None:
    step.start("seq 40; read -r line; echo got $line; seq 200000", terminal=True)
    step.says("40")
    clients.append(client := Client(step))
    client.expect_exact("40\r\n")
    client.sendline("it")
    client.expect_exact("got it")
    client.expect_exact("200000")
    client.expect_exact("LEFT closed")
    assert step.result().outcome is StepOutcome.DONE
    assert step.output.endswith(b"200000\r\n")


@needs_root
def test_another_user_reaches_no_terminal(reachable: Path, clients: list[Client]) -> None:
    step = Step(reachable / "attempt")
    step.start(REPL, terminal=True, timeout=120)
    wait_for((step.folder.path / "terminal.sock").exists)
    step.folder.path.chmod(0o755)
    (step.folder.path / "terminal.sock").chmod(0o666)

    def attack() -> bytes:
        import socket

        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(step.folder.path / "terminal.sock"))
            return client.recv(100)

    assert run_as(ALICE, attack) == b""
    clients.append(client := Client(step))
    client.sendline("quit")
    client.expect_exact("LEFT closed")


@needs_root
def test_socket_of_another_user_gets_nothing_that_is_typed(tmp_path: Path) -> None:
    folder = AttemptFolder(tmp_path / "attempt")
    folder.path.mkdir()
    listener, _ = listen_in_folder(folder.path, SOCKET, mode=0o600)
    with listener:
        run_as(ALICE, lambda: listener.listen(1))  # the kernel notes who listens
        with pytest.raises(Failed, match="Another user listens in the place of the step's terminal"):
            attach(folder)
