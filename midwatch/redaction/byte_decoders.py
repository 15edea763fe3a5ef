"""Base64 and hexadecimal digits inside of a text: where they may stand, and the bytes that they stand for.

Nothing marks where such an encoding begins. But what programs encode is text, and encodings of ASCII follow a rule,
because the first bit of each byte is empty. Two automata over classes of characters find where five or six characters
of base64 or three pairs of digits follow that rule. Only the surroundings of such places are decoded.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

from midwatch.redaction.lazy_pattern import lazy_pattern
from midwatch.redaction.literal_matcher import Automaton, Occurrence, Patterns

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_RUN = lazy_pattern(rb"[A-Za-z0-9+/_-]*")
_TEXT = lazy_pattern(rb"[\0-~]{6}")
_OPEN_BYTES = 48
"""Characters of an unfinished run that are decoded though the rule does not show in them yet."""
_DIGITS = lazy_pattern(rb"[0-9A-Fa-fxX\\ +:,;.|/_-]*")
_DIGIT = lazy_pattern(rb"0[xX]|[0-9A-Fa-f]")
_BETWEEN_DIGITS = b"xX\\ +:,;.|/_-"
_OPEN_DIGITS = lazy_pattern(rb"[0-9A-Fa-f]{2}(?:[ :,;.|/_-]{0,2}(?:0?[xX])?[0-9A-Fa-f]?)?\Z")
_OPEN_DIGITS_BYTES = 8
_WRITTEN = bytes((*range(7, 14), 27, *range(32, 127)))
"""What text consists of."""
_SEPARATIONS = ("", "s", "ss", "s0s", "ss0s", "sss")


class Base64Piece:
    """The bytes of a run of base64."""

    def __init__(self, text: bytes, start: int, end: int, *, is_open: bool) -> None:
        size = end - start - ((end - start) % 4 == 1)
        encoded = text[start : start + size].translate(_URL_SAFE)
        self.text = binascii.a2b_base64(encoded + b"=" * (-size % 4))
        self.is_open = is_open
        self._start = start

    def source(self, index: int) -> tuple[int, int]:
        return self._start + 8 * index // 6, self._start - (-8 * (index + 1) // 6)


class HexPiece:
    """The bytes of hexadecimal digits, whatever parts them."""

    def __init__(self, text: bytes, start: int, end: int, odd: int, *, is_open: bool) -> None:
        self._region, self._start, self._odd = text[start:end], start, odd
        digits = _squeezed(self._region)[odd:]
        self.text = bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
        self.is_open = is_open
        self._places: list[int] = []

    def source(self, index: int) -> tuple[int, int]:
        if not self._places:
            found = (digit.start() for digit in _DIGIT.finditer(self._region) if len(digit[0]) == 1)
            self._places = [self._start + at for at in found][self._odd :]
        return self._places[2 * index], self._places[2 * index + 1] + 1


Piece = Base64Piece | HexPiece


class ByteDecoders:
    """Finds pieces of base64 and of hexadecimal digits."""

    def __init__(self, secrets: Patterns, beyond_ascii: Iterable[bytes], *, has_short: bool) -> None:
        """`secrets`: those that are searched as they are, too; `beyond_ascii`: those in which the rule of ASCII does
        not show; `has_short`: whether one has no more than six letters of ASCII in a row."""
        self._reach = 16 * secrets.longest + 64
        rules = _rules()
        self._heads = [head.translate(rules.table) for head in secrets.heads]
        self._automaton = Automaton([*self._heads, *(rules.short_groups if has_short else rules.groups)])
        contents = set(beyond_ascii)
        self._always = bool(contents)
        forms = {form for content in contents for form in _base64_forms(content)}
        self._anchors = Automaton(sorted(forms)) if forms else None
        self._digit_anchors = [content[:3].hex().encode() for content in contents]

    def scan(self, text: bytes) -> tuple[list[Occurrence], list[int]]:
        """Where a secret may stand as it is, and where base64: one automaton finds both."""
        rules = _rules()
        kinds = text.translate(rules.table)
        if not (occurrences := self._automaton.find(kinds)):
            return [], []
        _, second, third, every = rules.kinds
        count = len(self._heads)
        kinds += b"..."
        places = [
            start
            for index, start, _ in occurrences
            if index >= count
            and (
                (kinds[start + 5] in second and kinds[start + 6] in every and kinds[start + 7] in every)
                or (kinds[start - 2] in third and kinds[start - 1] in every)
            )
        ]
        return [occurrence for occurrence in occurrences if occurrence[0] < count], places

    def pieces(self, text: bytes, places: list[int], *, is_open: bool) -> Iterator[Piece]:
        """What may be decoded; `places`: those of base64; `is_open`: more of the text may come."""
        yield from self._base64(text, places, is_open=is_open)
        yield from self._hex(text, is_open=is_open)
        if is_open:
            yield from self._unfinished(text)

    def _base64(self, text: bytes, places: list[int], *, is_open: bool) -> Iterator[Piece]:
        if self._anchors is not None:
            places = places + [start + more for _, start, _ in self._anchors.find(text) for more in range(4)]
        done = [-1] * 4
        for place in sorted(places):
            if place < done[place % 4]:
                continue
            left = max(0, place - self._reach)
            left = place - _RUN.match(text[left:place][::-1]).end()  # type: ignore[union-attr]
            right = _RUN.match(text, place, place + 2 * self._reach).end()  # type: ignore[union-attr]
            start = left + (place - left) % 4
            done[place % 4] = right if right < place + 2 * self._reach else right - self._reach
            piece = Base64Piece(text, start, right, is_open=is_open and right == len(text))
            if self._always or _TEXT.search(piece.text):
                yield piece

    def _hex(self, text: bytes, *, is_open: bool) -> Iterator[Piece]:
        rules = _rules()
        places = [start for _, start, _ in rules.digits.find(text.translate(rules.digit_table))]
        if self._digit_anchors:
            digits = _squeezed(text).lower()
            if any(anchor in digits for anchor in self._digit_anchors):
                places += [found.start() for found in re.finditer(rb"[0-9A-Fa-f]{2}", text)]
        done = -1
        for place in sorted(places):
            if place < done:
                continue
            left = max(0, place - self._reach)
            left = place - _DIGITS.match(text[left:place][::-1]).end()  # type: ignore[union-attr]
            right = _DIGITS.match(text, place, place + 2 * self._reach).end()  # type: ignore[union-attr]
            done = right if right < place + 2 * self._reach else right - self._reach
            for odd in (0, 1):
                yield HexPiece(text, left, right, odd, is_open=is_open and right == len(text))

    def _unfinished(self, text: bytes) -> Iterator[Piece]:
        """The end of the text, when it may be the beginning of an encoding in which the rule does not show yet."""
        tail = text[-_OPEN_BYTES:]
        size = _RUN.match(tail[::-1]).end()  # type: ignore[union-attr]
        first = len(text) - size
        for start in range(first, min(first + 4, len(text) - 1)):
            piece = Base64Piece(text, start, len(text), is_open=True)
            if self._is_plausible(piece.text):
                yield piece
        if _OPEN_DIGITS.search(tail, max(0, len(tail) - _OPEN_DIGITS_BYTES)):
            size = _DIGITS.match(tail[::-1]).end()  # type: ignore[union-attr]
            for odd in (0, 1):
                digits = HexPiece(text, len(text) - size, len(text), odd, is_open=True)
                if self._is_plausible(digits.text):
                    yield digits

    def _is_plausible(self, text: bytes) -> bool:
        """Whether the last bytes are text."""
        tail = text[-8:].replace(b"\0", b"")[-5:]
        return bool(tail) and (self._always or not tail.translate(None, _WRITTEN))


def _squeezed(text: bytes) -> bytes:
    """Without what parts digits."""
    return text.replace(b"0x", b"").replace(b"0X", b"").translate(None, _BETWEEN_DIGITS)


def _base64_forms(content: bytes) -> Iterator[bytes]:
    """The characters that depend on the content alone, with 0 to 2 unknown bytes before it."""
    for before in range(3):
        encoded = binascii.b2a_base64(bytes(before) + content, newline=False)
        form = encoded[-(-8 * before // 6) : 8 * (before + len(content)) // 6][:8]
        yield from (form, form.translate(bytes.maketrans(b"+/", b"-_")))


class _Rules(NamedTuple):
    """Classes of characters, and what six letters of ASCII look like in them."""

    table: bytes
    """Characters of base64 to their classes; others stay."""
    kinds: tuple[bytes, bytes, bytes, bytes]
    """The classes that may stand first, second, third and fourth of four."""
    groups: list[bytes]
    """Six of them in a row, which seven letters always have."""
    short_groups: list[bytes]
    """Five of them in a row."""
    digit_table: bytes
    digits: Automaton
    """Three pairs of hexadecimal digits, with what may stand between."""


@cache
def _rules() -> _Rules:
    classes = {}
    for at, character in enumerate(_ALPHABET):
        classes[character] = (at < 32) + 2 * (at % 16 < 8) + 4 * (at % 4 < 2)
    classes |= {ord("-"): 0, ord("_"): 0}
    table = bytes(97 + classes.get(byte, byte - 97) for byte in range(256))
    every = bytes(range(97, 105))
    first, second, third = (bytes(kind for kind in every if kind - 97 & bit) for bit in (1, 2, 4))
    digits = {**dict.fromkeys(b"234567", "H"), **dict.fromkeys(b"01", "0"), **dict.fromkeys(b"89abcdefABCDEF", "h")}
    digits |= {**dict.fromkeys(b" +:,;.|/_-\\xX", "s")}
    digit_table = bytes(ord(digits.get(byte, "n")) for byte in range(256))
    pairs = set()
    for one, two, three in product(("HH", "Hh", "H0"), repeat=3):
        for between in _SEPARATIONS:
            pairs |= {
                one + between + two + between + three,
                f"{one}{between}00{between}{two}{between}00{between}{three}",
            }
        pairs |= {f"{one}{two}s{three}", f"{one}s{two}{three}"}
        pairs |= {f"{one}00s{two}00s{three}"}
    pairs |= {"".join(four) for four in product("H0", "H0h", repeat=4)}
    return _Rules(
        table,
        (first, second, third, every),
        list(map(bytes, product(first, second, third, every, first, second))),
        list(map(bytes, product(first, second, third, every, first))),
        digit_table,
        Automaton([pair.encode() for pair in sorted(pairs)]),
    )
