"""What looks like a secret, whoever's it is: passwords in URIs and settings, tokens, private keys, verifiers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ahocorasick_rs import BytesAhoCorasick

from midwatch.redaction.encodings import SHORTEST_PIECE
from midwatch.redaction.known import automaton

_CONTEXT = 256
_REACH = 2112
_OURS = rb"\[secret"
"""The beginning of our own marks: what was masked once is not masked again."""
_MAYBE_OURS = re.compile(rb"\[(?:s(?:e(?:c(?:r(?:e(?:t)?)?)?)?)?)?")
_NEVER = re.compile(rb"(?!)")
_NOTHING = re.compile(rb"")
_PASSWORD = rb"(?:password|passwd|passphrase)"
_KEY_NAME = rb"(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key)"


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of text: `head` stays, what follows is masked when `enough` of it is there, as far as `more` goes."""

    triggers: tuple[bytes, ...]
    """Lower-case words, one of which begins every head (after `back` bytes at most)."""
    head: re.Pattern[bytes]
    enough: re.Pattern[bytes]
    more: re.Pattern[bytes]
    maybe: re.Pattern[bytes] = _MAYBE_OURS
    """Matches a whole rest that may still become `enough`: it is held back."""
    shown_when_idle: re.Pattern[bytes] = _NEVER
    """Such a rest, when it is safe to show it while nothing more comes."""
    peek: int = 1
    """Bytes that must be seen after the end to know that it is the end."""
    longest: int = 8192
    needs: bytes = b""
    """What must come within reach; without it there is no need to look closer."""


def _shape(
    triggers: str, head: bytes, enough: bytes, more: bytes, maybe: re.Pattern[bytes] = _MAYBE_OURS, *, peek: int = 1
) -> Shape:
    words = tuple(word.encode() for word in triggers.split("|"))
    return Shape(words, re.compile(head, re.I | re.S), re.compile(enough), re.compile(more), maybe, peek=peek)


_KEYS = "password|passwd|passphrase|secret|token|api_key|api-key|apikey|access_key|access-key|accesskey|private_key|private-key"
_PIECES = (
    'invalid integer value "',
    'invalid port number: "',
    'missing "=" after "',
    'invalid connection option "',
    'invalid percent-encoded token: "',
    'forbidden value %00 in percent-encoded value: "',
    'unexpected spaces found in "',
    'missing key/value separator "=" in uri query parameter: "',
    'invalid uri query parameter: "',
)
_BASE64_LIKE = rb"[A-Za-z0-9._~+/=-]"

SHAPES = (
    # scheme://user:PASSWORD@host; a port is no password, a password may hold `/` and `@`
    Shape(
        (b"://",),
        re.compile(rb"://[^\s/@:\"'<>]{0,128}:"),
        re.compile(
            rb"(?!\[secret)(?!\d{1,5}(?:[/?#\s\"'<>,;)\]]|\Z))[^\s@\"'<>]{1,2048}+(?:@[^\s@\"'<>/?#:]{1,64}+(?=@)){0,8}(?=@)"
        ),
        _NOTHING,
        re.compile(rb"[^\s\"'<>]{1,2048}+"),
        re.compile(rb"\d{1,5}(?:[/?#][^@]*)?|\[[^@]*|[^@]+@.*", re.S),
        needs=b"@",
    ),
    # what libpq says of a connection string in which a password was not quoted: it quotes a piece of that
    _shape(
        "|".join(_PIECES),
        rb"(?:" + b"|".join(re.escape(piece.encode()) for piece in _PIECES) + rb")",
        rb"(?!" + _OURS + rb")(?:[^\"\r\n]|\"(?=[^\s,]))",
        rb"(?:[^\"\r\n]|\"(?=[^\s,]))*",
        re.compile(_MAYBE_OURS.pattern + rb"|\""),
        peek=2,
    ),
    # … or takes it for a host
    Shape(
        (b"translate host name ", b"resolve host "),
        re.compile(rb"(?:translate|resolve) host (?:name )?[\"']", re.I),
        re.compile(rb"(?!" + _OURS + rb")[^\s\"']{1,512}(?=@)"),
        _NOTHING,
        re.compile(rb"[^\s\"']{0,512}"),
        needs=b"@",
    ),
    # NAME_PASSWORD=value, --token=value; "password" = 'value'
    _shape(_KEYS, _KEY_NAME + rb"[\"']?=[\"']", rb"(?!" + _OURS + rb")[^\"'\r\n]", rb"(?:[^\"'\\\r\n]|\\.?)*"),
    _shape(_KEYS, _KEY_NAME + rb"[\"']?=", rb"(?!" + _OURS + rb")[^\s\"']", rb"[^\s\"']*"),
    _shape(
        "password|passwd|passphrase",
        _PASSWORD + rb"[\"']?[ \t]{1,4}=[ \t]{1,4}[\"']?",
        rb"(?!" + _OURS + rb")[^\s\"']",
        rb"[^\s\"']*",
    ),
    # "password": "value"
    _shape(_KEYS, _KEY_NAME + rb"\\?[\"']\s{0,4}:\s{0,4}\\?\"", rb"(?!" + _OURS + rb")[^\"\\]|\\.", rb"(?:[^\"\\]|\\.?)*"),
    _shape(_KEYS, _KEY_NAME + rb"'\s{0,4}:\s{0,4}'", rb"(?!" + _OURS + rb")[^'\\]|\\.", rb"(?:[^'\\]|\\.?)*"),
    # ALTER ROLE … PASSWORD 'value'; '' is a quote inside of it
    _shape(
        "password|identified by",
        rb"(?:password|identified by)\s{1,8}(?:e|u&)?'",
        rb"(?!" + _OURS + rb")(?:[^']|'')",
        rb"(?:[^']|'')*",
        re.compile(rb"\[(?:s(?:e(?:c(?:r(?:e(?:t)?)?)?)?)?)?|'"),
        peek=2,
    ),
    _shape(
        "authorization",
        rb"authorization[\"']?\s{0,2}[:=]\s{0,2}[\"']?(?:bearer|basic|token)\s{1,4}",
        rb"(?!" + _OURS + rb")\S",
        rb"[^\s\"']*",
    ),
    _shape(
        "bearer",
        rb"bearer\s{1,4}",
        rb"(?=[A-Za-z._~+/=-]{0,64}\d)" + _BASE64_LIKE + rb"{16}",
        _BASE64_LIKE + rb"*",
        re.compile(_BASE64_LIKE + rb"{1,64}"),
    ),
    _shape(
        "akia|asia",
        rb"(?<![A-Za-z0-9])(?=akia|asia)",
        rb"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        rb"",
        re.compile(rb"A[KS]IA[A-Z0-9]{0,16}"),
    ),
    _shape(
        "ghp_|gho_|ghu_|ghs_|ghr_",
        rb"(?=gh)",
        rb"gh[pousr]_[A-Za-z0-9]{30}",
        rb"[A-Za-z0-9]*",
        re.compile(rb"gh[pousr]_[A-Za-z0-9]{0,30}"),
    ),
    _shape("glpat-", rb"(?=glpat)", rb"glpat-[\w-]{20}", rb"[\w-]*", re.compile(rb"glpat-[\w-]{0,20}")),
    _shape(
        "xoxa-|xoxb-|xoxp-|xoxr-|xoxs-",
        rb"(?=xox)",
        rb"xox[abprs]-[\w-]{10}",
        rb"[\w-]*",
        re.compile(rb"xox[abprs]-[\w-]{0,10}"),
    ),
    _shape(
        "age-se",
        rb"(?=age-se)",
        rb"AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{30}",
        rb"[A-Z0-9]*",
        re.compile(rb"AGE-SE[A-Z-]{0,12}(?:1[A-Z0-9]{0,30})?"),
    ),
    _shape(
        "eyj",
        rb"(?=eyj)",
        rb"eyJ[\w-]{8,4096}\.eyJ[\w-]{8,4096}\.[\w-]",
        rb"[\w-]*",
        re.compile(rb"eyJ[\w-]{0,4096}(?:\.(?:e(?:y(?:J[\w-]{0,4096}\.?)?)?)?)?"),
    ),
    Shape(
        (b"-----begin ",),
        re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"),
        re.compile(rb"(?s)\s{0,8}(?!\[secret|-----)\S"),
        re.compile(rb"(?s)(?:[^-]+|-(?!----END |-{0,4}\Z|----(?:E|EN|END)\Z))*"),
        re.compile(rb"\s{0,8}(?:\[(?:s(?:e(?:c(?:r(?:e(?:t)?)?)?)?)?)?|-{1,4})?"),
        re.compile(rb"\s{0,8}"),
        peek=9,
        longest=65536,
    ),
    # what PostgreSQL keeps in pg_authid
    _shape(
        "scram-sha-256$|scram-sha-1$",
        rb"scram-sha-(?:256|1)\$",
        rb"\d{1,10}:[A-Za-z0-9+/=]",
        rb"[A-Za-z0-9+/=:$]*",
        re.compile(rb"\d{1,10}:?"),
    ),
    _shape("md5", rb"(?<![A-Za-z0-9])(?=md5)", rb"md5[0-9a-f]{32}(?![A-Za-z0-9])", rb"", re.compile(rb"md5[0-9a-f]{0,32}")),
)


_WHOLE = (b"akia", b"asia", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"glpat-", b"xox", b"eyj", b"md5", b"age-se")
"""Triggers that are themselves part of what is masked: their beginning at the end of what has come is held back."""
_BEGINNINGS = sorted({word[:count] for word in _WHOLE for count in range(1, len(word))}, key=len, reverse=True)
_BEGUN = re.compile(rb"(?<![A-Za-z0-9_])(?:" + b"|".join(_BEGINNINGS) + rb")\Z", re.I)


@dataclass(frozen=True, slots=True)
class Hit:
    """A stretch to mask; positions count from the first byte not passed on yet."""

    start: int
    end: int
    shape: Shape


@cache
def _triggers() -> tuple[list[list[Shape]], BytesAhoCorasick]:
    """The shapes of each trigger, and what finds the triggers."""
    words = sorted({word for shape in SHAPES for word in shape.triggers})
    return [[shape for shape in SHAPES if word in shape.triggers] for word in words], automaton(words)


class ShapeTrack:
    """Looks for shapes in a stream that arrives in pieces."""

    def __init__(self) -> None:
        self._shapes, self._triggers = _triggers()
        self._context = b""
        self._inside: Shape | None = None
        self._inside_left = 0

    def search(self, text: bytes, *, final: bool, idle: bool, cut: bool = False) -> tuple[list[Hit], int | None]:
        """What to mask in `text`, and from where it must be held back."""
        hits: list[Hit] = []
        hold: int | None = None
        if self._inside is not None and text:
            end = self._extent(self._inside, text, 0, self._inside_left)
            hits.append(Hit(-1, end, self._inside))
            hold = self._unsure(self._inside, text, end, final)
        window, back = self._context + text, len(self._context)
        for index, start, _ in self._triggers.find_matches_as_indexes(window.lower(), overlapping=True):
            for shape in self._shapes[index]:
                hit, held = self._try(shape, window, start, final=final, idle=idle)
                if hit is None and cut:
                    hit = self._begun(shape, window, start)
                if hit is not None and hit[1] > back:
                    hits.append(Hit(hit[0] - back, hit[1] - back, shape))
                if held is not None and not final:
                    hold = held - back if hold is None else min(hold, held - back)
        if not (final or idle) and (begun := _BEGUN.search(window, max(0, len(window) - 8))):
            hold = min(begun.start() - back, len(text) if hold is None else hold)
        return hits, None if hold is None else max(0, hold)

    def _try(
        self, shape: Shape, window: bytes, start: int, *, final: bool, idle: bool
    ) -> tuple[tuple[int, int] | None, int | None]:
        head = shape.head.match(window, start)
        if head is None:
            return None, None
        value = head.end()
        if shape.needs and len(window) - value > _REACH and window.find(shape.needs, value, value + _REACH) < 0:
            return None, None
        if not final and shape.maybe.fullmatch(window, value) and value < len(window):
            if idle and shape.shown_when_idle.fullmatch(window, value):
                final = True
            else:
                return None, value
        enough = shape.enough.match(window, value)
        if enough is None:
            return None, None
        end = self._extent(shape, window, enough.end(), shape.longest)
        return (value, end), self._unsure(shape, window, end, final)

    def _begun(self, shape: Shape, window: bytes, start: int) -> tuple[int, int] | None:
        """What may still have become enough, had the stream not been cut."""
        head = shape.head.match(window, start)
        if head is None or len(window) - head.end() < SHORTEST_PIECE or shape.shown_when_idle.fullmatch(window, head.end()):
            return None
        return (head.end(), len(window)) if shape.maybe.fullmatch(window, head.end()) else None

    def _extent(self, shape: Shape, text: bytes, start: int, budget: int) -> int:
        match = shape.more.match(text, start, start + budget)
        return match.end() if match else start

    def _unsure(self, shape: Shape, text: bytes, end: int, final: bool) -> int | None:
        """Where to wait, when the bytes after the end are too few to know that it is the end."""
        return end if not final and shape.peek > 1 and 0 < len(text) - end < shape.peek else None

    def passed(self, text: bytes, hits: list[Hit]) -> None:
        """`text` was passed on; a hit that reaches its end goes on in what comes."""
        was, self._inside = self._inside, None
        for hit in hits:
            if (hit.start < len(text) <= hit.end and hit.shape.more is not _NOTHING) or hit.start < len(text) < hit.end:
                left = (self._inside_left if was is hit.shape and hit.start < 0 else hit.shape.longest) - len(
                    text[max(0, hit.start) :]
                )
                if left > 0:
                    self._inside, self._inside_left = hit.shape, left
        if not text:
            self._inside = was
        self._context = (self._context + text[-_CONTEXT:])[-_CONTEXT:]
