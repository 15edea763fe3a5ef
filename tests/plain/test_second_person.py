"""A step that takes two people, in the front end of lines."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pexpect
import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.loader import load
from tests.support.people import GROUP, User, become, share
from tests.support.plain_lines import Begin, Talk, incident, status
from tests.support.two_user_place import place, users
from tests.support.users import log_in
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

__all__ = ["place", "users"]  # fixtures

PAIR = """\
midwatch: 1
title: Takes two
severity: SEV-2
phases:
  - title: Work
    steps:
      - {id: work, title: Do the work, run: echo ran >> ran, risk: change, requires_approval: true}
"""


def test_step_that_takes_two_waits_for_the_second(begin: Begin, here: Path) -> None:
    (here / "pair.yaml").write_text(PAIR, encoding="utf-8")
    talk = begin("pair.yaml")
    talk.declare()
    talk.word("")
    talk.answer("It takes two people. Ask for a second one?", "y")
    talk.until("It waits for a second person, who types at their own login: midwatch approve INC-")
    talk.until("it stays asked for.")
    talk.child.sendintr()
    talk.until("Run it again once they have approved it.")
    talk.word("q")
    assert talk.end() == 0
    assert incident(here).approvals["work"].waits
    assert not (here / "ran").exists()


def test_observer_by_lines_is_counted(begin: Begin, here: Path) -> None:
    (here / "pair.yaml").write_text(PAIR, encoding="utf-8")
    driver = IncidentController.declare(load(here / "pair.yaml"), actor="ada@test")
    talk = begin("pair.yaml", "--observe")
    wait_for(lambda: len(driver.observers) == 1)
    talk.word("q")
    assert talk.end() == 0
    wait_for(lambda: driver.observers == ())
    driver.leave()


def person(user: User) -> None:
    """What the second person's process is made before it begins."""
    log_in(user.uid)
    os.setgroups([GROUP])
    os.setresgid(user.uid, user.uid, user.uid)
    become(user.uid, reads=True)
    os.umask(0o077)


def hears(talk: Talk, news: str) -> None:
    """Say harmless words until the news of the other terminal has come here."""
    for _ in range(60):
        talk.word("where")
        if talk.child.expect_exact([news, pexpect.TIMEOUT], timeout=1) == 0:
            return
    pytest.fail(f"never heard: {news}")


def test_two_logins_approve_decline_and_hand_over_by_lines(users: tuple[User, User], place: Path) -> None:
    bob, me = users[1], pwd.getpwuid(os.getuid()).pw_name
    (place / "pair.yaml").write_text(PAIR, encoding="utf-8")
    share(place, 0o2770)
    hers = Talk(place, "pair.yaml")
    hers.declare()
    hers.word("")
    hers.answer("Ask for a second one?", "y")
    hers.until("it stays asked for.")
    his = Talk(place, "pair.yaml", "--observe", become=lambda: person(bob))
    his.until("1.1 Do the work waits for a second person. The word is approve.")
    his.word("skip no")
    his.until("You only observe")
    his.word("decline not tonight")
    hers.until(f"{bob.name} declined it: not tonight")
    hers.word("approve")
    hers.until("You drive, so there is no 'approve'")
    hers.word("")
    hers.answer("Ask for a second one?", "y")
    hers.until("it stays asked for.")
    his.word("approve")
    his.until(f"{me} asks you to approve this:")
    his.answer("Approve it?", "y")
    his.until("It may run as it was said here, once.")
    hers.until(f"{bob.name} approved it.")
    hers.answer("Run it?", "y")
    hers.until("1.1 Do the work: done")
    assert status(place, "work") is StepStatus.DONE
    his.word("control")
    his.until("it is never taken, only asked for.")
    his.answer("Ask for it?", "y")
    his.until("They are told that you ask for it.")
    hers.word("j 1")
    hers.until(f"{bob.name} requests control. The word is handoff.")
    hers.word("handoff")
    hers.until("nothing: close it")
    hers.answer("To whom", "")
    hers.until(f"Offered to {bob.name} until")
    his.word("")
    his.until("offers you control. The word is control.")
    his.word("co")
    his.answer("Take control?", "y")
    his.until("You have control.")
    his.word("n it is mine")
    his.until("Noted, event")
    hers.word("")
    hers.until(f"{bob.name}@")
    hers.until("You observe from now on.")
    his.word("q")
    assert his.end() == 0
    hers.word("q")
    assert hers.end() == 0
    assert [note.text for note in incident(place).notes] == ["it is mine"]
