"""The redactor: bytes in, bytes without secrets out, however the stream is cut."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from midwatch.redaction.decoders import QUOTES, Decoded, is_encoded, printable, unfinished, unfinished_printable
from midwatch.redaction.literal_matcher import Found, LiteralMatcher, Patterns
from midwatch.redaction.pattern_matcher import Hit, PatternMatcher
from midwatch.redaction.variants import SHORTEST_PIECE, as_bytes, variants
from midwatch.redaction.visible_text import VisibleText, has_hidden, project, unfinished_escape, unwrapped, visible
from midwatch.system.sanitize import safe_text

SHORTEST = SHORTEST_PIECE
"""Characters that a secret has at least. A shorter one would mask ordinary words, and so give itself away."""
SECRET_SHAPED = "[secret-shaped]"  # noqa: S105
_REWRITTEN = re.compile(rb"[^ -~]")
"""Without one of these, a form reads as it is."""
_LONGEST_NAME = 80
_SHOWN_WHEN_IDLE = 2
"""Bytes that may be the beginning of a secret and are shown all the same when nothing follows for a moment."""


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    mark: str


class Redactor:
    """Masks known secrets and secret-shaped text in one stream.

    Holds back as little as it must: only what may be the beginning of a secret. Text without secrets comes out byte for
    byte. `counts` has how many marks were put by the name of the secret, those of no known one under `secret-shaped`.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """`secrets`: name → value. Raises `ValueError` for a value of fewer than six characters."""
        self._names: dict[bytes, str] = {}
        for name, value in secrets.items():
            self._learn(name, value)
        self._pending = b""
        self._in_mask = False
        self._shapes = PatternMatcher()
        self.counts: Counter[str] = Counter()
        self._plain = self._seen = self._flat = self._decoded = LiteralMatcher(Patterns({}))
        self._rebuild()

    def add(self, name: str, value: str) -> str:
        """Mask this value too, from here on; the name that it is counted by. `ValueError` for fewer than six characters."""
        self._names = dict(self._names)
        self._learn(name, value)
        self._rebuild()
        return _named(name)

    @property
    def masked(self) -> int:
        """How many marks were put."""
        return self.counts.total()

    @property
    def holds(self) -> bool:
        """Whether something is held back."""
        return bool(self._pending)

    def feed(self, data: bytes) -> bytes:
        """Take in more of the stream; what can be passed on of it."""
        if not data:
            return b""
        self._pending += data
        return self._pass_on(final=False, idle=False)

    def idle(self) -> bytes:
        """Nothing has come for a moment: what of the held back can be shown without showing a secret."""
        return self._pass_on(final=False, idle=True) if self._pending else b""

    def flush(self, *, cut: bool = False) -> bytes:
        """The stream has ended: the rest, masked. Was it `cut`, what may be the beginning of a secret counts as one."""
        return self._pass_on(final=True, idle=False, cut=cut)

    def another(self) -> Redactor:
        """For another stream, with the same secrets as now: preparing them takes longer than most streams."""
        alone = Redactor({})
        alone._names = self._names
        alone._plain, alone._seen = LiteralMatcher(self._plain.patterns), LiteralMatcher(self._seen.patterns)
        alone._flat = LiteralMatcher(self._seen.patterns)
        alone._decoded = LiteralMatcher(self._decoded.patterns)
        return alone

    def once(self, data: bytes) -> bytes:
        """Mask one text that is complete, apart from the stream."""
        alone = self.another()
        out = alone.feed(data) + alone.flush()
        self.counts += alone.counts
        return out

    def _learn(self, name: str, value: str) -> None:
        if len(value) < SHORTEST:
            raise ValueError(f"The secret {name} has fewer than {SHORTEST} characters")
        mark = f"[secret {_named(name)}]"
        for form in variants(value):
            self._names.setdefault(form, mark)

    def _rebuild(self) -> None:
        plain = Patterns(self._names)
        read: dict[bytes, str] = {}
        decoded: dict[bytes, str] = {}
        for form, mark in self._names.items():
            shown = project(form).text if _REWRITTEN.search(form) else form
            if len(shown) >= SHORTEST:
                read.setdefault(shown, mark)
            if len(meant := Decoded(shown).text if is_encoded(shown) else shown) >= SHORTEST:
                decoded.setdefault(meant, mark)
        self._plain = LiteralMatcher(plain, self._plain.context)
        self._seen = LiteralMatcher(plain if read == self._names else Patterns(read), self._seen.context)
        self._flat = LiteralMatcher(self._seen.patterns, self._flat.context)
        self._decoded = LiteralMatcher(plain if decoded == self._names else Patterns(decoded), self._decoded.context)

    def _pass_on(self, *, final: bool, idle: bool, cut: bool = False) -> bytes:
        raw = self._pending
        escape = None if final and not cut else unfinished_escape(raw)
        body = raw if escape is None else raw[:escape]
        view, hits, hold = self._shaped(body, final=final, idle=idle, cut=cut)
        projection = self._projected(body)
        spans, holds = self._known(raw, projection, is_cut_off=escape is not None, final=final, idle=idle)
        holds += [escape] if escape is not None else []
        if cut:
            spans += self._unfinished(raw, projection)
        part = None if final and not cut else unfinished(projection.text)
        if self._is_encoded():
            self._add_decoded(projection, part, spans, holds, final=final, idle=idle, cut=cut)
        elif part is not None and not final:
            self._hold_part(projection, part, holds, idle=idle)
        if self._shapes.has_printable or (not final and unfinished_printable(body) is not None):
            self._add_printable(body, spans, holds, final=final)
        spans += [
            _Span(-1 if hit.start < 0 else view.raw_index(hit.start), view.raw_index(hit.end - 1) + 1, SECRET_SHAPED)
            for hit in hits
            if hit.end > 0
        ]
        holds += [view.raw_index(hold) if hold < len(view.text) else len(body)] if hold is not None else []
        end = len(raw) if final else min(holds, default=len(raw))
        self._moved(raw[:end], hits, is_whole=view.text is body)
        self._pending = raw[end:]
        return self._masked(raw, end, spans)

    def _shaped(self, body: bytes, *, final: bool, idle: bool, cut: bool) -> tuple[VisibleText, list[Hit], int | None]:
        """What looks like a secret, in the text as it is read."""
        has_controls = has_hidden(body)
        view = visible(body) if has_controls else VisibleText(body, body)
        hits, hold = self._shapes.search(view.text, final=final, idle=idle, cut=cut)
        if self._shapes.has_hidden and not has_controls:
            view = visible(body)
            hits, hold = self._shapes.search(view.text, final=final, idle=idle, cut=cut)
            has_controls = True
        self._shapes.has_hidden = has_controls
        return view, hits, hold

    def _projected(self, body: bytes) -> VisibleText:
        return project(body, hidden=self._shapes.has_hidden or self._shapes.has_wrapped)

    def _moved(self, passed: bytes, hits: list[Hit], *, is_whole: bool) -> None:
        projection = self._projected(passed)
        self._plain.passed(passed)
        self._seen.passed(projection.text, projection.popped)
        flat = unwrapped(passed).text if self._shapes.has_wrapped and b"\x08" not in passed else projection.text
        self._flat.passed(flat, projection.popped)
        if self._decoded.patterns.longest:
            tail = projection.text[-(4 * self._decoded.patterns.longest + 64) :]
            self._decoded.passed(Decoded(tail).text if self._shapes.has_encoded else tail.translate(None, QUOTES))
        self._shapes.passed(passed if is_whole else visible(passed).text, hits)

    def _is_encoded(self) -> bool:
        return bool(self._decoded.patterns.longest) and self._shapes.has_encoded

    def _add_decoded(
        self,
        projection: VisibleText,
        part: int | None,
        spans: list[_Span],
        holds: list[int],
        *,
        final: bool,
        idle: bool,
        cut: bool,
    ) -> None:
        """Known secrets in the text after every decoder; `part`: where something encoded begins that is cut off."""
        decoded = Decoded(projection.text[:part])
        if not (final and not cut) and (inner := decoded.unfinished()) is not None:
            part, decoded = inner, Decoded(projection.text[:inner])

        def raw_start(index: int) -> int:
            return projection.raw_index(decoded.source(index)[0])

        found, begun = self._decoded.search(decoded.text)
        if cut and decoded.text and (item := self._decoded.begun(decoded.text)):
            start = -1 if item.start < 0 else raw_start(item.start)
            spans.append(_Span(start, len(self._pending), item.name))
        for item in found:
            start = -1 if item.start < 0 else raw_start(item.start)
            end = projection.raw_index(decoded.source(item.end - 1)[1] - 1) + 1
            spans.append(_Span(start, end, item.name))
        if final:
            return
        if begun is not None and not (idle and len(decoded.text) - begun <= _SHOWN_WHEN_IDLE):
            holds.append(raw_start(begun) if 0 <= begun < len(decoded.text) else 0)
        if part is not None and not idle and self._decoded.patterns.longest:
            holds.append(projection.raw_index(part))

    def _hold_part(self, projection: VisibleText, part: int, holds: list[int], *, idle: bool) -> None:
        """Wait for the rest of what may be encoded, with the beginning of a secret before it."""
        base = max(0, part - self._decoded.patterns.longest)
        begun = self._decoded.patterns.begun(projection.text[base:part].translate(None, QUOTES))
        if begun is not None and not (idle and part - base - begun <= _SHOWN_WHEN_IDLE):
            holds.append(projection.raw_index(self._after_quotes(projection.text, base, begun)))
        elif self._decoded.patterns.longest and not idle:
            holds.append(projection.raw_index(part))

    def _after_quotes(self, text: bytes, base: int, index: int) -> int:
        """Where this byte stands with the quotes between."""
        for at in range(base, len(text)):
            if text[at] not in QUOTES:
                if index == 0:
                    return at
                index -= 1
        return base

    def _add_printable(self, body: bytes, spans: list[_Span], holds: list[int], *, final: bool) -> None:
        """Known secrets in quoted-printable text."""
        part = None if final else unfinished_printable(body)
        base = 0 if self._shapes.has_printable else max(0, len(body) - 4 * self._seen.patterns.longest)
        decoded = printable(body[base:part])
        projection = project(decoded.text)
        for start, end, name in self._seen.patterns.occurrences(projection.text):
            first, last = projection.raw_index(start), projection.raw_index(end - 1)
            spans.append(_Span(base + decoded.source(first)[0], base + decoded.source(last)[1], name))
        if not final and (begun := self._seen.patterns.begun(projection.text)) is not None:
            holds.append(base + decoded.source(projection.raw_index(begun))[0])

    def _known(
        self, raw: bytes, projection: VisibleText, *, is_cut_off: bool, final: bool, idle: bool
    ) -> tuple[list[_Span], list[int]]:
        spans: list[_Span] = []
        holds: list[int] = []
        readings = [(self._seen, projection)]
        if self._shapes.has_wrapped and b"\x08" not in raw:
            readings.append((self._flat, unwrapped(raw)))
        for track, reading in readings:
            found, begun = track.search(reading.text, reading.popped)
            spans += [_raw_span(item, reading) for item in found]
            if begun is not None and not final and not (idle and len(reading.text) - begun <= _SHOWN_WHEN_IDLE):
                holds.append(reading.raw_index(begun) if 0 <= begun < len(reading.text) else 0)
        if is_cut_off or self._shapes.has_hidden or has_hidden(self._plain.context):
            found, begun = self._plain.search(raw)
            spans += [_Span(item.start, item.end, item.name) for item in found]
            if begun is not None and not final and not (idle and len(raw) - begun <= _SHOWN_WHEN_IDLE):
                holds.append(max(0, begun))
        return spans, holds

    def _unfinished(self, raw: bytes, projection: VisibleText) -> list[_Span]:
        """The beginning of a secret at the very end."""
        spans = []
        if projection.text and (item := self._seen.begun(projection.text, projection.popped)):
            spans.append(_raw_span(item, projection))
        if raw and (item := self._plain.begun(raw)):
            spans.append(_Span(item.start, item.end, item.name))
        return spans

    def _masked(self, raw: bytes, cut: int, spans: list[_Span]) -> bytes:
        """What is passed on up to `cut`; overlapping spans become one, under the name of the first and longest."""
        pieces: list[bytes] = []
        at = reach = 0
        inside = False
        for span in sorted(spans, key=lambda s: (max(s.start, -1), s.mark == SECRET_SHAPED, -s.end)):
            start, end = max(0, span.start), min(cut, span.end)
            if start >= end or (end <= reach and inside):
                continue
            goes_on = (inside and start < reach) or (span.start < 0 and start == 0 and at == 0 and self._in_mask)
            if not goes_on:
                pieces += (raw[at:start], as_bytes(span.mark))
                self.counts[span.mark[1:-1].removeprefix("secret ")] += 1
            at = reach = end
            inside = True
        pieces.append(raw[at:cut])
        if cut:
            self._in_mask = inside and reach == cut
        return b"".join(pieces)


def _named(name: str) -> str:
    """As it stands in a mark: a step may give a secret any name."""
    shown = safe_text(name).replace("]", ")")
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + "…"


def _raw_span(item: Found, projection: VisibleText) -> _Span:
    start = -1 if item.start < 0 else projection.raw_index(item.start)
    return _Span(start, projection.raw_index(item.end - 1) + 1, item.name)


@lru_cache(maxsize=8)
def _prepared(secrets: tuple[tuple[str, str], ...]) -> Redactor:
    """Building the search takes longer than one search; events of an incident are masked with the same secrets."""
    return Redactor(dict(secrets))


def mask(text: str, secrets: Mapping[str, str]) -> str:
    """One complete text without the secrets and without what looks like one. Raises `ValueError` like `Redactor`."""
    masked = _prepared(tuple(sorted(secrets.items()))).once(as_bytes(text))
    try:
        return masked.decode("utf-8", "surrogateescape" if text.isascii() else "surrogatepass")
    except UnicodeDecodeError:
        return masked.decode("utf-8", "surrogateescape")
