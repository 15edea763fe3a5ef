"""Pasting into fields, in a real terminal: lines stay lines, once, and no line of them presses anything; keys in one
piece."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.repository import find
from midwatch.journal.reader import read
from tests.support.program import MIDWATCH
from tests.support.real_terminal import Terminal

pytestmark = pytest.mark.slow


def test_pasted_text_stands_in_the_field_once(terminal: Terminal, here: Path) -> None:
    terminal.until("ready$")
    terminal.keys(f"{MIDWATCH} --new runbook.yaml", "Enter")
    terminal.until("Enter mark 1.1 done")
    terminal.keys("n")
    terminal.until("What happened")
    terminal.ask("set-buffer", "Filesystem Use%\n/backups 96%\nq\ny")
    terminal.ask("paste-buffer", "-p")
    terminal.until("/backups 96%")
    terminal.keys("Tab")
    terminal.ask("set-buffer", "5 min ago")
    terminal.ask("paste-buffer", "-p")
    terminal.until("│ 5 min ago")
    terminal.press("C-s", lambda: "What happened" not in terminal.shown)
    terminal.keys("n")
    terminal.until("What happened")
    terminal.type("and more")
    terminal.until("and more")
    terminal.press("C-s", lambda: "What happened" not in terminal.shown)
    terminal.press("q", "Leave the screen?")
    notes = [str(event.body["text"]) for event in read(find(here / "logs", "latest").journal) if event.kind == "note"]
    assert notes == ["Filesystem Use%\n/backups 96%\nq\ny", "and more"]
    terminal.keys("y")
    terminal.until("is open; its record:")
    terminal.until(lambda: terminal.clean)


MANY = "\n".join(f"q y s line {number}" for number in range(1000))


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    "text", [MANY, "\nq\ny\n\x1b[31mred\x1b[0m\x1b and more\n"], ids=["a thousand lines", "Enter and ESC"]
)
def test_paste_on_the_main_screen_is_offered_as_a_note(terminal: Terminal, here: Path, text: str, marked: bool) -> None:
    """Also where the terminal does not mark it; nothing of it is a key."""
    terminal.until("ready$")
    terminal.keys(f"{MIDWATCH} --new runbook.yaml", "Enter")
    terminal.until("Enter mark 1.1 done")
    journal = find(here / "logs", "latest").journal
    before = len(read(journal))
    (here / "text").write_text(text, encoding="utf-8")
    terminal.ask("load-buffer", str(here / "text"))
    terminal.ask("paste-buffer", *(["-p"] if marked else []))
    terminal.until("characters: keep them as a note?")
    assert len(read(journal)) == before
    terminal.press("Escape", lambda: "keep them as a note" not in terminal.shown)
    assert len(read(journal)) == before
    terminal.press("q", "Leave the screen?")
    terminal.press("y", "is open; its record:")


def test_held_enter_ticks_nothing_in_a_real_terminal(terminal: Terminal, here: Path) -> None:
    """A hundred Enters, 33 ms apart or all at once as the line delivers them: one dialog is open, and nothing is
    journalled."""
    terminal.until("ready$")
    terminal.keys(f"{MIDWATCH} --new runbook.yaml", "Enter")
    terminal.until("Enter mark 1.1 done")
    journal = find(here / "logs", "latest").journal
    before = len(read(journal))
    terminal.press("Enter", "[ Cancel ]")
    for _ in range(20):
        terminal.keys(*["Enter"] * 5)
    terminal.until("[ Cancel ]")
    assert len(read(journal)) == before
