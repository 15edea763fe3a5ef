"""The front end of plain lines, on a real pseudo-terminal: the same core, the same journal, no cursor and no colour."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from midwatch.control.lease import LeaseWatcher
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import find
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.runbook.loader import load
from midwatch.system.errors import BadInput
from tests.support.filling import fill
from tests.support.mounting import run_or_skip
from tests.support.plain_lines import PROMPT, RUNBOOK, Begin, Talk, incident, status, to_the_work
from tests.support.program import MIDWATCH
from tests.support.pty_child import end_child
from tests.support.waiting import wait_for
from tui.plain.command_words import COMMAND_WORDS, parse
from tui.plain.line_terminal import LineTerminal
from tui.plain.session import Session

pytestmark = pytest.mark.slow


def test_whole_incident_on_a_dumb_terminal_is_plain_text(begin: Begin, here: Path) -> None:
    """On TERM=dumb by itself; every byte of it is plain text."""
    talk = begin()
    talk.declare()
    talk.own()
    talk.word("")
    assert "read it: no plan can" in talk.until("Run it?")
    talk.child.sendline("y")
    talk.until("2.1 Do the work: done")
    talk.word("")
    talk.answer("type burn ", "burn it")
    talk.until("That is not the name.")
    assert not (here / "burnt").exists()
    talk.word("")
    talk.answer("type burn ", "burn")
    talk.until("2.2 Burn it: done")
    talk.word("")
    talk.until("met: Disk not full")
    talk.answer("Close INC-", "y")
    talk.until("is closed. Its record:")
    talk.word("q")
    talk.until("is closed; its record")
    assert talk.end() == 0
    folder = find(here / "logs", "latest")
    assert verify(folder.journal).ok
    assert not incident(here).open
    kinds = [event.kind for event in read(folder.journal)]
    assert kinds.count(EventKind.CONFIRMED) == 3
    assert set(re.findall(rb"[^ -~\r\n]", talk.said)) == set()


def test_observer_command_that_writes_is_refused(begin: Begin, here: Path) -> None:
    talk = begin("--plain", term="xterm-256color")
    talk.declare()
    talk.word("n @5min it began")
    talk.word("paste")
    talk.until("full stop")
    for line in ("Filesystem  Use%", "/backups    96%", "."):
        talk.child.sendline(line)
    talk.answer("What is it", "the disk")
    talk.answer("When", "in a while")
    talk.until("is no time")
    talk.answer("When", "")
    talk.word("command df -h")
    talk.answer("On which host", "db1")
    talk.answer("What came of it", "96 %")
    talk.answer("When", "")
    talk.word("k 4 it began at noon")
    talk.word("* 4")
    talk.word("sev")
    talk.answer("How bad", "7")
    talk.until("A number from 0 to 3")
    talk.answer("How bad", "1")
    talk.answer("Why", "it grows")
    talk.word("u")
    assert "SEV-1 A small incident, update 1" in talk.until("it went out")
    talk.child.sendline("y")
    talk.word("t")
    talk.answer("Who was notified", "1")
    talk.answer("What was said", "it is bad")
    talk.word("d")
    talk.until("Disk, read at")
    talk.word("j began")
    talk.until("4, starred,")
    assert "Corrected in event 7: it began at noon" in talk.until(PROMPT)
    talk.child.sendline("q")
    assert talk.end() == 0
    found = incident(here)
    assert [note.text for note in found.notes][:3] == ["it began at noon", "the disk", ""]
    assert (found.notes[0].written_at - found.notes[0].at).total_seconds() >= 300
    assert found.stars == {4}
    assert found.severity == "SEV-1"
    assert [note.role for note in found.notes if note.role] == ["boss"]
    assert found.last_update_at is not None
    assert b"\x1b" not in talk.said


def test_decision_commands_ask_for_their_reasons(begin: Begin, here: Path) -> None:
    """Skip, fail, manually, again, view, list; each with its reason."""
    (here / "fail").touch()
    talk = begin()
    talk.declare()
    talk.word("skip nobody is here")
    talk.until("1.1 Take ownership: skipped.")
    talk.word("a 2.1")
    talk.word("b the rest is known")
    talk.until("Going on at 2.1")
    talk.word("go")
    talk.answer("Run it?", "y")
    talk.until("ERROR it broke")
    talk.until("What to do: Try again.")
    talk.until("Notify The boss")
    talk.word("manually")
    talk.answer("How was it done", "with a spoon")
    talk.word("at asked")
    talk.word("again")
    talk.answer("Why again", "somebody came")
    talk.word("list all")
    talk.until("next, to do: 1.1 Take ownership")
    talk.word("view look")
    talk.until("Said: begun at 2.1: the rest is known")
    talk.word("fail nobody after all")
    talk.word("frobnicate")
    talk.until("'frobnicate' is no word here")
    talk.word("q")
    assert talk.end() == 0
    assert status(here, "work") is StepStatus.DONE
    assert status(here, "asked") is StepStatus.FAILED
    assert status(here, "look") is StepStatus.SKIPPED


def test_ctrl_c_asks_before_it_leaves(begin: Begin, here: Path) -> None:
    talk = begin()
    to_the_work(talk, here)
    talk.child.sendintr()
    talk.answer("x: end the step", "")
    talk.until("Following again.")
    talk.child.sendintr()
    talk.answer("x: end the step", "b")
    talk.until("Running: 2.1 Do the work. Enter follows it.")
    talk.child.sendintr()
    talk.answer("Ctrl+C. Leave?", "n")
    talk.until("Enter follows it.")
    assert status(here, "work") is StepStatus.RUNNING
    talk.word("n")
    talk.until("full stop")
    talk.child.sendintr()
    talk.until("Stopped; nothing more was done.")
    talk.word("")
    talk.until("  begun")
    talk.child.sendintr()
    talk.answer("x: end the step", "x")
    talk.until("2.1 Do the work: cancelled")
    talk.until(PROMPT)
    talk.child.sendintr()
    talk.answer("Ctrl+C. Leave?", "y")
    assert talk.end() == 0
    assert not incident(here).notes


@pytest.mark.parametrize("how", ["hang-up", "SIGTERM", "SIGKILL", "end of input"])
def test_step_outlives_the_session(begin: Begin, here: Path, how: str) -> None:
    talk = begin()
    to_the_work(talk, here)
    if how == "hang-up":
        talk.hang_up()
    elif how == "end of input":
        talk.child.sendintr()
        talk.answer("x: end the step", "b")
        talk.until(PROMPT)
        talk.child.sendeof()
    else:
        os.kill(talk.child.pid, getattr(signal, how))
    wait_for(lambda: not talk.child.isalive())
    if how != "SIGKILL":
        assert incident(here).driver == ""
    again = begin()
    again.until("Running: 2.1 Do the work.")
    again.word("")
    again.until("  begun")
    (here / "hold").unlink()
    again.until("2.1 Do the work: done")
    again.word("q")
    assert again.end() == 0
    assert (here / "ran").read_text(encoding="utf-8") == "ran\n"


def test_observer_hears_and_changes_nothing(begin: Begin, here: Path) -> None:
    driver = begin()
    driver.declare()
    driver.until(PROMPT)
    observer = begin()
    observer.until("drives")
    observer.word("skip no")
    observer.until("You only observe")
    observer.until(PROMPT)
    driver.child.sendline("n seen by both")
    driver.until("Noted")
    observer.child.sendline("")
    observer.until("Note: seen by both")
    driver.word("q")
    observer.word("q")
    assert (driver.end(), observer.end()) == (0, 0)


def test_driver_that_only_reads_is_not_taken_for_dead(begin: Begin, here: Path) -> None:
    """Nothing is typed; a heartbeat is given all the same."""
    talk = begin()
    talk.declare()
    talk.until(PROMPT)
    lookout = LeaseWatcher(find(here / "logs", "latest"))
    first = lookout.inspect().snapshot
    wait_for(lambda: lookout.inspect().snapshot != first)
    talk.child.sendline("q")
    assert talk.end() == 0


def test_commands_from_a_pipe_leave_a_readable_transcript(here: Path) -> None:
    """Words from a file; the transcript can be read, and the end of the input leaves."""
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    told = subprocess.run(
        [MIDWATCH], input="y\n\ny\nada\nn\n\n\n", capture_output=True, text=True, timeout=60, cwd=here, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert "> \n" in told.stdout
    assert "Who owns it?: ada\n" in told.stdout
    assert "  seen by ada" in told.stdout
    assert incident(here).open
    nobody = subprocess.run(
        [MIDWATCH], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=here, check=False
    )
    assert nobody.returncode == 2
    assert "need somebody who answers" in nobody.stderr


def test_command_word_is_parsed_and_documented(here: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "plain.md").read_text(encoding="utf-8")
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    heard = Session(controller, LineTerminal()).words()
    controller.leave()
    assert set(heard) == {word.name for word in COMMAND_WORDS}
    for word in COMMAND_WORDS:
        assert f"| `{word.name}` | `{word.short}` |" in page, word
    names = [name for word in COMMAND_WORDS for name in {word.name, word.short}]
    assert len(set(names)) == len(names)


def test_command_words_are_parsed_in_any_case_and_spacing() -> None:
    assert parse("", driving=True)[0].name == "go"
    assert parse("@02:10 x", driving=True) == (parse("n", driving=True)[0], "@02:10 x")
    with pytest.raises(BadInput, match="Did you mean timeline"):
        parse("timelin", driving=True)
    with pytest.raises(BadInput, match="only observe"):
        parse("skip x", driving=False)


def test_full_disk_is_told_to_whoever_drives(here: Path) -> None:
    disk = here / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "midwatch-test", str(disk)]
    run_or_skip(*command)
    try:
        talk = Talk(disk)
        talk.declare()
        talk.own()
        fill(disk)
        talk.word("")
        talk.answer("Run it?", "y")
        talk.until("The incident's disk is full (No space left on device): ")
        talk.word("q")
        end_child(talk.child)
        assert status(disk, "work") is StepStatus.DONE
    finally:
        subprocess.run(["umount", "-l", disk], check=True, timeout=20)


def test_undecided_step_is_asked_about_and_not_passed_over(begin: Begin, here: Path) -> None:
    """Enter decides nothing by itself; a reason makes the step needed."""
    text = RUNBOOK.replace(
        "{id: burn, title: Burn it,", '{id: burn, title: Burn it, when: {answer: asked.bad, is: "yes"},'
    )
    talk = begin(runbook=text)
    talk.declare()
    talk.word("skip nobody is here")
    talk.word("skip nothing to see")
    talk.word("skip no work tonight")
    talk.until("Undecided: 2.2 Burn it: asked.bad is not known")
    talk.word("")
    talk.answer("If it is needed, say why", "")
    talk.until("It stays undecided.")
    talk.word("")
    talk.answer("If it is needed, say why", "the lead wants it")
    talk.until("2.2 Burn it is needed.")
    talk.word("q")
    assert talk.end() == 0
    assert status(here, "burn") is StepStatus.TODO
