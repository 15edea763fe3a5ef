"""A member of the group plants links, pipes, folders and bytes, renames and cuts whatever lies in an incident's
folder of mode 2770, as fast as possible, from the declaration to the closure and after it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import program
from tests.support.users import MALLORY, ONCALL, needs_root, run_as
from tests.support.waiting import wait_for

pytestmark = [needs_root, pytest.mark.slow]
RUNBOOK = """\
midwatch: 1
id: fire
title: Fire
severity: SEV-2
phases:
  - title: One
    steps:
      - {id: look, title: Look, run: "sleep 0.05; echo level=9 >> $STEP_OUTPUT", risk: observe, outputs: [level]}
      - {id: work, title: Work, run: "for i in 1 2 3; do echo $LEVEL $i; sleep 0.02; done", risk: change,
         env: {LEVEL: {from: look.level}}}
      - {id: ask, title: Ask, questions: [{name: why, prompt: Why?}]}
      - {id: burn, title: Burn, run: echo burnt, risk: destroy}
closure:
  - {id: disk, title: Disk, check: disk, with: {path: /, below: 100 %}}
"""
ANSWERS = "manual: {ask: {note: done, values: {why: the disk is full}}}\nconfirm: {burn: burn}\n"
PRECIOUS = "PRECIOUS-8f3a"
NAMES = [
    "output",
    "result.json",
    "supervisor.json",
    "launch_spec.json",
    "plan.json",
    "values",
    "driver.lock",
    "journal.jsonl",
    "debug.log",
    "control.sock",
    "runbook.yaml",
    "site.yaml",
    "steps",
]


@pytest.fixture
def place(reachable: Path) -> Path:
    """A runbook of root's, a shared folder of incidents, and files of root's that nobody may reach through it."""
    shelf = reachable / "logs" / "incidents"
    shelf.mkdir(parents=True)
    os.chown(shelf, 0, ONCALL)
    shelf.chmod(0o2770)
    site = reachable / "site"
    site.mkdir(mode=0o755)
    (site / "runbook.yaml").write_text(RUNBOOK)
    (site / "answers.yaml").write_text(ANSWERS)
    (site / "site.yaml").write_text(f"midwatch-site: 1\nlocations: {{logs: {reachable}/logs}}\n")
    victim = reachable / "victim"
    victim.mkdir(mode=0o755)
    for name, mode in (("secret", 0o600), ("launch_spec.json", 0o600), ("open", 0o644)):
        (victim / name).write_text(PRECIOUS)
        (victim / name).chmod(mode)
    return reachable


def everything(shelf: Path) -> list[str]:
    return [os.path.join(root, name) for root, *names in os.walk(shelf) for name in (*names[0], *names[1])]  # noqa: PTH118


def harass(place: Path, seed: int) -> None:
    """One deed after the other, until somebody ends it."""
    chance, victim = random.Random(seed), place / "victim"
    targets = [str(victim / "secret"), str(victim / "open"), str(victim), str(victim / "new"), "/dev/zero"]
    while True:
        found = everything(place / "logs" / "incidents")
        path = chance.choice(found) if found else str(place / "logs" / "incidents" / "x")
        if chance.random() < 0.4:
            path = str(Path(path).parent / chance.choice(NAMES))
        with contextlib.suppress(OSError):
            plant(chance, path, chance.choice(targets))


def plant(chance: random.Random, path: str, target: str) -> None:
    deed = chance.choice(["link", "link", "pipe", "folder", "rename", "bytes", "cut", "hole", "mode", "unlink", "rest"])
    if deed in ("link", "pipe", "folder"):
        made = f"{path}.{chance.random()}"
        make = {
            "link": lambda: Path(made).symlink_to(target),
            "pipe": lambda: os.mkfifo(made),
            "folder": Path(made).mkdir,
        }
        make[deed]()
        if os.path.isdir(path):  # noqa: PTH112
            os.rename(path, f"{path}.was")  # noqa: PTH104
        os.rename(made, path)  # noqa: PTH104
    elif deed == "bytes":
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND)
        os.write(descriptor, chance.choice([b"{}", b"\0" * 50, b"[[[[", b'{"pid":1}\n']))
        os.close(descriptor)
    elif deed in ("cut", "hole"):
        os.truncate(path, 10 if deed == "cut" else 1 << 40)
    elif deed == "mode":
        os.chmod(path, chance.choice([0, 0o777]))  # noqa: PTH101
    elif deed == "unlink":
        os.unlink(path)  # noqa: PTH108
    elif deed == "rename":
        os.rename(path, f"{path}.gone")  # noqa: PTH104
    else:
        time.sleep(chance.random() / 5)


@contextlib.contextmanager
def busy(place: Path, seed: int) -> Iterator[None]:
    child = os.fork()
    if child == 0:
        os.setsid()
        with contextlib.suppress(BaseException):
            run_as(MALLORY, lambda: harass(place, seed), gid=ONCALL, umask=0)
        os._exit(0)
    try:
        yield
    finally:
        wait_for(lambda: os.getpgid(child) == child)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def state(victim: Path) -> list[tuple[str, int, int, str]]:
    found = [(path, path.stat()) for path in sorted(victim.iterdir())]
    return [(path.name, status.st_mode, status.st_mtime_ns, path.read_text()) for path, status in found]


@pytest.mark.parametrize("seed", range(4))
def test_readers_beside_a_busy_member_never_hang_leak_or_reach_outside(place: Path, seed: int) -> None:
    before = state(place / "victim")
    headless = ("run", "--headless", "--answers", "answers.yaml")
    with busy(place, seed):
        for command in (headless, (*headless, "--resume"), ("show",), ("verify",), ("export",), ("incidents",)):
            done = program.midwatch_text(*command, cwd=place / "site")
            said = done.stdout + done.stderr
            assert "Traceback" not in said, said
            assert "fault of Midwatch" not in said, said
            assert PRECIOUS not in said, said
    assert state(place / "victim") == before
    for path in map(Path, everything(place / "logs" / "incidents")):
        if not path.is_symlink() and path.is_file() and path.stat().st_size < 1 << 20:
            assert PRECIOUS.encode() not in path.read_bytes(), path
    for made in (place / "logs" / "incidents").iterdir():
        made.unlink() if made.is_symlink() or not made.is_dir() else shutil.rmtree(made)
