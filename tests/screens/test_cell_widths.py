"""Every sign takes as many cells as the terminal (tmux) gives it, so that nothing stays behind when a line is
redrawn."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from screens.widgets.styles import TextStyles
from tests.support.program import MIDWATCH
from tests.support.real_terminal import Terminal
from tui.terminal.cell_widths import SingleSigns, count_sign_by_sign

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
CORPUS = [
    *("\u2764", "\u2764\ufe0f", "\u2611\ufe0f", "\u26a0\ufe0f", "\u2122\ufe0f", "1\ufe0f\u20e3", "\u263a\ufe0e"),
    *(
        "🔥",
        "👩\u200d💻",
        "👨\u200d👩\u200d👧\u200d👦",
        "🏳\ufe0f\u200d🌈",
        "👍🏽",
        "🤷🏽\u200d♂\ufe0f",
        "🇩🇪",
        "🇩",
        "🏴\u200d☠\ufe0f",
    ),
    *("日本語", "葛\U000e0100", "한글", "ㄱㄴ", "각", "Ａ１", "ｱｲｳ", "、。", "\u3000"),
    *("é", "e\u0301\u0323", "ก็", "हिन्दी", "क्षत्रिय", "श्री", "বাংলা", "தமிழ்", "עִבְרִית", "العربية", "ﷺ", "မြန်မာ"),
    *("☰", "①", "■", "▶\ufe0f", "─", "\u200c", "𝕏", "𠮷", "🀄", "🯅", "\u3164"),
]
RUNBOOK = """\
midwatch: 1
id: widths
title: Widths
severity: SEV-2
phases:
  - title: One
    section: "1"
    steps:
"""
MEASURE = """\
import os, sys, tty
tty.setcbreak(0)
counted = []
for text in open("texts", encoding="utf-8").read().split("\\n"):
    sys.stdout.write("\\r\\x1b[2Kx" + text + "\\x1b[6n")
    sys.stdout.flush()
    answer = b""
    while not answer.endswith(b"R"):
        answer += os.read(0, 1)
    counted.append(str(int(answer[answer.rindex(b";") + 1 : -1]) - 2))
open("counted.part", "w").write(" ".join(counted))
os.rename("counted.part", "counted")
"""


@pytest.fixture
def terminal(here: Path) -> Iterator[Terminal]:
    terminal = Terminal(here, columns=100, rows=60)
    yield terminal
    terminal.end()


def test_cells_of_text_are_those_that_the_terminal_counts(terminal: Terminal, here: Path) -> None:
    count_sign_by_sign()
    signs = "".join(
        chr(code) for code in range(0x2F00) if unicodedata.category(chr(code)) not in ("Cc", "Cf", "Cn", "Cs")
    )
    scripts = [f"a{sign}" if unicodedata.combining(sign) else sign for sign in signs[96:]]
    texts = [TextStyles().clean(text) for text in [*CORPUS, *scripts]]
    (here / "texts").write_text("\n".join(texts), encoding="utf-8")
    (here / "measure.py").write_text(MEASURE, encoding="utf-8")
    terminal.keys(f"{sys.executable} measure.py", "Enter")
    terminal.until((here / "counted").exists)
    counted = list(map(int, (here / "counted").read_text(encoding="ascii").split()))
    assert [(text, cell_len(text), n) for text, n in zip(texts, counted, strict=True) if cell_len(text) != n] == []


def test_typed_sign_that_would_change_the_one_before_keeps_the_cells_of_the_line() -> None:
    count_sign_by_sign()
    [shown] = SingleSigns().apply([Segment("a❤\ufe0f👍🏽👩\u200d💻b")], Color(0, 0, 0))
    assert shown.text.startswith("a❤👍👩")
    assert shown.cell_length == cell_len("a❤\ufe0f👍🏽👩\u200d💻b")


@pytest.mark.slow
def test_page_with_emoji_in_titles_leaves_no_stray_cells(terminal: Terminal, here: Path) -> None:
    titles = (
        f'      - {{id: s{n}, title: "T{n:02} {text} end"}}\n' for n, text in enumerate(CORPUS) if text.strip() == text
    )
    (here / "runbook.yaml").write_text(RUNBOOK + "".join(titles), encoding="utf-8")
    terminal.keys(f"{MIDWATCH} runbook.yaml", "Enter")
    terminal.until("Declare one now")
    terminal.keys("y")
    terminal.until("mark 1.1 done")

    def lines() -> list[str]:
        return [re.sub(r" +", " ", line) for line in terminal.shown.splitlines() if re.search(r"T\d\d .* end", line)]

    terminal.until(lambda: len(lines()) > 20 and "0/47" in terminal.shown)
    before = lines()
    terminal.press("?", "How it works")
    terminal.press("Escape", lambda: "How it works" not in terminal.shown)
    terminal.until(lambda: lines() == before)
