"""One search for known secrets in every reading of a text: as a terminal shows it, and as decoders turn it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from midwatch.redaction.byte_decoders import ByteDecoders
from midwatch.redaction.decoders import (
    Unescaped,
    is_encoded,
    is_escaped,
    is_printable,
    printable,
    unfinished,
    unfinished_printable,
    unquoted,
)
from midwatch.redaction.dump_decoder import AsLine, dumps, unfinished_line
from midwatch.redaction.lazy_pattern import lazy_pattern
from midwatch.redaction.literal_matcher import Occurrence, Patterns
from midwatch.redaction.variants import SHORTEST_PIECE
from midwatch.redaction.visible_text import (
    VisibleText,
    blankless,
    has_control_inside,
    has_hidden,
    has_opener,
    is_hiding,
    payloads,
    project,
    typed,
    typed_payloads,
    unfinished_escape,
    unwrapped,
    visible,
    with_widthless,
    without_controls,
)

_SHOWN_WHEN_IDLE = 2
"""Bytes that may be the beginning of a secret and are shown all the same when nothing follows for a moment."""
_TOLD_BYTES = 4
"""So much of a secret is recognised in base64 and hexadecimal digits when a step is killed: less is there by
accident."""
_DEEPEST = 3
"""So many times base64, hexadecimal digits and dumps are decoded one inside of the other."""
_MOST_STEPS = 10
_PRINTABLE_END = lazy_pattern(rb"=(?:[0-9A-Fa-f]{0,2}\Z|[ \t]{0,4}\r?(?:\n|\Z)|[0-9A-Fa-f]{2})")
_RUN_END = lazy_pattern(rb"[A-Za-z0-9+/_-]{1,4}\Z")


class Situation(NamedTuple):
    """At what moment of the stream it is read, and which readings its characters ask for."""

    final: bool
    idle: bool
    cut: bool
    readings: set[str]
    """The other ways to read the visible text."""


if TYPE_CHECKING:

    class _Step(Protocol):
        @property
        def text(self) -> bytes: ...

        def source(self, index: int) -> tuple[int, int]: ...


class _Part:
    """A part of a text."""

    def __init__(self, text: bytes, start: int, end: int | None) -> None:
        self.text, self._start = text[start:end], start

    def source(self, index: int) -> tuple[int, int]:
        return self._start + index, self._start + index + 1


class _Reading:
    """A text, and the way back through what was read before to the bytes of the stream."""

    def __init__(self, steps: tuple[_Step, ...], depth: int, *, is_open: bool) -> None:
        self.steps, self.depth, self.is_open = steps, depth, is_open
        self.text = steps[-1].text

    def source(self, index: int) -> tuple[int, int]:
        start, end = index, index + 1
        for step in reversed(self.steps):
            start, end = step.source(start)[0], step.source(end - 1)[1]
        return start, end

    def then(self, *steps: _Step) -> _Reading:
        return _Reading((*self.steps, *steps), self.depth, is_open=self.is_open)


class Prepared(NamedTuple):
    """What is searched: in the bytes, in visible text, in text without quotes and in text without blanks."""

    plain: Patterns
    shown: Patterns
    unquoted: Patterns
    blankless: Patterns
    """Those that have blanks, without them."""
    letters: frozenset[int]
    """The bytes of all."""
    byte_decoders: ByteDecoders
    has_widthless: bool
    """Whether characters without width belong to a secret."""


class Search:
    """One search in all readings of one stretch of the stream."""

    def __init__(self, prepared: Prepared, size: int, now: Situation, *, is_line_end: bool) -> None:
        self._prepared, self._size, self._now = prepared, size, now
        self._is_line_end = is_line_end
        self._waits = not now.final
        self._is_open = self._waits or now.cut
        """Whether what the end cuts off matters."""
        self.found: list[tuple[int, int, str]] = []
        self.holds: list[int] = []

    def read(self, body: bytes, window: bytes, *, is_hidden: bool) -> None:
        """Search every reading; `body`: the window without the escape sequence that its end cuts off."""
        now = self._now
        whole = _Reading((VisibleText(body, body),), 0, is_open=self._is_open)
        has_tabs = b"\t" in body
        for steps in self._views(body, window, is_hidden=is_hidden, is_wrapped="wrapped" in now.readings):
            shown = steps[-1].text
            is_marked = (
                "encoded" in now.readings or (is_hidden and is_encoded(shown)) or (has_tabs and is_escaped(shown))
            )
            self._look(_Reading(steps, 0, is_open=self._is_open), is_marked=is_marked)
        if "wrapped" in now.readings:
            self._match(whole.then(blankless(body)), self._prepared.blankless)
        self._look_printable(whole, is_marked=is_hidden or "printable" in now.readings)
        if is_hidden or body is not window:
            self._match(_Reading((VisibleText(window, window),), 0, is_open=self._is_open), self._prepared.plain)
        lines = visible(body) if is_hidden else VisibleText(body, body)
        for text in (lines, *whole.steps) if is_hidden else (lines,):
            for is_open in (True, False) if now.final or now.idle else (True,):
                self._look_at_dumps(_Reading((text,), 0, is_open=self._is_open), is_open=is_open)
        if self._waits and not now.idle:
            if (line := unfinished_line(lines.text)) is not None:
                self.holds.append(lines.raw_index(line))
            if run := _RUN_END.search(body, max(0, len(body) - 4)):  # too short to be decoded
                self.holds.append(run.start())

    def _views(self, body: bytes, window: bytes, *, is_hidden: bool, is_wrapped: bool) -> Iterator[tuple[_Step, ...]]:
        """The readings of a text by a terminal that differ."""
        shown = project(body, hidden=is_hidden or is_wrapped)
        yield (shown,)
        if is_hidden and has_control_inside(body):
            plain = without_controls(body)
            whole = _Part(plain.text, 0, unfinished_escape(plain.text))
            yield plain, whole, project(whole.text)
        if is_wrapped:
            yield (unwrapped(body),)
        if is_hidden and self._prepared.has_widthless:
            yield (with_widthless(body),)
        if is_hidden and b"\x08" in body:
            yield (typed(body),)
        if (is_hidden or body is not window) and has_opener(window):
            yield (payloads(window),)
            if b"\x08" in window:
                yield (typed_payloads(window),)

    def _layers(self, reading: _Reading, *, is_hidden: bool) -> Iterator[_Reading]:
        """What a decoder gave, as a terminal shows it."""
        text = reading.text
        if reading.is_open and (escape := unfinished_escape(text)) is not None:
            self._hold(reading, escape)
            reading = reading.then(_Part(text, 0, escape))
        if self._prepared.plain is not self._prepared.shown:
            self._match(reading, self._prepared.plain)
        is_wrapped = b"\n " in text or b"\n\t" in text
        for steps in self._views(reading.text, text, is_hidden=is_hidden, is_wrapped=is_wrapped):
            yield reading.then(*steps)

    def _look(self, reading: _Reading, *, is_marked: bool) -> None:
        """Search a text as it is, without escapes and quotes, and what base64 and hexadecimal digits in it stand
        for."""
        decoders = self._prepared.byte_decoders
        heads, places = decoders.scan(reading.text)
        self._match(reading, self._prepared.shown, heads=heads)
        texts = [reading]
        part = unfinished(reading.text) if reading.is_open else None
        if is_marked:
            texts += self._decoded(reading, part)
        elif part is not None:
            start = max(0, part - 4 * self._prepared.shown.longest - 64)
            self._decoded(reading.then(_Part(reading.text, start, part)), None)
        if part is not None:
            self._hold(reading, part)
        for text in texts[1:]:
            if text.is_open and (run := _RUN_END.search(text.text, max(0, len(text.text) - 4))):
                self._hold(text, run.start())
        if reading.depth == _DEEPEST:
            return
        for text in texts:
            found = places if text is reading else decoders.scan(text.text)[1]
            for piece in decoders.pieces(text.text, found, is_open=text.is_open):
                self._enter(_Reading((*text.steps, piece), reading.depth + 1, is_open=piece.is_open))

    def _decoded(self, reading: _Reading, part: int | None) -> list[_Reading]:
        """The text without escapes and quotes, searched."""
        decoded = Unescaped(reading.text[:part])
        if reading.is_open and (inner := decoded.unfinished()) is not None:
            self._hold(reading, inner)
            decoded = Unescaped(reading.text[:inner])
        if decoded.meanings:
            self._look_printable(reading.then(decoded))
            if b"\n" in decoded.meanings and reading.depth < _DEEPEST:
                self._look_at_dumps(reading.then(decoded), is_open=reading.is_open)
        for earlier in decoded.earlier():
            self._match(reading.then(earlier, project(earlier.text)), self._prepared.shown, is_sure=True)
        texts = []
        for text in self._layers(reading.then(decoded), is_hidden=_is_hidden(decoded.meanings)):
            self._match(text, self._prepared.shown, is_sure=True)
            texts.append(text.then(unquoted(text.text)))
            self._match(texts[-1], self._prepared.unquoted, is_sure=True)
        return texts

    def _look_printable(self, reading: _Reading, *, is_marked: bool = True) -> None:
        """Search quoted-printable text as it was."""
        text = reading.text
        if (part := unfinished_printable(text) if reading.is_open else None) is not None:
            self._hold(reading, part)
        if is_marked and is_printable(text) and len(reading.steps) < _MOST_STEPS:
            self._look_at_layers(reading.then(printable(text[:part])))
        elif reading.is_open and self._may_end_printable(text):
            tail = _Part(text, max(0, len(text) - 4 * self._prepared.shown.longest), part)
            shown = printable(tail.text)
            self._match(reading.then(tail, shown, project(shown.text)), self._prepared.shown)

    def _may_end_printable(self, text: bytes) -> bool:
        """Whether the end of a text may be the beginning of a secret in quoted-printable."""
        letters = self._prepared.letters
        return any(
            len(found[0]) < 3 or not found[0][1:].isalnum() or int(found[0][1:], 16) in letters
            for found in _PRINTABLE_END.finditer(text, max(0, len(text) - 64))
        )

    def _enter(self, reading: _Reading) -> None:
        """Search what a decoder gave, which may be encoded again."""
        self._look_printable(reading)
        self._look_at_layers(reading)

    def _look_at_dumps(self, reading: _Reading, *, is_open: bool) -> None:
        """Search the bytes that dumps stand for; `is_open`: the rest of the last line may come."""
        for dump in dumps(reading.text, is_open=is_open):
            is_unfinished = reading.is_open and dump.is_open
            self._enter(_Reading((*reading.steps, dump), reading.depth + 1, is_open=is_unfinished))

    def _look_at_layers(self, reading: _Reading) -> None:
        if reading.depth < _DEEPEST:
            lines = reading.then(AsLine(reading.text))
            self._look_at_dumps(lines, is_open=reading.is_open)
            if reading.is_open and (line := unfinished_line(lines.text)) is not None:
                self._hold(lines, line)
        for text in self._layers(reading, is_hidden=_is_hidden(reading.text)):
            self._look(text, is_marked=is_encoded(text.text))

    def _match(
        self, reading: _Reading, patterns: Patterns, *, heads: list[Occurrence] | None = None, is_sure: bool = False
    ) -> None:
        now = self._now
        occurrences, begun = patterns.scan(reading.text, heads)
        for start, end, mark in occurrences:
            self.found.append((reading.source(start)[0], reading.source(end - 1)[1], mark))
        if begun is None or not reading.is_open:
            return
        at, mark = begun
        letters = len(reading.text) - at
        if now.cut:
            least = _TOLD_BYTES if reading.depth else SHORTEST_PIECE
            start, end = reading.source(at)
            if letters >= least or (is_sure and end - start > 1 and not reading.depth):
                self.found.append((start, self._size, mark))
        elif not (now.final or (now.idle and letters <= _SHOWN_WHEN_IDLE)):
            is_accident = reading.depth and self._is_line_end and letters <= _SHOWN_WHEN_IDLE
            if not is_accident:
                self.holds.append(reading.source(at)[0])

    def _hold(self, reading: _Reading, index: int) -> None:
        """Wait for the rest of what is cut off."""
        if self._waits and not self._now.idle and not (reading.depth and self._is_line_end):
            self.holds.append(reading.source(index)[0] if index < len(reading.text) else self._size)


def _is_hidden(text: bytes) -> bool:
    return has_hidden(text) or is_hiding(text)
