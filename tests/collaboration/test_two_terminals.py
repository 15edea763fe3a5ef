"""Two logins at two real terminals: request, approval, handover, kill and takeover, with what both screens say."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.incident.step_status import StepStatus
from tests.support.people import GROUP, User, share
from tests.support.program import MIDWATCH
from tests.support.real_terminal import Terminal, incident, status
from tests.support.users import needs_root

pytestmark = [pytest.mark.slow, needs_root]

RUNBOOK = """\
midwatch: 1
id: pair
title: A pair of eyes
severity: SEV-2
phases:
  - title: Work
    section: "1"
    steps:
      - {id: work, title: Do the work, run: echo ran by the plan, risk: change, requires_approval: true}
      - {id: more, title: Do more, run: echo more, risk: change}
"""


def logged_in(user: User, folder: Path, place: Path) -> Terminal:
    """A terminal in which this user has logged in, as sshd would do it; the program itself may lie in a closed home."""
    folder.mkdir()
    terminal = Terminal(folder, columns=100, rows=30)
    become = f"setpriv --reuid {user.uid} --regid {user.uid} --groups {GROUP}"
    rights = "--inh-caps +dac_read_search --ambient-caps +dac_read_search"
    shell = f"bash --rcfile {folder}/bashrc -i"
    terminal.keys(f"cd {place}; echo {user.uid} >/proc/self/loginuid; umask 077; clear", "Enter")
    terminal.keys(f"exec env HOME={place} {become} {rights} {shell}", "Enter")
    terminal.keys(f"clear; id -un; cat /proc/self/loginuid; echo; COLUMNS=1 LINES=1 {MIDWATCH} runbook.yaml", "Enter")
    return terminal


@pytest.fixture
def terminals(users: tuple[User, User], place: Path, tmp_path: Path) -> Iterator[tuple[Terminal, Terminal]]:
    """Hers drives a new incident, his observes it."""
    share(place, 0o2770)
    (place / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    opened: list[Terminal] = []
    try:
        for user in users:
            opened.append(logged_in(user, tmp_path / user.name, place))
            if len(opened) == 1:
                opened[0].until("Declare one now")
                opened[0].press("y", "DRIVING")
        opened[1].until("OBSERVING")
        yield opened[0], opened[1]
    finally:
        for terminal in opened:
            terminal.end()


def test_two_logins_are_never_misled(
    terminals: tuple[Terminal, Terminal], users: tuple[User, User], place: Path
) -> None:
    hers, his = terminals
    ada, bob = (user.name for user in users)

    def both(of_hers: str, of_his: str) -> None:
        """What each screen shows, a regular expression that may go over several lines."""
        for terminal, wanted in ((hers, of_hers), (his, of_his)):
            terminal.until(lambda t=terminal, w=wanted: re.search(w, t.shown, re.DOTALL))

    plan = r"What it will do, read.*echo ran by the plan"
    both(rf"DRIVING with {bob}.*{plan}", rf"OBSERVING {ada}.*{plan}")

    hers.press("Enter", "It takes two people")
    hers.press("y", lambda: incident(place).approvals)
    both("1.1 Do the work waits for a second person's approval", "1.1 Do the work waits for a second person: press a")
    his.press("a", f"{ada} asks you to approve this")
    both("DRIVING", plan.replace("read", ".*"))
    his.press("y", lambda: incident(place).approvals["work"].given_by)
    both(f"approved by {bob}", f"approved by {bob}")
    hers.press("Enter", "y run")
    hers.press("y", lambda: status(place, "work") is StepStatus.DONE)
    both("ran by the plan", "ran by the plan")

    his.press("w", "[ Ask for it ]")
    his.press("y", lambda: incident(place).asked_by)
    both(f"{bob} requests control: press h", f"{ada} has not answered your request for control|{bob} requests control")
    hers.press("h", "Hand control over")
    hers.press("Enter", lambda: incident(place).offer)
    both(f"offered control to {bob}|Control is offered to {bob}, not taken yet", f"{ada} offers you control: press w")
    his.press("w", "offers you control until")
    his.press("y", lambda: incident(place).driver.startswith(bob))
    both(f"OBSERVING {bob}.*{bob} took control from {ada}", f"DRIVING with {ada}.*{bob} took control from {ada}")

    os.kill(his.pid, signal.SIGKILL)
    both("OBSERVING, nobody drives.*Nobody drives: press w", "The screen was killed")
    hers.press("w", "Why do you take it")
    hers.enter("his line is gone", "his line is gone")
    hers.press("Enter", lambda: incident(place).driver.startswith(ada))
    both(f"DRIVING.*took control over from {bob}", "")
