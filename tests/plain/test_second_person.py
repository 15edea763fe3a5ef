"""A step that takes two people, in the front end of lines."""

from __future__ import annotations

from pathlib import Path

from talking import Begin, incident, wait_for

from midwatch.conductor import Conductor
from midwatch.runbook.loader import load

PAIR = """\
midwatch: 1
title: Takes two
severity: SEV-2
phases:
  - title: Work
    steps:
      - {id: work, title: Do the work, run: echo ran >> ran, risk: change, two_people: true}
"""


def test_a_step_that_takes_two_waits_for_the_second(begin: Begin, here: Path) -> None:
    (here / "pair.yaml").write_text(PAIR, encoding="utf-8")
    talk = begin("pair.yaml")
    talk.declare()
    talk.word("")
    talk.answer("It takes two people. Ask for a second one?", "y")
    talk.until("It waits for a second person, who types at their own login: midwatch approve INC-")
    talk.word("")
    talk.until("Run it again once they have approved it.")
    talk.word("q")
    assert talk.end() == 0
    assert incident(here).approvals["work"].waits
    assert not (here / "ran").exists()


def test_an_observer_by_lines_is_counted(begin: Begin, here: Path) -> None:
    (here / "pair.yaml").write_text(PAIR, encoding="utf-8")
    driver = Conductor.declare(load(here / "pair.yaml"), actor="ada@test")
    talk = begin("pair.yaml", "--observe")
    wait_for(lambda: len(driver.watchers) == 1)
    talk.word("q")
    assert talk.end() == 0
    wait_for(lambda: driver.watchers == ())
    driver.leave()
