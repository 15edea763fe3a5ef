"""Loops in the front end of lines: one entry with the counts of its items, one consent, and the word `observe`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.looped_runbook import RUNBOOK
from tests.support.plain_lines import Begin

pytestmark = pytest.mark.slow


def test_loops_run_by_one_consent_and_failed_items_again_alone(begin: Begin, here: Path) -> None:
    (here / "fail-web2").touch()
    talk = begin(runbook=RUNBOOK)
    talk.declare()
    talk.word("observe")  # everything of the phase, three steps
    talk.until("1.2 Read the load: done")
    talk.word("list")
    talk.until("2 Renew: 5 to do.")
    talk.until("next, to do: 2.1 Renew, 3 to do")
    talk.word("")
    talk.until("items: 3: web1, web2, web3")
    talk.answer("Run it?", "y")
    talk.until("2.1.1 Renew: web1 runs.")
    talk.until("2.1.2 Renew: web2: failed, exit 7")
    talk.word("view")
    talk.until("Its items: 1 done, 1 failed, 1 to do.")
    (here / "fail-web2").unlink()
    talk.word("at renew[web2]")  # the failed one alone
    talk.word("")
    talk.answer("Run it?", "y")
    talk.until("2.1.2 Renew: web2: done")
    talk.word("")
    talk.until("items: 1: web3")
    talk.answer("Run it?", "y")
    talk.until("2.1.3 Renew: web3: done")
    assert (here / "ran").read_text(encoding="utf-8") == "web1\nweb2\nweb3\n"
    talk.word("at renew")
    talk.word("undo the wrong ones")
    talk.until("items: 3: web3, web2, web1")
    talk.answer("Undo it?", "y")
    talk.until("The undo of 2.1.3 Renew: web3 runs.")
    talk.until("The undo of 2.1.1 Renew: web1: done")
    assert (here / "undone").read_text(encoding="utf-8") == "web3\nweb2\nweb1\n"
    talk.until("Next: 2.1 Renew, 3 to do")
    talk.word("")
    talk.answer("Run it?", "y")
    talk.until("2.1.3 Renew: web3: done")
    talk.word("")
    talk.answer("type burn ", "burn")  # the name of the loop, for all that it destroys
    talk.until("2.2.2 Burn: old2: done")
    assert (here / "burnt").read_text(encoding="utf-8") == "old1\nold2\n"
    talk.word("q")
    assert talk.end() == 0
