"""How things are written on the screen: signs for states, four meanings of colour, and foreign text made safe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from midwatch.api.probe import Level
from midwatch.incident.step_status import StepStatus
from midwatch.system.sanitize import safe_text

# Names of theme variables (tui/app/theme.py). Colour never tells anything that a sign or a word does not tell as well.
WRONG, SOON, WELL, CHOSEN, FAINT = "$wrong", "$soon", "$well", "$chosen", "$faint"
STRONG = "bold"


@dataclass(frozen=True, slots=True)
class Signs:
    """One set of glyphs; each is as wide in every terminal as it looks here."""

    states: dict[StepStatus, str]
    levels: dict[Level, str]
    next: str
    folded: str
    unfolded: str
    person: str
    wrong: str
    news: str
    star: str
    dot: str
    dash: str
    arrow: str
    branch: str
    more: str
    full: str
    mark: str
    empty: str
    spark: str
    met: dict[bool | None, str]


UNICODE = Signs(
    states={
        StepStatus.TODO: "□",
        StepStatus.RUNNING: "◐",
        StepStatus.DONE: "✓",
        StepStatus.FAILED: "✗",
        StepStatus.SKIPPED: "↷",
        StepStatus.UNKNOWN: "?",
        StepStatus.NOT_NEEDED: "–",
        StepStatus.UNDECIDED: "◇",
        StepStatus.PROVE_AGAIN: "↻",
    },
    levels={Level.OK: " ", Level.WARN: "▲", Level.CRITICAL: "✗", Level.UNKNOWN: "?"},
    next="▶",
    folded="▸",
    unfolded="▾",
    person="!",
    wrong="✗",
    news="i",
    star="★",
    dot="·",
    dash="–",
    arrow="→",
    branch="└",
    more="…",
    full="━",
    mark="┃",
    empty="─",
    spark="▁▂▃▄▅▆▇█",
    met={True: "✓", False: "✗", None: "?"},
)
ASCII = Signs(
    states={
        StepStatus.TODO: "[ ]",
        StepStatus.RUNNING: "[~]",
        StepStatus.DONE: "[x]",
        StepStatus.FAILED: "[F]",
        StepStatus.SKIPPED: "[s]",
        StepStatus.UNKNOWN: "[?]",
        StepStatus.NOT_NEEDED: "[-]",
        StepStatus.UNDECIDED: "[/]",
        StepStatus.PROVE_AGAIN: "[r]",
    },
    levels={Level.OK: " ", Level.WARN: "^", Level.CRITICAL: "F", Level.UNKNOWN: "?"},
    next=">",
    folded="+",
    unfolded="-",
    person="!",
    wrong="F",
    news="i",
    star="*",
    dot="-",
    dash="-",
    arrow="->",
    branch="\\",
    more="~",
    full="=",
    mark="|",
    empty="-",
    spark="",
    met={True: "[x]", False: "[F]", None: "[?]"},
)

STATE_STYLES = {
    StepStatus.TODO: "",
    StepStatus.RUNNING: CHOSEN,
    StepStatus.DONE: WELL,
    StepStatus.FAILED: WRONG,
    StepStatus.SKIPPED: FAINT,
    StepStatus.UNKNOWN: SOON,
    StepStatus.NOT_NEEDED: FAINT,
    StepStatus.UNDECIDED: SOON,
    StepStatus.PROVE_AGAIN: SOON,
}
LEVEL_STYLES = {Level.OK: "", Level.WARN: SOON, Level.CRITICAL: WRONG, Level.UNKNOWN: SOON}
LEVEL_WORDS = {Level.OK: "ok", Level.WARN: "warning", Level.CRITICAL: "critical", Level.UNKNOWN: "unknown"}
MET_STYLES = {True: WELL, False: WRONG, None: SOON}
_STEADY = 0.01
"""A figure that stays within this share of itself says nothing, and would be sent anew with every reading."""
_CURVED = 0.2
"""The share of itself that a small curve spans at least: a small change looks small."""
_WITHOUT = {WRONG: "bold", SOON: "bold", WELL: "", CHOSEN: "bold", FAINT: ""}
_NET = dict.fromkeys("│┃║▌▐█▁▂▃▄▅▆▇▔", "|") | dict.fromkeys("─━═–—", "-") | {"…": "~", "·": "-", "•": "*"}
_TYPOGRAPHY = str.maketrans(
    {"–": "-", "—": "-", "…": "...", "·": "-", "→": "->", "←": "<-", "⏎": "|", "“": '"', "”": '"', "‘": "'", "’": "'"}
)

JOINING = re.compile("[\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]")
"""Joiners, selectors of a variant and tones of skin: terminals do not agree on how wide what carries them is."""


class TextStyles:
    """Writes content for one terminal: with all glyphs, or in ASCII only."""

    def __init__(self, *, ascii: bool = False, colours: bool = True) -> None:
        self.ascii, self.colours = ascii, colours
        self.signs = ASCII if ascii else UNICODE

    def clean(self, text: str, *, newlines: bool = False) -> str:
        """Foreign text that is safe to show, of the same width in every terminal; ASCII only where the terminal has no
        more."""
        text = safe_text(text, newlines=newlines)
        if text.isascii():
            return text
        text = JOINING.sub("", text)
        if self.ascii:
            text = text.translate(_TYPOGRAPHY).encode("ascii", "replace").decode("ascii")
        return text

    def ink(self, text: str, style: str = "") -> Content:
        """Text from anywhere as one piece of content; never read as markup."""
        style = self.style(style)
        return Content.styled(self.clean(text), style) if style else Content(self.clean(text))

    def style(self, style: str) -> str:
        """A style for this terminal: without colours, weight says what colour would have stressed."""
        return (
            style
            if self.colours
            else " ".join(dict.fromkeys(_WITHOUT.get(word, word) for word in style.split())).strip()
        )

    @property
    def cursor(self) -> str:
        """The style of the line under the cursor."""
        return "on $cursor" if self.colours else "reverse"

    def state(self, status: StepStatus) -> Content:
        """The sign of a state in its colour."""
        return self.ink(self.signs.states[status], STATE_STYLES[status])

    def spark(self, numbers: list[float]) -> str:
        """A small curve of the numbers, oldest first; empty where it cannot be drawn or says nothing."""
        signs = self.signs.spark
        if not signs or len(numbers) < 4 or any(number != number for number in numbers):
            return ""
        low, high = min(numbers), max(numbers)
        if high - low <= abs(high) * _STEADY:
            return ""
        span = max(high - low, abs(high) * _CURVED)
        return "".join(signs[min(int((n - low) / span * len(signs)), len(signs) - 1)] for n in numbers)

    def use_bar(self, share: float, marks: Sequence[float], cells: int, style: str) -> Content:
        """How much of something is used, from 0 to 1, with a mark where it becomes worrying and where critical."""
        full = min(max(round(share * cells), 0), cells)
        at = {min(int(mark * cells), cells - 1) for mark in marks if 0 < mark < 1}
        line = "".join(
            self.signs.mark if cell in at else self.signs.full if cell < full else self.signs.empty
            for cell in range(cells)
        )
        return Content.assemble(self.ink(line[:full], style), self.ink(line[full:], FAINT))


class AsciiNet:
    """The last net of an ASCII terminal: what is still not ASCII becomes as many `?` as it had cells."""

    @staticmethod
    def catch(text: str, cells: int) -> str:
        """The text in ASCII, as wide as before."""
        kept = "".join(sign if sign.isascii() else _NET.get(sign, "?") for sign in text)
        return kept[:cells].ljust(cells)
