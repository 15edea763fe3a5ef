"""Hostile text in output, titles, file names, panels, log lines and YAML, judged by the bytes that reach a real
terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.repository import find
from midwatch.system.sanitize import safe_bytes
from tests.screens.hostile import PIECES, POINTER, SCREEN, HostileEngine, HostileServer, lines, listening, strange
from tests.screens.line import Line
from tests.screens.line import lines as opened_lines
from tests.support.plain_lines import PROMPT, talking
from tests.support.program import midwatch

pytestmark = pytest.mark.slow

WORDS = "[/bold][@click=app.quit]x[/] {0} %s $(touch owned)"
"""What a runbook may say; the loader lets no control character in."""
NAME = "d \x1b]0;pwned\x07\u202e[x]"
RUNBOOK = """\
midwatch: 1
id: hostile
title: {name}
severity: SEV-2
roles:
  boss: {{name: {name}, notify_when: {name}}}
comms: {{channel: {name}}}
targets:
  server: {{kind: local, host: 127.0.0.1, port: {server}, database: {name}, user: {name}, label: {name}}}
  box: {{kind: docker, container: box, database: {name}, user: {name}}}
panels:
  disk: {{paths: [.]}}
  alerts: {{logs: [log, missing], last: 99}}
  databases: {{}}
  docker: {{}}
  backups: {{}}
phases:
  - title: {name}
    steps:
      - id: cat
        title: {name}
        run: cat hostile; printf 'key=\\033]0;pwned\\007\\342\\200\\256\\n' >> "$STEP_OUTPUT"; ls | cat; echo over
        why: {name}
        expect: {name}
        risk: observe
        measure: [alerts]
      - {{id: hand, title: {name}, instructions: {name}, questions: [{{name: x, prompt: {name}}}]}}
closure:
  - {{title: {name}, check: disk, with: {{path: ., below: 100 %}}}}
"""


@pytest.fixture
def world(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runbook all of whose words are hostile, a folder and a backup with hostile names, a log of hostile lines; a
    database server and a container engine that say nothing else."""
    (here / NAME).mkdir()
    (here / "hostile").write_bytes(lines())
    (here / "log").write_bytes(
        b"".join(b"2026-11-23 02:00:00 [ERROR] begin " + piece + b"\n" for piece in PIECES.values())
    )
    (here / "emergency-backup").mkdir()
    (here / "emergency-backup" / f"box-prod-20261123-020000-{NAME}.sql.gz").write_bytes(b"x")
    with listening(HostileServer) as server, listening(HostileEngine) as engine:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{engine}")
        text = RUNBOOK.format(name=json.dumps(WORDS), server=server)
        (here / "runbook.yaml").write_text(text, encoding="utf-8")
        yield here


@pytest.fixture
def lines_opened() -> Iterator[list[Line]]:
    with opened_lines() as opened:
        yield opened


def has_run(folder: Path) -> bool:
    return find(folder / "logs", "latest").attempt("cat", 1).output.exists()


@pytest.mark.parametrize("name", PIECES)
def test_hostile_bytes_of_any_kind_are_made_safe(name: str) -> None:
    """Nothing of it is a control any more, and the words around it are there."""
    shown = safe_bytes(b"begin " + PIECES[name] + b" end")
    assert shown.startswith("begin ")
    assert strange(shown.encode("utf-8"), frozenset()) == set()
    assert "\n" not in shown


def test_screen_with_hostile_bytes_sends_no_control_to_the_terminal(world: Path, lines_opened: list[Line]) -> None:
    """Output, and every page and dialog that says what the world calls itself, in a small terminal and in a large
    one."""
    line = Line(world, "--new", rows=60, columns=200)
    lines_opened.append(line)
    line.shows(lambda text: "Checklist" in text and "Enter" in text)
    # what the sources said has been read
    said = "heretmux;^[pwned"
    for panel, words in ("3", f"refused:{said}"), ("4", said), ("5", "20261123-020000-d<U+202E>[x]"):
        line.child.send(panel)
        line.shows(  # on its page, wherever a long name is broken
            lambda text, page=f"[{panel} ", words=words: page in text and words in "".join(text.split())
        )
    line.child.send("\x1b\x1b")
    line.shows(lambda text: "Checklist" in text)
    line.quiet()
    line.press("\r", lambda: has_run(world))  # Enter is not heard when what it does has just changed
    for rows, columns in ((60, 200), (24, 80)):
        line.resize(rows, columns)
        line.quiet()
        for keys in ("o", "gG", "\x1b\x1b"):
            line.child.send(keys)
            line.quiet()
        for key in "dljCtu?12345":
            line.child.send(key)
            line.quiet()
            line.child.send("\x1b\x1b")
    before = line.memory
    os.truncate(
        find(world / "logs", "latest").attempt("cat", 1).output, 1 << 30
    )  # its last line is a gigabyte long now
    for keys in ("o", "GgG"):
        line.child.send(keys)
        line.quiet()
    assert line.memory - before < 32 << 10
    line.press("\x1b", lambda: "Checklist" in line.shown.text)
    line.press("q", lambda: "[ Stay ]" in line.shown.text)
    line.press("y", lambda: b"its record" in line.sent)
    assert strange(line.sent.replace(POINTER, b""), SCREEN) == set()
    assert not (world / "owned").exists()


def test_hostile_runbook_is_refused_in_safe_words(world: Path) -> None:
    text = (world / "runbook.yaml").read_text(encoding="utf-8").replace("[/bold]", "\\u001b]0;pwned\\u0007\\u202e")
    (world / "runbook.yaml").write_text(text, encoding="utf-8")
    told = midwatch("--plain", cwd=world)
    assert told.returncode == 2
    assert b"cannot be seen (U+001B)" in told.stderr
    assert strange(told.stdout + told.stderr, frozenset()) == set()


def test_plain_lines_of_a_hostile_world_send_nothing_hostile(world: Path) -> None:
    """A line of a gigabyte among them: it costs nothing, and the words after it are heard."""
    with talking(world, "--new", "--plain") as talk:
        talk.word("")
        talk.until("over\r\n")
        for word in ("view", "list all", "j 99", "d", "out 99", "t"):
            talk.word(word)
        talk.until("Who was notified")
        talk.child.sendintr()
        talk.until(PROMPT)
        os.truncate(find(world / "logs", "latest").attempt("cat", 1).output, 1 << 30)
        talk.child.sendline("at cat")
        talk.word("out")
        talk.word("q")
        talk.until("its record")
        assert strange(talk.said, frozenset()) == set()
