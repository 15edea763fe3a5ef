"""The example docs/examples/certificates.yaml from its declaration to a closed incident, by each front end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.repository import find
from midwatch.incident.events import EventKind
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from tests.support.certificates import FOLLOW_UPS, HOSTS, TEXTS, incident, load_balancer, set_up
from tests.support.plain_lines import Talk, talking
from tests.support.program import MIDWATCH, midwatch
from tests.support.real_terminal import Terminal, status, time_to_move

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _incident_that_closes(here: Path) -> Iterator[None]:
    """What each front end has to have brought about."""
    set_up(here)
    with load_balancer(here):
        yield
    state, events = incident(here), read(find(here / "logs", "latest").journal)
    assert state.word == "closed"
    assert [state.criteria[name].met for name in state.criteria] == [True, True, True]
    assert {state.steps[f"deploy[{host}]"].status.value for host in HOSTS} == {"done"}
    assert [event.body["exit"] for event in events if event.kind == EventKind.TRIED] == [4]
    assert list(state.marks) == ["acknowledged", "mitigated"]
    assert midwatch("verify", cwd=here).returncode == 0
    written = midwatch("export", cwd=here).stdout.decode()
    assert f"Put {state.steps['renew'].values['serial']} on web2" in written


def test_certificates_run_headless_is_closed(here: Path) -> None:
    texts = "".join(f"      {name}: {text}\n" for name, text in TEXTS.items())
    answers = f"""\
inputs: {{ticket: OPS-4711}}
default_manual: {{note: done}}
manual:
  assess: {{values: {{users: "yes", leaked: "no", impact: A warning in every browser}}}}
  write-root-cause:
    values:
{texts}  assign-follow-ups: {{values: {{follow_ups: "{FOLLOW_UPS}"}}}}
confirm: {{purge-logs: loghost1}}
"""
    (here / "answers.yaml").write_text(answers, encoding="utf-8")
    done = midwatch("run", "runbook.yaml", "--headless", "--answers", "answers.yaml", cwd=here)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_certificates_run_in_plain_lines_is_closed(here: Path) -> None:
    with talking(here, "--plain") as talk:
        talk.declare()
        talk.answer("Which ticket or page is it?", "OPS-4711")
        talk.answer("For how many days", "")
        talk.answer("Who signs?", "")
        talk.word("observe")
        talk.until("days left")
        talk.word("")
        talk.answer("Is it done?", "y")
        talk.answer("Did users see", "yes")
        talk.answer("May the private key", "no")
        _write(talk, "What was the impact?", "A warning in every browser")
        talk.answer("What was said", "We are at it")
        talk.word("")
        talk.answer("Run it?", "y")
        talk.until("2.1 Make the new certificate: done")
        talk.word("")
        talk.answer("Run it?", "y")
        talk.until("on web3: done")
        talk.word("at deploy[web1]")
        talk.word("undo the key file had the wrong owner")
        talk.answer("Undo it?", "y")
        talk.until("2 done, 1 to do")
        talk.word("")
        talk.answer("Run it?", "y")
        talk.until("on web1: done")
        talk.word("")
        talk.until("2.3 Wait until every host serves")
        talk.word("")
        talk.answer("type loghost1 ", "loghost1")
        talk.until("2.4 Delete the archived logs of loghost1: done")
        _mark(talk, "What was said")
        talk.word("")
        talk.answer("Is it done?", "y")
        for name, text in TEXTS.items():
            if name.startswith("why"):
                talk.answer(": ", text)
            else:
                _write(talk, "full stop.", text)
        talk.answer("A note", "")
        talk.word("")
        talk.answer("Is it done?", "y")
        _write(talk, "One a line", FOLLOW_UPS)
        talk.answer("A note", "")
        talk.word("")
        talk.answer("Close INC-", "y")
        talk.until("is closed. Its record")


def _mark(talk: Talk, note: str) -> None:
    talk.word("")
    talk.answer("Is it done?", "y")
    talk.answer(note, "done")


def _write(talk: Talk, question: str, text: str) -> None:
    """Answer a question that takes several lines."""
    talk.answer(question, text)
    talk.child.sendline(".")


def test_certificates_run_on_the_screen_is_closed(here: Path) -> None:
    terminal = Terminal(here, columns=110, rows=40)
    try:
        terminal.keys(f"{MIDWATCH} runbook.yaml", "Enter")
        terminal.until("Which ticket or page is it?")
        terminal.enter("OPS-1234", "OPS-1234")  # another than the example that stands in the empty field
        terminal.press("C-s", "Enter run 1.1")
        terminal.press("*", "Enter mark 1.4 done")
        terminal.press("Enter", "[ Cancel ]")
        terminal.enter("A warning in every browser", "A warning in every browser")
        terminal.press("BTab", "choose one")
        terminal.enter("n", "(*) no")
        terminal.press("BTab", "choose one")
        terminal.enter("y", "(*) yes")
        terminal.press("C-s", "Enter run 2.1")
        time_to_move(terminal, "renew", here, StepStatus.DONE)
        terminal.until("Enter run 2.2")
        terminal.press("Enter", "y run")
        terminal.press("y", lambda: status(here, "deploy[web3]") is StepStatus.DONE)
        terminal.until("Enter run 2.3")
        time_to_move(terminal, "serving", here, StepStatus.DONE)
        terminal.until("Enter run 2.4")
        terminal.press("Enter", "[ Cancel ]")
        terminal.type("loghost1")
        terminal.press("Enter", lambda: status(here, "purge-logs") is StepStatus.DONE)
        terminal.until("Enter mark 2.5 done")
        terminal.press("Enter", "[ Cancel ]")
        terminal.press("C-s", "Enter mark 3.1 done")
        terminal.press("Enter", "[ Cancel ]")
        for text in TEXTS.values():
            terminal.enter(text, text)
            line = _line(terminal)
            terminal.press("Tab", lambda: _line(terminal) != line)  # noqa: B023
        terminal.press("C-s", "Enter mark 3.2 done")
        terminal.press("Enter", "[ Cancel ]")
        terminal.enter(FOLLOW_UPS, FOLLOW_UPS)
        terminal.press("C-s", "close the incident")
        terminal.press("Enter", "All are met.")
        terminal.keys("Tab")
        terminal.press("Enter", lambda: incident(here).word == "closed")
    finally:
        terminal.end()


def _line(terminal: Terminal) -> str:
    """The line of the cursor."""
    return terminal.ask("display-message", "-p", "#{cursor_y}")
