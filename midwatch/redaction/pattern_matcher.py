"""Finds what looks like a secret, whoever's it is, in a stream that arrives in pieces."""

from __future__ import annotations

from functools import cache
from operator import itemgetter
from typing import NamedTuple

from midwatch.redaction.contexts import Context, Value
from midwatch.redaction.file_contexts import BEGUN_LINE, LINE, LINES
from midwatch.redaction.lazy_pattern import lazy_pattern
from midwatch.redaction.readers import Reading, read
from midwatch.redaction.token_format import Token
from midwatch.redaction.triggers import SCHEME_END, triggers
from midwatch.redaction.values import Extent
from midwatch.redaction.variants import SHORTEST_PIECE

CONTEXT_BYTES = 512
_LINE_BYTES = 240
_UNDECIDED_BYTES = 160
"""A value of which so much has come is decided on, though its end has not come."""
_HEAD_BYTES = 160
"""So long a line is waited for behind a keyword: what its value is depends on what follows."""
_LONGEST_TOKEN_BYTES = 16384
_SHOWN_WHEN_IDLE_BYTES = 2
_LONGEST_ADDRESS_BYTES = 2304
_BLANK = lazy_pattern(rb"\s")
_LINE_END = lazy_pattern(rb"[\r\n]")
_FILLED = lazy_pattern(rb"([xX])\1{5}")
"""What people write in the place of a token."""
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_GLUED = lazy_pattern(rb"(?:\\[nrt]|%[0-9A-Fa-f]{2}|u00[0-9a-f]{2})\Z")
_LONGEST_PAIR_BYTES = 200
_MAYBE_ADDRESS = lazy_pattern(rb"(?:^|[\"'=`(])([\w.-]{1,64}:[^\s@/\"'\\:]{1,128}(?:@(?:t(?:c(?:p)?)?)?)?)\Z")
_MAILCHIMP_BACKWARDS = lazy_pattern(rb"(?:[0-9a-f]{1,32}|(?:(?:\d?s)?u)?-[0-9a-f]{32})(?=\W|\Z)")


class Hit(NamedTuple):
    """A stretch to mask; positions count from the first byte not passed on yet."""

    start: int
    end: int
    extent: Extent
    is_open: bool = False
    """Whether the value goes on in what has not come."""


class _Look(NamedTuple):
    """What one look at one place found."""

    hit: tuple[int, int, Extent, bool] | None = None
    hold: int | None = None


_NOTHING = _Look()


class PatternMatcher:
    """Looks for shapes in a stream."""

    def __init__(self) -> None:
        self._triggers = triggers()
        self._context = b"\n"
        self._inside: Extent | None = None
        self._inside_left = 0
        self.readings: set[str] = set()
        """In which other ways the last text is to be read."""

    def search(self, text: bytes, *, final: bool, idle: bool, cut: bool = False) -> tuple[list[Hit], int | None]:
        """What to mask in `text`, and from where it must be held back."""
        hits: list[Hit] = []
        holds: list[int] = []
        window, back = self._context + text, len(self._context)
        if self._inside is not None and text:
            match = self._inside.more.match(text, 0, self._inside_left)
            end = match.end() if match else 0
            closed = self._closed(self._inside, text, end) or end >= self._inside_left
            hits.append(Hit(-1, end, self._inside, not closed))
            if not (closed or final) and end < len(text):
                holds.append(end + back)
        automaton, rows, readings, scheme_end, _, _ = self._triggers
        found = automaton.find(window.lower())
        if addresses := _scheme_ends(window):
            found = sorted([*found, *((scheme_end, at, at + 3) for at in addresses)], key=itemgetter(2))
        seen: set[str] = set()
        masked_to: dict[int, int] = {}
        for index, start, end in found:
            if reading := readings[index]:
                if reading != "control" or (start and window[start - 1] < 128):
                    seen.add(reading)
                continue
            if start < masked_to.get(index, 0):
                continue
            if holds and start > min(holds):  # looked at when the rest has come
                continue
            for row in rows[index]:
                look = (
                    self._token(row, window, start, final=final, idle=idle, cut=cut)
                    if isinstance(row, Token)
                    else self._place(row, window, start, end, final=final, idle=idle, cut=cut)
                )
                if look is not _NOTHING:
                    masked = _take(look, back, hits, holds, final=final)
                    if masked - start > CONTEXT_BYTES or (masked and isinstance(row, Token)):
                        masked_to[index] = masked
        for line in LINE.finditer(window, max(0, window.rfind(b"\n", 0, back))):
            for row in LINES:
                look = self._place(row, window, line.start("colon"), line.end("colon"), final=final, idle=idle, cut=cut)
                _take(look, back, hits, holds, final=final)
        self.readings = seen
        if not (final or idle) and (begun := self._begun(window)) is not None:
            holds.append(begun)
        return hits, max(0, min(holds) - back) if holds else None

    def _token(self, token: Token, window: bytes, start: int, *, final: bool, idle: bool, cut: bool) -> _Look:
        if (
            not token.glued
            and start
            and window[start - 1] in _LETTERS
            and not _GLUED.search(window, max(0, start - 8), start)
        ):
            return _NOTHING
        run = token.characters.match(window, start, start + token.longest + 1)
        if run is None:
            return _NOTHING
        end = run.end()
        if end - start > token.longest and token.complete.match(window, start, end):
            end = token.characters.match(window, start, start + _LONGEST_TOKEN_BYTES).end()  # type: ignore[union-attr]
        is_open = end == len(window) and end - start < _LONGEST_TOKEN_BYTES
        complete = (
            token.complete.fullmatch(window, start, end) if token.exact else token.complete.match(window, start, end)
        )
        if is_open and not final:
            if idle and complete is None and end - start <= max(map(len, token.begins)) + _SHOWN_WHEN_IDLE_BYTES:
                return _NOTHING
            if end - start < token.longest and not (idle and complete):
                return _Look(hold=start)
        if complete is not None and _FILLED.search(window, start, end):
            return _NOTHING
        if complete is not None:
            return _Look((start, end, _run_of(token), is_open))
        if is_open and cut and end - start >= SHORTEST_PIECE:
            return _Look((start, end, _run_of(token), False))
        return _NOTHING

    def _place(self, row: Context, window: bytes, start: int, end: int, *, final: bool, idle: bool, cut: bool) -> _Look:
        reach = start + _LONGEST_ADDRESS_BYTES
        if (
            row.keywords == SCHEME_END
            and window.find(b"@", start, reach) < 0
            and (reach <= len(window) or _BLANK.search(window, start, reach))
        ):
            return _NOTHING
        head = row.head.match(window, start)
        if (
            not (final or idle or row.value is Value.BEFORE)
            and len(window) - start < _HEAD_BYTES
            and not _LINE_END.search(window, start + 1)
        ):
            return _Look(hold=head.end() if head else end)
        if head is None:
            return _NOTHING
        if row.before is not None:
            line = self._line(window, start)
            if not row.before.search(line, max(0, len(line) - row.reach)):
                return _NOTHING
        reading = read(row, window, start, head.end())
        if reading is None:
            return _NOTHING
        return self._value(reading, window, final=final, idle=idle, cut=cut)

    def _line(self, window: bytes, start: int) -> bytes:
        """What stands on the line before this place, and for what is spread over lines the line before that."""
        before = window[max(0, start - _LINE_BYTES) : start]
        at = before.rfind(b"\n", 0, max(0, before.rfind(b"\n")))
        return before[at + 1 :]

    def _value(self, reading: Reading, window: bytes, *, final: bool, idle: bool, cut: bool) -> _Look:
        start = reading.start
        if reading.is_open and not final:
            return _NOTHING if idle and reading.shown_when_idle else _Look(hold=start)
        more, longest = reading.extent.more, reading.extent.longest
        match = more.match(window, start, start + min(longest, CONTEXT_BYTES))
        end = match.end() if match else start
        if end - start == CONTEXT_BYTES and not reading.is_open and reading.gives_away(window[start:end]):
            match = more.match(window, start, start + longest)
            end = match.end() if match else start
        closed = self._closed(reading.extent, window, end)
        if not closed and not final and not idle and end - start < _UNDECIDED_BYTES:
            return _Look(hold=start)
        if reading.is_open and cut and not reading.shown_when_idle and len(window) - start >= SHORTEST_PIECE:
            return _Look((start, len(window), reading.extent, False))
        if end <= start or not reading.gives_away(window[start:end]):
            return _NOTHING
        return _Look((start, end, reading.extent, not closed), hold=end if not closed and end < len(window) else None)

    def _closed(self, extent: Extent, window: bytes, end: int) -> bool:
        """Whether enough stands behind the end to know that it is the end."""
        if len(window) - end < extent.peek:
            return False
        return extent.unsure is None or not extent.unsure.match(window, end)

    def _begun(self, window: bytes) -> int | None:
        """Where a token may begin of which only the first letters have come, or a name and password before `@tcp(`."""
        begun: list[int] = []
        lengths = self._triggers.lengths
        for count in (*lengths.get(window[-1:], ()), *lengths.get(window[-2:], ())):
            at = len(window) - count
            if at < 0:
                continue
            is_glued = self._triggers.beginnings.get(window[at:])
            if is_glued is not None and (
                is_glued or not at or window[at - 1] not in _LETTERS or _GLUED.search(window, max(0, at - 8), at)
            ):
                begun.append(at)
        tail = b" " if window[-1:].isspace() else window[-_LONGEST_PAIR_BYTES:].rsplit(None, 1)[-1]
        if b":" in tail and (found := _MAYBE_ADDRESS.search(tail)):
            begun.append(len(window) - len(tail) + found.start(1))
        if found := _MAILCHIMP_BACKWARDS.match(tail[:-40:-1]):
            begun.append(len(window) - found.end())
        if found := BEGUN_LINE.match(window, max(0, window.rfind(b"\n", -100))):
            begun.append(found.start(1))
        return min(begun, default=None)

    def passed(self, text: bytes, hits: list[Hit]) -> None:
        """`text` was passed on; a hit that reaches its end goes on in what comes."""
        was, self._inside = self._inside, None
        for hit in hits:
            if (hit.is_open and hit.start < len(text) <= hit.end) or hit.start < len(text) < hit.end:
                before = self._inside_left if was is hit.extent and hit.start < 0 else hit.extent.longest
                left = before - len(text[max(0, hit.start) :])
                if left > 0:
                    self._inside, self._inside_left = hit.extent, left
        if not text:
            self._inside = was
        self._context = (self._context + text[-CONTEXT_BYTES:])[-CONTEXT_BYTES:]


def _scheme_ends(window: bytes) -> list[int]:
    """Where an address may have a password: each `://`, without an `@` only one in the last word."""
    at = max(window.rfind(b" "), window.rfind(b"\n"), -1) if b"@" not in window else -1
    places = []
    while (at := window.find(SCHEME_END[0], at + 1)) >= 0:
        places.append(at)
    return places


def _take(look: _Look, back: int, hits: list[Hit], holds: list[int], *, final: bool) -> int:
    """Where the masked stretch of a look ends, or 0."""
    holds += [look.hold] if look.hold is not None and not final else []
    if look.hit is None or look.hit[1] <= back:
        return 0
    first, last, extent, is_open = look.hit
    hits.append(Hit(first - back, last - back, extent, is_open))
    return last


@cache
def _run_of(token: Token) -> Extent:
    """What may follow a token of which enough has come."""
    pattern = token.characters.pattern
    characters = pattern[pattern.rindex(b")") + 1 : pattern.rindex(b"{")]
    return Extent(lazy_pattern(characters + b"*"), longest=_LONGEST_TOKEN_BYTES)
