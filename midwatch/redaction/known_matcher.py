"""Finds known secrets in every reading of a stream: as a terminal shows the text, and as decoders turn it back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from midwatch.redaction.decoders import QUOTES, Decoded, is_encoded, printable, unfinished, unfinished_printable
from midwatch.redaction.literal_matcher import Found, LiteralMatcher, Patterns
from midwatch.redaction.variants import SHORTEST_PIECE, hex_variants, variants
from midwatch.redaction.visible_text import VisibleText, has_opener, payloads, project, typed, unwrapped

_REWRITTEN = re.compile(rb"[^ -~]")
"""Without one of these, a form reads as it is."""
_SHOWN_WHEN_IDLE = 2
"""Bytes that may be the beginning of a secret and are shown all the same when nothing follows for a moment."""
_LONGEST_ESCAPE_BYTES = 512


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the raw bytes to mask; negative `start`: it began in what was passed on."""

    start: int
    end: int
    mark: str


@dataclass(frozen=True, slots=True)
class Situation:
    """At what moment of the stream it is read, and which readings its characters ask for."""

    final: bool
    idle: bool
    cut: bool
    has_hidden: bool
    has_wrapped: bool
    has_encoded: bool
    has_printable: bool


class _View(Protocol):
    text: bytes
    popped: int

    def source(self, index: int) -> tuple[int, int]: ...


class _Printable:
    """Quoted-printable text as it was, on one line."""

    popped = 0

    def __init__(self, raw: bytes) -> None:
        self._decoded = printable(raw[: unfinished_printable(raw)])
        self._shown = project(self._decoded.text)
        self.text = self._shown.text

    def source(self, index: int) -> tuple[int, int]:
        return self._decoded.source(self._shown.source(index)[0])


class _Inner:
    """A text after every decoder, with the way back through the view below it."""

    popped = 0

    def __init__(self, below: _View, decoded: Decoded) -> None:
        self._below, self._decoded = below, decoded
        self.text = decoded.text

    def source(self, index: int) -> tuple[int, int]:
        start, end = self._decoded.source(index)
        return self._below.source(start)[0], self._below.source(end - 1)[1]

    def is_encoded(self, index: int) -> bool:
        """Whether this byte stands for several: by accident it is no beginning of a secret."""
        if index < 0:
            return False
        start, end = self._decoded.source(index)
        return end - start > 1


class _Track:
    """One reading, with what of it was passed on, before and after the decoders."""

    def __init__(self, read: Callable[[bytes], _View]) -> None:
        self.read = read
        self.literal = self.decoded = LiteralMatcher(Patterns({}, {}))
        self.bytes_left = 0
        """So much longer the reading differs from the first one."""

    def use(self, literal: Patterns, decoded: Patterns) -> None:
        self.literal = LiteralMatcher(literal, self.literal.context)
        self.decoded = LiteralMatcher(decoded, self.decoded.context)


class KnownMatcher:
    """Looks for known secrets in a stream."""

    def __init__(self, secrets: tuple[tuple[str, str], ...]) -> None:
        """`secrets`: mark and value of each."""
        self._secrets = secrets
        self._shown = _Track(project)
        self._raw = _Track(lambda raw: VisibleText(raw, raw))
        self._wrapped, self._typed, self._payload = _Track(unwrapped), _Track(typed), _Track(payloads)
        self._printable = _Track(_Printable)
        self._others = (self._raw, self._wrapped, self._typed, self._payload, self._printable)
        self._use()

    def add(self, mark: str, value: str) -> None:
        self._secrets = (*self._secrets, (mark, value))
        self._use()

    def another(self) -> KnownMatcher:
        return KnownMatcher(self._secrets)

    def _use(self) -> None:
        plain, shown, decoded = _prepared(self._secrets)
        self._longest = shown.longest
        for track in (self._shown, *self._others):
            track.use(plain if track is self._raw else shown, decoded)

    def search(self, raw: bytes, escape: int | None, now: Situation) -> tuple[list[Span], list[int]]:
        """What to mask, and from where to hold back; `escape`: where an escape sequence begins that is cut off."""
        spans: list[Span] = []
        holds: list[int] = []
        if not self._longest:
            return spans, holds
        body = raw if escape is None else raw[:escape]
        shown = _project(body, now)
        self._look(self._shown, shown, now, spans, holds)
        for track in self._active(raw, now, is_cut_off=escape is not None):
            whole = track in (self._raw, self._payload)
            self._look(track, track.read(raw if whole else body), now, spans, holds)
        if not now.final and not now.has_printable and unfinished_printable(body) is not None:
            base = max(0, len(body) - 4 * self._longest)
            tail = _Printable(body[base:])
            if (begun := self._shown.literal.patterns.begun(tail.text)) is not None:
                holds.append(base + tail.source(begun)[0])
        return spans, holds

    def passed(self, raw: bytes, now: Situation) -> None:
        """`raw` was passed on."""
        if not self._longest:
            return
        shown = _project(raw, now)
        active = self._active(raw, now)
        text = shown.text
        decoded = self._decoded_tail(text, now.has_encoded)
        self._shown.literal.passed(text, shown.popped)
        self._shown.decoded.passed(decoded)
        for track in self._others:
            track.bytes_left -= len(raw)
            if track in active:
                view = track.read(raw)
                track.literal.passed(view.text)
                is_encoded = now.has_encoded or track is self._payload
                track.decoded.passed(self._decoded_tail(view.text, is_encoded))
            else:
                track.literal.passed(raw if track is self._raw else text)
                track.decoded.passed(decoded)

    def _active(self, raw: bytes, now: Situation, *, is_cut_off: bool = False) -> list[_Track]:
        """The readings that differ from the first."""
        is_hidden = now.has_hidden or is_cut_off
        differs = (
            (self._raw, is_hidden),
            (self._wrapped, now.has_wrapped),
            (self._typed, b"\x08" in raw),
            (self._payload, is_hidden and has_opener(raw)),
            (self._printable, now.has_printable),
        )
        for track, is_different in differs:
            if is_different:
                track.bytes_left = len(raw) + 4 * self._longest + _LONGEST_ESCAPE_BYTES
        return [track for track in self._others if track.bytes_left > 0]

    def _look(self, track: _Track, view: _View, now: Situation, spans: list[Span], holds: list[int]) -> None:
        found, begun = track.literal.search(view.text, view.popped)
        spans += [_span(item, view) for item in found]
        if now.cut and view.text and (item := track.literal.begun(view.text, view.popped)):
            spans.append(_span(item, view))
        self._hold(view, begun, now, holds)
        if track in (self._raw, self._printable):
            return
        part = None if now.final and not now.cut else unfinished(view.text)
        if now.has_encoded or track is self._payload:  # its text was hidden when the marks were looked for
            self._look_inside(track, view, part, now, spans, holds)
        elif part is not None and not now.final:
            self._hold_part(view, part, now, holds)

    def _look_inside(
        self, track: _Track, view: _View, part: int | None, now: Situation, spans: list[Span], holds: list[int]
    ) -> None:
        """Known secrets in the text after every decoder; `part`: where something encoded begins that is cut off."""
        decoded = Decoded(view.text[:part])
        if not (now.final and not now.cut) and (inner := decoded.unfinished()) is not None:
            part, decoded = inner, Decoded(view.text[:inner])
        inside = _Inner(view, decoded)
        found, begun = track.decoded.search(inside.text)
        spans += [_span(item, inside) for item in found]
        item = track.decoded.begun(inside.text, shortest=1) if now.cut and inside.text else None
        if item and (item.end - item.start >= SHORTEST_PIECE or inside.is_encoded(item.start)):
            start = _span(item, inside).start
            spans.append(Span(start, view.source(len(view.text) - 1)[1], item.name))
        self._hold(inside, begun, now, holds)
        if part is not None and not now.final and not now.idle:
            holds.append(view.source(part)[0])

    def _hold(self, view: _View, begun: int | None, now: Situation, holds: list[int]) -> None:
        if begun is None or now.final or (now.idle and len(view.text) - begun <= _SHOWN_WHEN_IDLE):
            return
        holds.append(view.source(begun)[0] if 0 <= begun < len(view.text) else 0)

    def _hold_part(self, view: _View, part: int, now: Situation, holds: list[int]) -> None:
        """Wait for the rest of what may be encoded, with the beginning of a secret before it."""
        base = max(0, part - self._longest)
        patterns = self._shown.decoded.patterns
        begun = patterns.begun(view.text[base:part].translate(None, QUOTES))
        if begun is not None and not (now.idle and part - base - begun <= _SHOWN_WHEN_IDLE):
            holds.append(view.source(_after_quotes(view.text, base, begun))[0])
        elif not now.idle:
            holds.append(view.source(part)[0])

    def _decoded_tail(self, text: bytes, is_marked: bool) -> bytes:
        tail = text[-(4 * self._longest + 64) :]
        return Decoded(tail).text if is_marked else tail.translate(None, QUOTES)


def _project(raw: bytes, now: Situation) -> VisibleText:
    return project(raw, hidden=now.has_hidden or now.has_wrapped)


def _after_quotes(text: bytes, base: int, index: int) -> int:
    """Where this byte stands with the quotes between."""
    for at in range(base, len(text)):
        if text[at] not in QUOTES:
            if index == 0:
                return at
            index -= 1
    return base


def _span(item: Found, view: _View) -> Span:
    start = -1 if item.start < 0 else view.source(item.start)[0]
    return Span(start, view.source(item.end - 1)[1], item.name)


@lru_cache(maxsize=16)
def _prepared(secrets: tuple[tuple[str, str], ...]) -> tuple[Patterns, Patterns, Patterns]:
    """What is searched in the raw bytes, in visible text and after the decoders; made once for each set of secrets."""
    plain: dict[bytes, str] = {}
    hexadecimal: dict[bytes, str] = {}
    for mark, value in secrets:
        for form in variants(value):
            plain.setdefault(form, mark)
        for form in hex_variants(value):
            hexadecimal.setdefault(form, mark)
    shown: dict[bytes, str] = {}
    decoded: dict[bytes, str] = {}
    for form, mark in plain.items():
        read = project(form).text if _REWRITTEN.search(form) else form
        if len(read) >= SHORTEST_PIECE:
            shown.setdefault(read, mark)
        if len(meant := Decoded(read).text if is_encoded(read) else read) >= SHORTEST_PIECE:
            decoded.setdefault(meant, mark)
    first = Patterns(plain, hexadecimal)
    second = first if shown == plain else Patterns(shown, hexadecimal)
    return first, second, second if decoded == shown else Patterns(decoded, hexadecimal)
