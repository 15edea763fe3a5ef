"""Where the value of a secret stands: settings, options of commands, headers, files, statements. One row a place.

The patterns are written here; the facts are the documentation of the programs, and what gitleaks and detect-secrets
look for.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from midwatch.redaction.lazy_pattern import lazy_pattern


class Value(Enum):
    """How the value that follows is read."""

    SETTING = auto()
    """After `=`, `:` or `=>`: a word, a quoted string, a block, a list."""
    WORD = auto()
    """A word or a quoted string."""
    SQL = auto()
    """A quoted string, or a word that is no word of the statement."""
    USER_AND_PASSWORD = auto()
    """What follows the first `:` (`%` and `/` where the program has it so) of a word or quoted string."""
    LINE = auto()
    """All to the end of the line, or to the quote around it."""
    COOKIE = auto()
    """What follows the first `=`, up to `;`."""
    ELEMENT = auto()
    """Up to `<`."""
    PATH_PART = auto()
    """Characters of one address, up to its end."""
    USER_INFO = auto()
    """`PASSWORD@host` of a URI."""
    BEFORE = auto()
    """What stands before the keyword: the first group of what the text there has to end with."""
    KEY_BLOCK = auto()
    PUTTY = auto()
    DIGEST = auto()
    """A run of letters, digits, `.` and `/`."""
    PIECE = auto()
    """The piece of a connection string that libpq quotes in its complaint."""


class Test(Enum):
    """Which values are masked."""

    ANY = auto()
    """All but empty ones and our own marks."""
    ADDRESS = auto()
    """All but placeholders."""
    PASSWORD = auto()
    """All but placeholders and words about a password."""
    TOKEN = auto()
    """The same, and no small number."""
    MIXED = auto()
    """Only what is no word of a language."""
    RANDOM = auto()
    """The same, and no word with a number behind."""


class Context(NamedTuple):
    """One place where a secret stands."""

    name: str
    source: str
    """The documentation of the program, a standard, or the lists that have the place."""
    keywords: tuple[bytes, ...]
    """Lower-case words, one of which begins every head."""
    head: re.Pattern[bytes]
    """What stands between the beginning of the keyword and the value."""
    before: re.Pattern[bytes] | None
    """What the text before the keyword, on the same line, has to end with."""
    value: Value
    test: Test
    reach: int
    """Bytes before the keyword in which that is looked for."""


def row(
    name: str,
    source: str,
    keywords: str,
    head: bytes,
    value: Value,
    test: Test = Test.PASSWORD,
    before: bytes = b"",
    *,
    reach: int = 240,
) -> Context:
    """`keywords` are parted by `|`; `before` is looked for at the end of what precedes the keyword."""
    words = tuple(word.encode() for word in keywords.split("|"))
    ends = lazy_pattern(rb"(?:" + before + rb")\Z", re.I) if before else None
    return Context(name, source, words, lazy_pattern(head, re.I), ends, value, test, reach)


def command(names: bytes) -> bytes:
    """What precedes an option of these commands."""
    return rb"(?:^|[\s/\"'`;|&(])(?:" + names + rb")\b[^\n|;&]*?\s"


SUFFIX = (
    rb"(?:s(?![a-z])|[_.-]?\d{1,3}|[_.-]?(?:value|data|base64|base|b64|hash|hex|string|str|plain"
    rb"|plaintext|text|raw|new|old"
    rb"|current|primary|secondary|prod|production|staging|dev|test|root|admin|master|replica|override|encrypted)"
    rb"(?![a-z]))?"
)
CLOSE = rb"(?:\\{0,7}[\"'`])?\]?"
SIGN = (
    rb"[ \t]{0,40}(?:\\{0,7}u003d|%3d|:=|=>|={1,3}|\?="
    rb"|:(?![:/])(?:\s{1,40}(?=\\{0,7}[\"']))?)[ \t]{0,40}(?:!!\w+[ \t]+)?"
    rb"(?:(?:u&|[nebrfu@$])(?=[\"']))?"
)
PASS = rb"pass(?:word|wd|phrase|code|[_-]phrase)"
