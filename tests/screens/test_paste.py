"""Pasting into fields, in a real terminal: lines stay lines, once, and no line of them presses anything; keys in one piece."""

from __future__ import annotations

from pathlib import Path

from midwatch.incident.shelf import find
from midwatch.journal.reader import read
from tests.screens.test_real_terminal import MIDWATCH, Terminal, terminal

__all__ = ["terminal"]  # the fixture


def test_what_is_pasted_stands_in_the_field_once(terminal: Terminal, here: Path) -> None:
    terminal.until("ready$")
    terminal.keys(f"{MIDWATCH} --new runbook.yaml", "Enter")
    terminal.until("Enter tick 1.1")
    terminal.keys("n")
    terminal.until("What happened")
    terminal.ask("set-buffer", "Filesystem Use%\n/backups 96%\nq\ny")
    terminal.ask("paste-buffer", "-p")
    terminal.until("/backups 96%")
    terminal.keys("Tab")
    terminal.ask("set-buffer", "5 min ago")
    terminal.ask("paste-buffer", "-p")
    terminal.until("│ 5 min ago")
    terminal.keys("C-s", "n", *"and more", "C-s", "q")
    terminal.until("Leave the screen?")
    notes = [str(event.body["text"]) for event in read(find(here / "logs", "latest").journal) if event.kind == "note"]
    assert notes == ["Filesystem Use%\n/backups 96%\nq\ny", "and more"]
    terminal.keys("y")
    terminal.until("is open; its record:")
    terminal.until(lambda: terminal.clean)
