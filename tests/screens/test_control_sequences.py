"""Everything that a terminal may obey, from every place that foreign text comes from: none of it reaches the
terminal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.annotations import ManualCommand
from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from midwatch.system.sanitize import safe_bytes, safe_text
from tests.screens import vttest
from tests.screens.hostile import POINTER, SCREEN, strange
from tests.screens.line import Line, lines
from tests.screens.sequences import SEQUENCES, together
from tests.support.plain_lines import talking
from tests.support.program import midwatch

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
title: Every sequence there is
severity: SEV-2
panels: {alerts: {logs: [log], last: 40}}
phases:
  - title: Work
    steps:
      - id: say
        title: Say them all
        run: dd if=said bs=7 status=none; cat log; ls names | cat; echo over
        risk: observe
      - {id: hand, title: Manually, instructions: Wait}
"""
ONE_OF_EACH = [members[len(members) // 2] for members in SEQUENCES.values()]


@pytest.fixture
def world(here: Path) -> Path:
    """A step whose output comes in pieces of seven bytes, so that sequences are cut; names and a log of them."""
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "said").write_bytes(b"\n".join([*together(), *ONE_OF_EACH, b""]))
    (here / "log").write_bytes(b"".join(b"2026-11-23 02:00:00 [ERROR] " + line + b"\n" for line in together(400)))
    (here / "names").mkdir()
    for number, one in enumerate(ONE_OF_EACH):
        (here / "names" / os.fsdecode(b"%d " % number + one[:60].translate(None, b"/\0"))).touch()
    return here


@pytest.fixture
def opened() -> Iterator[list[Line]]:
    with lines() as found:
        yield found


@pytest.mark.parametrize("kind", SEQUENCES)
def test_control_sequence_whole_or_cut_is_made_safe(kind: str) -> None:
    """Also when its halves are shown apart, and however much the words are cleaned again."""
    shown = []
    for one in SEQUENCES[kind]:
        cuts = [(b"begin " + one, b"")] + [(one[:at], one[at:]) for at in range(1, min(len(one), 10))]
        shown += [safe_bytes(part) for cut in cuts for part in cut]
        shown.append(safe_text(safe_bytes(one), newlines=True))
    assert strange("\n".join(shown).encode(), frozenset()) == set()


def test_none_of_them_reaches_the_terminal_from_plain_lines_or_the_screen(world: Path, opened: list[Line]) -> None:
    with talking(world, "--new", "--plain") as plain:
        plain.word("")
        plain.until("over\r\n")
        plain.word("q")
        plain.until("its record")
        assert strange(plain.said, frozenset()) == set()
        assert b"begin " in plain.said
    screen = Line(world, rows=60, columns=200)
    opened.append(screen)
    screen.shows(lambda text: "Checklist" in text and "begin" in text)
    for keys in ("o", "g", "  ", "\x1b", "1", "\x1b", "e", "\x1b"):
        screen.child.send(keys)
        screen.quiet()
    assert strange(screen.sent.replace(POINTER, b""), SCREEN) == set()


@pytest.mark.skipif(shutil.which("vttest") is None, reason="vttest is not installed")
def test_output_of_vttest_never_reaches_the_terminal(world: Path, opened: list[Line]) -> None:
    """The public test of terminals as the output of a step."""
    said = vttest.recorded()
    assert len(said) > 30_000
    (world / "said").write_bytes(said + b"\r\n")
    with talking(world, "--new", "--plain") as plain:
        plain.word("")
        plain.until("over\r\n")
        assert strange(plain.said, frozenset()) == set()


def test_none_of_them_is_in_what_is_printed_or_exported(world: Path) -> None:
    """Notes, excerpts and results, output without a screen, the timeline and the post-mortem."""
    (world / "answers.yaml").write_text("default_manual: {note: done}\n", encoding="utf-8")
    told = [_printed(world, "run", "--headless", "--answers", "answers.yaml")]
    controller = IncidentController.declare(load(world / "runbook.yaml"), actor="ada\x1b]0;x\x07@\x9b2J")
    for line in together(400):
        text = line.decode("utf-8", "replace")[:3000]
        controller.note(text, pasted_output=text, manual_command=ManualCommand(text, text, text))
    controller.leave()
    told += [_printed(world, *words) for words in (["export"], ["show"], ["export", "--post-mortem"], ["handoff"])]
    assert [said for said in told[:2] if b"begin" not in said] == []
    assert strange(b"\n".join(told), frozenset()) == set()


def _printed(world: Path, *words: str) -> bytes:
    done = midwatch(*words, cwd=world)
    return done.stdout + done.stderr
