"""The errors of a program of PostgreSQL, out of what it writes to standard error: each with its reasons, none at any
length.

`pg_dump` quotes the statement that failed, which may name thousands of tables; the server's detail, hint and context
stand on lines of their own around it. Statements are left out, reasons are kept.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from midwatch.system.shortened import shortened

if TYPE_CHECKING:
    import psycopg

ERRORS_KEPT = 200
_LINE_LIMIT_BYTES = 4096
_SHOWN = 300
"""Characters of one line that are shown."""
_REASONS = 9
_CONTINUED = 2
"""Lines of one reason that are kept, beside its first: a detail may list hundreds of things before the hint comes."""
_PREFIXED = re.compile(r"^(?:pg_\w+|psql)(?::\S*)?: (?:(error|warning|detail|hint): )?(.*)$")
_LABELLED = re.compile(r"^([^\s:][^:]{0,40}):  (.*)$")
"""As libpq writes a part of a server's message, in any language: `ERROR:  …`, `DETAIL:  …`."""
_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.*) \S+$")
_LAST_PART = (
    *(
        "INDEX",
        "STATISTICS",
        "CONSTRAINT",
        "CHECK CONSTRAINT",
        "FK CONSTRAINT",
        "TRIGGER",
        "EVENT TRIGGER",
        "RULE",
        "POLICY",
    ),
    *("ROW SECURITY", "PUBLICATION", "SUBSCRIPTION", "ACL", "DEFAULT ACL", "COMMENT", "SECURITY LABEL"),
)
"""Kinds of entries of an archive without which all rows are there."""
_STATEMENTS = ("Query was:", "Command was:", "The command was:", "QUERY:", "STATEMENT:")
_FROM_SERVER = "Error message from server: "


@dataclass(slots=True)
class ClientError:
    """One error. All of it is foreign text."""

    text: str
    """What failed and what the server said: `query failed: out of shared memory`."""
    entry: str = ""
    """The object of an archive that was restored: `INDEX t t_upper`."""
    reasons: list[str] = field(default_factory=list)
    """Details, hints and contexts: `HINT: You might need to increase "max_locks_per_transaction".`"""

    @property
    def is_of_last_part(self) -> bool:
        """Whether it is about an object of the last part of an archive, after all rows: an index, a constraint, a
        right."""
        return self.entry.startswith(tuple(f"{kind} " for kind in _LAST_PART))

    def __str__(self) -> str:
        text = f"{self.entry}: {self.text}" if self.entry else self.text
        return f"{text} ({'; '.join(self.reasons)})" if self.reasons else text


class ClientErrors:
    """Takes in standard error as it comes. Memory stays small, whatever is written there."""

    def __init__(self, verbose: Callable[[str], None] = lambda text: None) -> None:
        """`verbose` is told what the program says it does, with `--verbose`."""
        self.errors: list[ClientError] = []
        self.count = 0
        """Of all errors; the first `ERRORS_KEPT` are kept."""
        self._verbose = verbose
        self._line, self._entry, self._last, self._quoting = b"", "", "", False
        self._current: ClientError | None = None
        self._continued = 0
        self._other: deque[str] = deque(maxlen=5)

    @classmethod
    def of(cls, said: str) -> ClientErrors:
        """The errors in all that a program said."""
        found = cls()
        found.feed(said.encode())
        found.end()
        return found

    @property
    def text(self) -> str:
        """Every error that is kept, and the last lines that are none."""
        return "\n".join([*map(str, self.errors), *self._other])

    @property
    def first(self) -> str:
        """The first error with its reasons; without one the last line; empty when nothing was said."""
        return str(self.errors[0]) if self.errors else next(reversed(self._other), self._last)

    def feed(self, data: bytes) -> None:
        """Take in the next part."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._take((self._line + line)[:_LINE_LIMIT_BYTES].decode("utf-8", "replace").rstrip("\r"))
            self._line = b""
        self._line = (self._line + rest)[:_LINE_LIMIT_BYTES]

    def end(self) -> None:
        """Take in a last line that nothing ended."""
        if self._line:
            self.feed(b"\n")

    def _take(self, line: str) -> None:
        prefixed = _PREFIXED.match(line)
        severity, text = (prefixed[1], prefixed[2]) if prefixed else (None, line)
        if severity == "error" or (line.startswith("psql:") and _LABELLED.match(text)):
            self._begin(text)
        elif severity in ("detail", "hint"):
            self._continued = -1
            self._reason(text)
        elif prefixed:
            self._current, self._quoting = None, False
            if found := _ENTRY.match(text):
                self._entry = found[1]
            elif text.startswith("while "):
                self._entry = ""
            elif severity is None:
                self._last = shortened(text, _SHOWN)
                self._verbose(text)
        elif self._current is not None:
            self._reason(text)
        elif text.strip() and not self._quoting:
            self._other.append(shortened(text, _SHOWN))

    def _begin(self, text: str) -> None:
        self.count += 1
        self._quoting, self._current = False, ClientError(shortened(_unlabelled(text), _SHOWN), self._entry)
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(self._current)

    def _reason(self, text: str) -> None:
        if text.startswith(_STATEMENTS):
            self._quoting = True  # its lines go on until something has a prefix or a label
            return
        labelled = _LABELLED.match(text)
        if (
            self._current is None
            or (self._quoting and not labelled)
            or not text.strip()
            or text.startswith(("LINE ", " ", "\t"))
        ):
            return
        self._quoting = False
        if text.startswith(_FROM_SERVER):
            text = _unlabelled(text.removeprefix(_FROM_SERVER))
        elif labelled:
            text = f"{labelled[1]}: {labelled[2]}"
        self._continued = 0 if labelled else self._continued + 1
        if len(self._current.reasons) < _REASONS and self._continued <= _CONTINUED:
            self._current.reasons.append(shortened(text, _SHOWN))


def server_reason(error: psycopg.Error) -> str:
    """What a server says of a statement that failed: the message with detail, hint and context."""
    found = error.diag
    text = found.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
    labelled = (("DETAIL", found.message_detail), ("HINT", found.message_hint), ("CONTEXT", found.context))
    reasons = [shortened(f"{label}: {' '.join(part.split())}", _SHOWN) for label, part in labelled if part]
    return str(ClientError(shortened(text, _SHOWN), reasons=reasons))


def _unlabelled(text: str) -> str:
    """`query failed: ERROR:  out of memory` without the label."""
    return re.sub(r"(?:^|(?<=: ))[^\s:]+:  ", "", text, count=1)
