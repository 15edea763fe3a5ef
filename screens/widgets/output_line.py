"""One line of a step's output as it is shown: coloured by the mark that it begins with, and what a search found in
it."""

from __future__ import annotations

import re

from textual.content import Content

from screens.widgets.styles import CHOSEN, SOON, WELL, WRONG, TextStyles

_MARKS = (
    (re.compile(r"^\W{0,2}(?:\S+ \S+ )?\[?(?:ERROR|FAILURE|FATAL|CRITICAL)\b|^midwatch: |Traceback"), WRONG),
    (re.compile(r"\[(?:EMERGENCY|WARNING|ALERT)\]|^(?:WARNING|warning):"), SOON),
    (re.compile(r"^\[OK\]"), WELL),
)


def matches(term: str, text: str) -> list[re.Match[str]]:
    """Where a search finds its term; one without capitals finds capitals too."""
    flags = re.NOFLAG if term.lower() != term else re.I
    return list(re.finditer(re.escape(term), text, flags)) if term else []


def styled_line(raw: str, styles: TextStyles, term: str, *, found: bool) -> Content:
    """The line, safe to show; `found` marks the one at which the search has come to."""
    text = styles.clean(raw)
    content = styles.ink(text, next((style for mark, style in _MARKS if mark.search(text)), ""))
    for match in matches(term, text):
        style = styles.style(f"reverse {CHOSEN}" if found else "reverse")
        content = content.stylize(style, match.start(), match.end())
    return content
