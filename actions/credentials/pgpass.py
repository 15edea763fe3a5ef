"""The bastion's `.pgpass`: parsed like libpq does, and edited one line at a time.

Format: PostgreSQL documentation, "The Password File". `host:port:database:user:password`, first match wins, `*` matches
anything, `:` and `\\` are escaped with `\\`, and libpq passes over a file that others may read.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.errors import Failed, in_words
from midwatch.system.trust import Trust, UntrustedFile
from midwatch.system.trusted_files import read_regular, read_trusted

_LIMIT_BYTES = 4 << 20

_FIELD = re.compile(r"(?:\\.|[^:])*")
_LOST_BACKSLASH = re.compile(r"(?:[^\\]|\\[\\:])*\\(?![\\:]|$)")
UNFINISHED = ".pgpass-midwatch-"
"""Beginning of the name of a file that is not published yet; one that lies there was left by a run that was killed."""
LEFT = "what a run that did not end left beside it"
_HERE = ("localhost", "127.0.0.1", "::1")
"""One machine to people, three hosts to libpq."""
Former = Sequence[tuple[int, str]]
"""Lines that were taken out, each with its place, counted from 0."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a line of the file has to match."""

    host: str
    port: int
    database: str
    user: str

    def matches(self, fields: Sequence[str]) -> bool:
        """Whether the first four fields of a `.pgpass` line apply to this login."""
        wanted = (self.host, str(self.port), self.database, self.user)
        return all(field in ("*", want) for field, want in zip(fields[:4], wanted, strict=True))

    def owns(self, fields: Sequence[str]) -> bool:
        """Whether the line is this login's own, in whatever database: a line with a `*` serves other logins too."""
        return (fields[0], fields[1], fields[3]) == (self.host, str(self.port), self.user)


@dataclass(frozen=True, slots=True)
class Held:
    """A password that the file holds for a login, and how it is found there."""

    how: str
    """Empty for what libpq itself would send."""
    password: str

    def __repr__(self) -> str:
        return f"Held({self.how})"


def fields_of(line: str) -> list[str] | None:
    """The five fields as libpq takes them; None for a comment, an empty line, or one that it would pass over.

    A `:` that is not escaped ends the password, whatever follows.
    """
    found = _split(line)
    return None if found is None else [*found[0], _unescape(_match(found[1]))]


def _split(line: str) -> tuple[list[str], str] | None:
    """The first four fields, and the rest as it is written."""
    line = line.rstrip("\r")
    if not line.strip() or line.startswith("#"):
        return None
    found, rest = [], line
    for _ in range(4):
        field = _match(rest)
        if len(field) >= len(rest):
            return None
        found.append(_unescape(field))
        rest = rest[len(field) + 1 :]
    return found, rest


def _match(text: str) -> str:
    match = _FIELD.match(text)
    assert match is not None
    return match[0]


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def escape(text: str) -> str:
    """A field as it stands in the file."""
    return text.replace("\\", "\\\\").replace(":", "\\:")


def passwords(path: Path, login: Login) -> Iterator[str]:
    """Every password that a matching line holds, the one that libpq takes first. A file that is not there holds
    none."""
    for line in _lines(path):
        fields = fields_of(line)
        if fields and login.matches(fields):
            yield fields[4]


def held(path: Path, login: Login) -> Iterator[Held]:
    """Every password that the file may hold for this login: as libpq takes it first, then as somebody may have meant
    it.

    Meant is a password whose `:` or `\\` was not escaped, and one that stands under another name of this same machine.
    Also what a run that was killed left unfinished beside the file.
    """
    lines = [(number, found) for number, line in enumerate(_lines(path), 1) if (found := _split(line)) is not None]
    matching = [(number, rest) for number, (fields, rest) in lines if login.matches(fields)]
    for order, (number, rest) in enumerate(matching):
        yield Held("" if order == 0 else f"line {number}", _unescape(_match(rest)))
    for number, rest in matching:
        for meant in (rest, _unescape(rest)):
            yield Held(f"line {number} as it is written", meant)
    for number, (fields, rest) in lines:
        if _twin(fields, login):
            yield Held(f"line {number}, for {fields[0]}", _unescape(_match(rest)))
    for left in unfinished(path):
        with contextlib.suppress(UntrustedFile, OSError):
            content = read_trusted(left, Trust.own().shared().secret(), limit_bytes=_LIMIT_BYTES)
            for fields in filter(None, map(fields_of, _split_lines(content))):
                if login.matches(fields):
                    yield Held(LEFT, fields[4])


def unfinished(path: Path) -> list[Path]:
    """Files beside it that were written and never became the file."""
    return sorted(Path(os.path.realpath(path)).parent.glob(f"{UNFINISHED}*"))


def faults(path: Path, login: Login) -> list[str]:
    """What is wrong with the file for this login, each in a sentence without a secret."""
    found = []
    if readable_by_others(path):
        found.append("others may read it, so libpq passes over all of it: its mode has to be 0600")
    first: tuple[int, list[str], str] | None = None
    twins, is_served = list[str](), False
    for number, line in enumerate(_lines(path), 1):
        split = _split(line)
        if split is None:
            continue
        fields, rest = split
        if not is_text(line):
            found.append(f"line {number} is not UTF-8 text: it stays as it is, and its password is not tried")
            continue
        if _twin(fields, login):
            twins.append(
                f"line {number} is for {fields[0]}, and the login is to {login.host}: to libpq they are two hosts"
            )
            found.append(twins[-1])
        if not login.matches(fields):
            continue
        before = len(found)
        if len(_match(rest)) < len(rest):
            found.append(
                f"line {number} has a ':' in its password without a '\\' before it: libpq takes only what is before"
            )
        if _LOST_BACKSLASH.match(rest):
            found.append(f"line {number} has a '\\' in its password that is not written '\\\\': libpq leaves it out")
        password = _unescape(_match(rest))
        is_for_others = first is not None and fields[0] == "*" != first[1][0]
        if first is None:
            first, is_served = (number, fields, password), len(found) == before
        elif password != first[2] and not is_for_others:
            found.append(f"line {number} is never read: line {first[0]} matches first")
    return [fault for fault in found if not (is_served and fault in twins)]  # then a twin is another server's


def _twin(fields: Sequence[str], login: Login) -> bool:
    other = [login.host, *fields[1:4]]
    return fields[0] != login.host and fields[0] in _HERE and login.host in _HERE and login.matches(other)


def is_text(text: str) -> bool:
    """Whether every byte of this line or password was UTF-8; what is not is kept byte for byte and never sent
    anywhere."""
    return not any("\udc80" <= char <= "\udcff" for char in text)


def _lines(path: Path) -> list[str]:
    """As libpq has lines: a newline ends one and nothing else does. Bytes that are no UTF-8 stay as surrogates."""
    try:
        return _split_lines(read_regular(path, limit_bytes=_LIMIT_BYTES))
    except FileNotFoundError:
        return []
    except (OSError, Failed) as error:
        raise Failed(
            f"{path} cannot be read: {in_words(error)}", hint="Its owner must be you, its mode 0600"
        ) from error


def _split_lines(content: bytes) -> list[str]:
    text = content.decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").split("\n") if text else []


def without(path: Path, login: Login) -> tuple[list[str], list[tuple[int, str]]]:
    """The file's lines that are not this login's own, and those that are, with their places."""
    others: list[str] = []
    former: list[tuple[int, str]] = []
    for place, line in enumerate(_lines(path)):
        fields = fields_of(line)
        if fields is not None and login.owns(fields):
            former.append((place, line))
        else:
            others.append(line)
    return others, former


def readable_by_others(path: Path) -> bool:
    """Whether libpq will pass over the file because its mode is wider than 0600."""
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    except OSError:
        return False
