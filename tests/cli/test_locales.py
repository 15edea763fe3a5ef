"""Locales whose encoding lacks a character: no command fails, and steps get arguments and variables byte by byte."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.program import MIDWATCH
from tui.terminal import hangup_driver

RUNBOOK = """\
midwatch: 1
id: letters
title: "Prüfung 日本 €5 ✓ 🔥"
severity: SEV-3
inputs: [{name: ticket, prompt: "Welches 🔥?", required: false}]
phases:
  - title: "Eins 🔥"
    section: "1"
    steps:
      - {id: a, title: "Zeige ✓ 日本", risk: observe, env: {X: "日本 ✓"}, run: echo "ü€🔥 $X" > 日本✓}
      - {id: b, title: "Prüfe ✓", risk: observe, run: "midwatch check disk --path '日本✓' || test $? = 1"}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0"}, id="ascii"),
        pytest.param({"PYTHONIOENCODING": "latin-1"}, id="latin-1", marks=pytest.mark.heavy),
        pytest.param({"PYTHONIOENCODING": "euc_jp"}, id="euc-jp"),
    ],
)
def test_command_in_any_locale_fails_on_no_character(here: Path, environment: Mapping[str, str]) -> None:
    def midwatch(*arguments: str) -> str:
        done = subprocess.run(
            [MIDWATCH, *arguments],
            capture_output=True,
            timeout=120,
            check=False,
            env=os.environ | {"HOME": str(here)} | environment,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert done.stderr == b""
        return done.stdout.decode("ascii", "replace")

    (here / "日本.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "answers.yaml").write_text("{}", encoding="utf-8")
    midwatch("lint", "日本.yaml")
    assert "command: echo" in midwatch("plan", "日本.yaml")
    arguments = ("--headless", "--answers", "answers.yaml", "--input", "ticket=日本 ✓", "--export", "✓.md")
    assert "closed" in midwatch("run", "日本.yaml", *arguments)
    assert (here / "日本✓").read_text(encoding="utf-8") == "ü€🔥 日本 ✓\n"
    assert "Zeige ✓ 日本 — **done**" in (here / "✓.md").read_text(encoding="utf-8")
    for command in ("incidents", "show", "handoff", "export"):
        midwatch(command)
    if "PYTHONIOENCODING" in environment:  # another encoding than UTF-8: escapes of JSON
        shown = [json.loads(line) for line in midwatch("show", "--json").splitlines()]
        assert "Prüfung 日本 €5 ✓ 🔥" in str(shown)


def test_character_that_a_terminal_lacks_takes_its_cells() -> None:
    assert "aü日✓".encode("latin-1", hangup_driver.LACKING) == b"a\xfc???"
