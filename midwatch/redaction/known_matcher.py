"""Finds known secrets in every reading of a stream: as a terminal shows the text, and as decoders turn it back."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from midwatch.redaction.byte_decoders import ByteDecoders
from midwatch.redaction.decoders import (
    Unescaped,
    is_encoded,
    unquoted,
)
from midwatch.redaction.known_search import Prepared, Search, Situation
from midwatch.redaction.lazy_pattern import lazy_pattern
from midwatch.redaction.literal_matcher import Patterns
from midwatch.redaction.variants import SHORTEST_PIECE, variants
from midwatch.redaction.visible_text import (
    is_hiding,
    project,
)

_REWRITTEN = lazy_pattern(rb"[^ -~]")
"""Without one of these, a form reads as it is."""
_ASCII = lazy_pattern(rb"[ -~]{%d,}" % SHORTEST_PIECE)
_CONTEXT_BYTES = 256
"""Bytes that were passed on and are read again, for what was shown of a secret and how the line began."""
_HELD_LIMIT_BYTES = 64 * 1024


class Span(NamedTuple):
    """A stretch of the raw bytes to mask; negative `start`: it began in what was passed on."""

    start: int
    end: int
    mark: str


class KnownMatcher:
    """Looks for known secrets in a stream."""

    def __init__(self, secrets: tuple[tuple[str, str], ...]) -> None:
        """`secrets`: mark and value of each."""
        self._secrets = secrets
        self._prepared = _prepared(secrets)
        self._context = b"\n"
        self._hidden_bytes = 0
        """So many bytes have to be passed on until no text is hidden in the context."""

    def add(self, mark: str, value: str) -> None:
        self._secrets = (*self._secrets, (mark, value))
        self._prepared = _prepared(self._secrets)

    def another(self) -> KnownMatcher:
        return KnownMatcher(self._secrets)

    def search(self, raw: bytes, escape: int | None, now: Situation) -> tuple[list[Span], list[int]]:
        """What to mask, and from where to hold back; `escape`: where an escape sequence begins that is cut off."""
        if not self._secrets:
            return [], []
        back = len(self._context)
        window = self._context + raw
        body = window if escape is None else window[: back + escape]
        search = Search(self._prepared, len(window), now, is_line_end=raw.endswith((b"\n", b"\r")))
        is_hidden = "hidden" in now.readings or self._hidden_bytes > 0
        search.read(body, window, is_hidden=is_hidden)
        spans = [
            Span(start - back if start >= back else -1, end - back, mark)
            for start, end, mark in search.found
            if end > back
        ]
        first = len(raw) - _HELD_LIMIT_BYTES
        return spans, [max(0, first, hold - back) for hold in search.holds]

    def passed(self, raw: bytes, now: Situation) -> None:
        """`raw` was passed on."""
        self._hidden_bytes = _CONTEXT_BYTES if "hidden" in now.readings else self._hidden_bytes - len(raw)
        self._context = (self._context + raw[-_CONTEXT_BYTES:])[-_CONTEXT_BYTES:]


@lru_cache(maxsize=16)
def _prepared(secrets: tuple[tuple[str, str], ...]) -> Prepared:
    """Made once for each set of secrets."""
    plain: dict[bytes, str] = {}
    for mark, value in secrets:
        for form in variants(value):
            plain.setdefault(form, mark)
    shown: dict[bytes, str] = {}
    without_quotes: dict[bytes, str] = {}
    for form, mark in plain.items():
        read = project(form).text if _REWRITTEN.search(form) else form
        shown.update({text: shown.get(text, mark) for text in (read, form) if len(text) >= SHORTEST_PIECE})
        if (
            len(meant := unquoted(project(Unescaped(read).text).text).text if is_encoded(read) else read)
            >= SHORTEST_PIECE
        ):
            without_quotes.setdefault(meant, mark)
    patterns = Patterns(plain)
    visible_patterns = patterns if shown == plain else Patterns(shown)
    return Prepared(
        patterns,
        visible_patterns,
        visible_patterns if without_quotes == shown else Patterns(without_quotes),
        Patterns(
            {
                bare: mark
                for form, mark in shown.items()
                if len(bare := form.replace(b" ", b"")) in range(SHORTEST_PIECE, len(form))
            }
        ),
        frozenset(b"".join(shown)),
        ByteDecoders(
            visible_patterns,
            [form for form in plain if not _ASCII.search(form)],
            has_short=any(max(map(len, _ASCII.findall(form)), default=0) == SHORTEST_PIECE for form in plain),
        ),
        any(is_hiding(form) for form in plain),
    )
