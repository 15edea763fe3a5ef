"""Other people at one incident: users of this machine with processes of their own."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midwatch.system.identity import Identity
from tests.support.users import log_in

_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH = 8, 47, 2, 2


GROUP = 61999
"""The group that they share; it needs no name."""


HER = f"{'ada' if Identity.current().name != 'ada' else 'mia'}@test"
"""Who drives: never whoever runs the tests."""


RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
roles: {boss: {name: The boss, notify_when: when the work fails, contact: 555 0100}}
comms: {channel: "#inc", update_every: 15 min}
phases:
  - title: All of it
    section: "1"
    steps:
      - {id: asked, title: Take ownership, questions: [{name: owner, prompt: Who owns it?}]}
      - {id: work, title: Do the work, run: "[ -e fine ]", risk: change, on_failure: {notify: [boss]}}
      - {id: long, title: Take long, run: "echo begun; while [ ! -e over ]; do sleep 0.05; done", risk: change}
      - {id: burn, title: Burn it, run: echo burnt, risk: destroy}
closure:
  - {title: Disk not full, check: disk, with: {path: ., below: 100 %}}
"""


@dataclass(frozen=True)
class User:
    """A login of this machine."""

    name: str
    uid: int


def share(place: Path, mode: int) -> None:
    """Let the group in, as docs/two-people.md says."""
    for folder in (place / "logs" / "incidents", place / "logs"):
        os.chown(folder, -1, GROUP)
        folder.chmod(mode)


def become(uid: int, *, reads: bool) -> None:
    """Be this user; with `reads`, keep one of root's rights, also for the programs that are started
    (CAP_DAC_READ_SEARCH)."""
    library = ctypes.CDLL(None, use_errno=True)
    if reads:
        library.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresuid(uid, uid, uid)
    if reads:
        header, bit = (ctypes.c_uint32 * 2)(0x20080522, 0), 1 << _CAP_DAC_READ_SEARCH
        assert library.capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)) == 0
        assert library.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0) == 0


class Someone:
    """A process of another user, forked so that it needs no right to read the program; it does one thing after
    another."""

    def __init__(self, user: User, *deeds: Callable[[], Any], group: bool = True, reads: bool = False) -> None:
        """`reads`: it may read whatever it likes, so that it can start programs of a clone below a closed home."""
        go, ours = os.pipe()
        theirs, said = os.pipe()
        self._deeds = len(deeds)
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.close(ours)
                os.close(theirs)
                log_in(user.uid)
                os.setgroups([GROUP] if group else [])
                os.setresgid(user.uid, user.uid, user.uid)
                become(user.uid, reads=reads)
                os.umask(0o077)
                for deed in deeds:
                    if os.read(go, 1) != b".":
                        break
                    try:
                        answer = [True, deed()]
                    except Exception as error:
                        answer = [False, f"{type(error).__name__}: {error}"]
                    os.write(said, json.dumps(answer).encode() + b"\n")
                else:
                    os.read(go, 1)  # its processes and control are there until it is ended
                code = 0
            finally:
                os._exit(code)
        os.close(go)
        os.close(said)
        self._go, self._said = ours, os.fdopen(theirs, "rb")

    def begin(self) -> None:
        """Let it do the next thing, without waiting for it."""
        os.write(self._go, b".")

    def answer(self) -> Any:
        """What came of it; the sentence of an error as a string that names its kind."""
        fine, answer = json.loads(self._said.readline())
        return answer if fine else str(answer)

    def do(self) -> Any:
        """The next thing, and what came of it."""
        self.begin()
        return self.answer()

    def end(self) -> None:
        os.write(self._go, b"q")  # closing would not do: others that were forked have it open as well
        os.close(self._go)
        self._said.close()
        os.waitpid(self.pid, 0)
