"""A secret is in no file of the attempt, no argument and no environment of the supervisor, and nobody can look into
it."""

from __future__ import annotations

import base64
import ctypes
import os
import resource
import shlex
import signal
import sys
from pathlib import Path

import pytest

from midwatch.incident.events import StepOutcome
from midwatch.supervisor.step_outputs import read_values
from tests.supervisor.supervised import Step
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

SECRET = "correct-horse'battery staple"
LEARNT = "Zx9-learnt-in-mid-stream"


def assert_nowhere(step: Step, secret: str) -> None:
    forms = {secret.encode(), base64.b64encode(secret.encode())[:-4], secret.encode().hex().encode()}
    for path in step.folder.path.rglob("*"):
        content = path.read_bytes()
        assert not [form for form in forms if form in content], path.name


def test_secret_of_a_step_is_in_no_file_argument_or_environment(step: Step, tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text(SECRET)
    script = f"""
        pw=$(cat {password_file}); echo "plain: $pw"; set -x; : "$pw"; set +x
        echo "base64: $(base64 < {password_file})"; echo "hex: $(od -An -tx1 < {password_file} | tr -d ' \\n')"
        for part in correct- "horse'bat" "tery staple"; do printf %s "$part"; sleep 0.15; done; echo
        echo "kept=$pw" >> "$STEP_OUTPUT"; echo "shaped=PASSWORD=abc" >> "$STEP_OUTPUT"
        echo ready; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done
    """
    supervisor = step.start(script, secrets={"ARP": SECRET})
    step.says("ready")
    assert_none_in_proc(supervisor.pid, SECRET)
    (tmp_path / "go").touch()
    found = step.result()
    assert found.outcome is StepOutcome.DONE
    assert_nowhere(step, SECRET)
    assert step.output.startswith(b"plain: [secret ARP]\n")
    assert b"hex: [secret ARP]\n[secret ARP]\n" in step.output, "slowly, in three writes"
    assert read_values(step.folder) == {"kept": "[secret ARP]", "shaped": "PASSWORD=[secret-shaped]"}
    assert (found.masked, found.secrets, found.discovered) == (7, {"ARP": 6, "secret-shaped": 1}, ())
    assert not list(step.folder.path.glob("*.part"))


def assert_none_in_proc(supervisor: int, secret: str) -> None:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
        except OSError:
            continue
        assert secret.encode() not in arguments
    environment = Path(f"/proc/{supervisor}/environ")
    try:
        assert secret.encode() not in environment.read_bytes()
    except PermissionError:  # the kernel hides it from its own user, who is not root: even better
        assert os.getuid() != 0


def test_supervisor_memory_cannot_be_read(step: Step) -> None:
    supervisor = step.start("ulimit -c; echo ready; sleep 60", secrets={"ARP": SECRET})
    step.says("ready")
    limits = Path(f"/proc/{supervisor.pid}/limits").read_text()
    assert next(line for line in limits.splitlines() if line.startswith("Max core file size")).split()[4:6] == [
        "1",
        "1",
    ]


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_kernel_closes_the_supervisor_to_its_own_user() -> None:
    """The same call that the supervisor makes, in a process of an ordinary user, whose files are then root's."""
    from midwatch.supervisor import hardening

    child = os.fork()
    if child == 0:
        os.setuid(65534)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: as a program that may be inspected
        open_before = os.access("/proc/self/environ", os.R_OK, effective_ids=True)
        hardening.close_to_inspection()
        open_after = os.access("/proc/self/environ", os.R_OK, effective_ids=True)
        os._exit(0 if (open_before, open_after) == (True, False) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


TELLS = f"""
import sys
from midwatch.engine.process_console import ProcessConsole
console = ProcessConsole()
console.secret("new password", "{LEARNT}")
console.say("it is {LEARNT}")
print("once more {LEARNT}", file=sys.stderr, flush=True)
console.value("role", "arp")
console.progress(5, 10)
try:
    console.secret("pin", "123")
except Exception as error:
    console.say(str(error))
"""


def test_learnt_in_mid_stream_is_masked_once_told(step: Step, tmp_path: Path) -> None:
    program = tmp_path / "tells.py"
    program.write_text(TELLS)
    step.start(shlex.join(("exec", sys.executable, str(program))))
    found = step.result()
    assert found.outcome is StepOutcome.DONE, step.output
    assert_nowhere(step, LEARNT)
    assert step.output.startswith(b"it is [secret new password]\nonce more [secret new password]\n")
    assert b"The secret pin has fewer than 6 characters, so it cannot be masked" in step.output
    assert read_values(step.folder) == {"role": "arp"}
    assert (found.secrets, found.discovered) == ({"new password": 2}, ("new password",)), "the short one is not"


def test_kill_in_the_middle_of_a_secret_leaves_no_secret(step: Step) -> None:
    step.start(f"printf 'x %s' '{LEARNT[:-1]}'; kill -KILL $$", secrets={"ARP": LEARNT})
    found = step.result()
    assert step.output == b"x [secret ARP]"
    assert found.secrets == {"ARP": 1}


def test_many_long_secrets_are_handed_over(step: Step) -> None:
    secrets = {f"key {n}": f"{n:06}-" + "k" * 3000 for n in range(30)}
    step.start(f"echo {secrets['key 29']}", secrets=secrets)
    step.result()
    assert step.output == b"[secret key 29]\n"


def test_rubbish_on_the_secret_channel_is_answered_and_changes_nothing(step: Step) -> None:
    script = """
import os, socket
channel = socket.socket(fileno=os.dup(int(os.environ["MIDWATCH_SECRET_FD"])))
channel.settimeout(10)
for line in (b"rubbish", b"[]", b'{"name": 1}', b"\\xff\\xfe", b"[" * 100000):
    channel.sendall(line + b"\\n")
    print(channel.recv(1))
"""
    step.start(shlex.join(("exec", sys.executable, "-c", script)))
    assert step.result().outcome is StepOutcome.DONE
    assert step.output == b"b'\\x15'\n" * 5


RAISES = f"""
import sys
from dataclasses import dataclass
from pathlib import Path
from midwatch.api.action import Check, Context
from midwatch.engine.process_console import ProcessConsole
from midwatch.engine.execute import perform
from midwatch.runbook.model import Runbook, Severity

@dataclass(frozen=True)
class Breaks(Check):
    name = "breaks"

    def evaluate(self, context):
        password = open(sys.argv[1]).read()
        context.console.secret("new password", "{LEARNT}")
        raise RuntimeError(f"{{password}} is not {LEARNT}, nor {{password.encode().hex()}}")

runbook = Runbook("r", "R", Severity.SEV1, Path("r.yaml"), None, Path("."), "")
sys.exit(perform(Breaks(), Context(runbook, ProcessConsole(), None, "ada"), confirmed=None))
"""


def test_traceback_of_an_action_shows_no_secret(step: Step, tmp_path: Path) -> None:
    program, password = tmp_path / "raises.py", tmp_path / "password"
    program.write_text(RAISES)
    password.write_text(SECRET)
    step.start(shlex.join(("exec", sys.executable, str(program), str(password))), secrets={"ARP": SECRET})
    found = step.result()
    assert found.outcome is StepOutcome.FAILED
    assert b"Traceback" in step.output
    assert b"RuntimeError: [secret ARP] is not [secret new password], nor [secret ARP]." in step.output
    assert (found.secrets["ARP"], found.discovered) == (4, ("new password",))
    assert_nowhere(step, SECRET)
    assert_nowhere(step, LEARNT)


CRASHES = f"""
import os, resource, signal
secret = "{LEARNT}"
print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)
if os.fork() == 0:
    os.kill(os.getpid(), signal.SIGSEGV)
print(os.WCOREDUMP(os.wait()[1]), flush=True)
os.abort()
"""


def test_crashed_step_leaves_no_core_file(step: Step, tmp_path: Path) -> None:
    program = tmp_path / "crashes.py"
    program.write_text(CRASHES)
    step.start(shlex.join(("exec", sys.executable, str(program))), cwd=str(tmp_path))
    found = step.result()
    assert found.exit == -signal.SIGABRT
    assert step.output.splitlines() == [b"(1, 1)", b"False"]
    assert not list(tmp_path.rglob("core*"))


def test_crashed_supervisor_leaves_no_core_file(step: Step) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    supervisor = step.start("sleep 60", secrets={"ARP": SECRET})
    os.kill(supervisor.pid, 6)
    wait_for(lambda: not supervisor.alive)
    assert resource.getrlimit(resource.RLIMIT_CORE) == before
    assert not list(step.folder.path.glob("core*"))
