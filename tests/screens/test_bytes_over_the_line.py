"""How much the screen sends: next to nothing while nothing happens, little in a flood. Counted at the program's
terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.screens.line import Line, lines
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
title: A flood
severity: SEV-2
targets: {server: {kind: local, host: 127.0.0.1, port: 1, database: none}}
panels: {disk: {paths: [/, .], warn: 1 %}, alerts: {logs: [log]}, databases: {}, backups: {}}
phases:
  - title: Work
    steps:
      - id: flood
        title: Flood
        run: while :; do head -c 30000 /dev/urandom | base64 -w 190; sleep 0.05; done
        risk: observe
"""
SIZES = ((60, 200), (36, 120), (24, 80))
IDLE, FLOOD = 300, 40_000
"""Bytes a second, at most."""


@pytest.fixture
def line(here: Path) -> Iterator[Line]:
    """The incident screen with readings of every panel, in a large terminal."""
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "log").write_text("2026-11-23 02:00:00 [ERROR] Disk usage at 96%\n" * 3, encoding="utf-8")
    with lines() as opened:
        opened.append(Line(here, "--new", rows=SIZES[0][0], columns=SIZES[0][1]))
        opened[0].shows(lambda text: "Alerts" in text and "no reading yet" not in text)
        opened[0].quiet()
        yield opened[0]


def becomes_quiet(line: Line, seconds: float) -> None:
    """On a busy machine the first drawing comes in portions, with pauses between them."""
    wait_for(lambda: line.count(seconds) < IDLE * seconds, "an idle screen is quiet")


def test_idle_screen_is_quiet_and_a_flood_is_calm_on_the_line(line: Line) -> None:
    """With a panel open over the screen as well; in the flood at each size."""
    becomes_quiet(line, 2.5)
    line.child.send("2")
    line.shows(lambda text: "[2 Alerts]" in text)
    line.quiet()
    becomes_quiet(line, 1.5)
    line.child.send("\x1b")
    line.shows(lambda text: "Checklist" in text)
    line.press("\r", lambda: re.search("[+/0-9A-Za-z]{30}", line.shown.text) is not None)
    for rows, columns in SIZES:
        line.resize(rows, columns)
        line.shows(lambda text: re.search("[+/0-9A-Za-z]{30}", text) is not None)
        line.count(0.2)
        assert 0 < line.count(0.8) < FLOOD * 0.8
    line.child.send("x")
    line.shows(lambda text: "Let it run" in text)
    while "Let it run" in line.shown.text:  # the dialog does not hear a hand that was quicker than it
        line.child.send("y")
        line.count(0.2)
    line.shows(lambda text: "cancelled" in text)
