"""The redactor: bytes in, bytes without secrets out, however the stream is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from midwatch.redaction.known_matcher import KnownMatcher, Span
from midwatch.redaction.known_search import Situation
from midwatch.redaction.pattern_matcher import Hit, PatternMatcher
from midwatch.redaction.variants import SHORTEST_PIECE, as_bytes
from midwatch.redaction.visible_text import USUAL_CONTROLS, VisibleText, unfinished_escape, visible
from midwatch.system.sanitize import safe_text
from midwatch.system.shortened import shortened

SHORTEST = SHORTEST_PIECE
"""Characters that a secret has at least. A shorter one would mask ordinary words, and so give itself away."""
SECRET_SHAPED = "[secret-shaped]"  # noqa: S105
_LONGEST_NAME = 80


class Redactor:
    """Masks known secrets and secret-shaped text in one stream.

    Holds back as little as it must: only what may be the beginning of a secret. Text without secrets comes out byte for
    byte. `counts` has how many marks were put by the name of the secret, those of no known one under `secret-shaped`.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """`secrets`: name → value. Raises `ValueError` for a value of fewer than six characters."""
        self._known = KnownMatcher(tuple((_mark(name, value), value) for name, value in secrets.items()))
        self._pending = b""
        self._in_mask = False
        self._shapes = PatternMatcher()
        self.counts: Counter[str] = Counter()

    def add(self, name: str, value: str) -> str:
        """Mask this value too, from here on; the name that it is counted by. `ValueError` for fewer than six
        characters."""
        self._known.add(_mark(name, value), value)
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
        alone._known = self._known.another()
        return alone

    def once(self, data: bytes) -> bytes:
        """Mask one text that is complete, apart from the stream."""
        alone = self.another()
        out = alone.feed(data) + alone.flush()
        self.counts += alone.counts
        return out

    def _pass_on(self, *, final: bool, idle: bool, cut: bool = False) -> bytes:
        raw = self._pending
        escape = None if final and not cut else unfinished_escape(raw)
        body = raw if escape is None else raw[:escape]
        view, hits, hold = self._shaped(body, final=final, idle=idle, cut=cut)
        shapes = self._shapes
        now = Situation(final, idle, cut, shapes.readings)
        spans, holds = self._known.search(raw, escape, now)
        holds += [escape] if escape is not None else []
        spans += [
            Span(-1 if hit.start < 0 else view.raw_index(hit.start), view.raw_index(hit.end - 1) + 1, SECRET_SHAPED)
            for hit in hits
            if hit.end > 0
        ]
        holds += [view.raw_index(hold) if hold < len(view.text) else len(body)] if hold is not None else []
        end = len(raw) if final else min(holds, default=len(raw))
        self._known.passed(raw[:end], now)
        shapes.passed(raw[:end] if view.text is body else visible(raw[:end]).text, hits)
        self._pending = raw[end:]
        return self._masked(raw, end, spans)

    def _shaped(self, body: bytes, *, final: bool, idle: bool, cut: bool) -> tuple[VisibleText, list[Hit], int | None]:
        """What looks like a secret, in the text as it is read."""
        is_read = any(control in body for control in USUAL_CONTROLS)
        view = visible(body) if is_read else VisibleText(body, body)
        hits, hold = self._shapes.search(view.text, final=final, idle=idle, cut=cut)
        if not is_read and self._shapes.readings & {"hidden", "control"}:
            is_read, view = True, visible(body)
            hits, hold = self._shapes.search(view.text, final=final, idle=idle, cut=cut)
        if is_read:
            self._shapes.readings.add("hidden")
        return view, hits, hold

    def _masked(self, raw: bytes, cut: int, spans: list[Span]) -> bytes:
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
    return shortened(safe_text(name).replace("]", ")"), _LONGEST_NAME)


def _mark(name: str, value: str) -> str:
    if len(value) < SHORTEST:
        raise ValueError(f"The secret {name} has fewer than {SHORTEST} characters")
    return f"[secret {_named(name)}]"


def mask(text: str, secrets: Mapping[str, str]) -> str:
    """One complete text without the secrets and without what looks like one. Raises `ValueError` like `Redactor`."""
    masked = Redactor(secrets).once(as_bytes(text))
    try:
        return masked.decode("utf-8", "surrogateescape" if text.isascii() else "surrogatepass")
    except UnicodeDecodeError:
        return masked.decode("utf-8", "surrogateescape")
