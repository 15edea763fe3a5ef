"""Lines of a given width: wrapped, aligned on both edges, in columns. Pure text, no widget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from rich.cells import cell_len, chop_cells
from textual.content import Content

from screens.widgets.styles import FAINT, TextStyles

_UNITS = frozenset({"%", "B", "kB", "MB", "GB", "TB", "s", "min", "h", "d"})
_APART = 12
"""Cells from which on a text is shortened in its middle."""
_LONELY = 5
"""Cells of a last word that takes the one before it with it: alone on its line it is overlooked."""

_SIGNS_IN_A_CELL = 8
"""Characters of a word that are measured for each cell of a line; more combining signs than these are cut."""


def wrap(text: str, width: int) -> list[str]:
    """Words broken over lines of at most `width` cells; a word that is longer is cut."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line, used, begin = "", 0, len(lines)
        for word in _whole(paragraph.split(" ")):
            cells = cell_len(word)
            if line and used + 1 + cells <= width:
                line, used = f"{line} {word}", used + 1 + cells
                continue
            if line:
                lines.append(line)
            pieces = _cut(word, max(width, 1)) if cells > width else [word]
            lines.extend(pieces[:-1])
            line = pieces[-1] if pieces else ""
            used = cell_len(line)
        lines.append(line)
        _join_last(lines, begin, width)
    return lines


def _whole(words: list[str]) -> Iterator[str]:
    """The words, a figure with its unit as one: `33 %` is not read over two lines."""
    held = ""
    for word in words:
        if held and word.rstrip(".,;:)") in _UNITS:
            held = f"{held} {word}"
            continue
        if held:
            yield held
        held = word if word.lstrip("(~≤<=").replace(".", "").isdigit() else ""
        if not held:
            yield word
    if held:
        yield held


def _join_last(lines: list[str], begin: int, width: int) -> None:
    """Have a short last word accompanied, where the lines of its paragraph have a word to spare."""
    if len(lines) < begin + 2 or not 0 < cell_len(lines[-1]) <= _LONELY or len(lines[-2].split()) < 3:
        return
    rest, _, word = lines[-2].rpartition(" ")
    if word and " " not in lines[-1] and not rest[-1].isdigit() and cell_len(word) + 1 + cell_len(lines[-1]) <= width:
        lines[-2:] = [rest, f"{word} {lines[-1]}"]


def _cut(word: str, width: int) -> list[str]:
    """A word that is too long, cut where a path or a name may be cut, if there is such a place not too early in the
    line."""
    pieces = []
    reach = width * _SIGNS_IN_A_CELL
    while len(word) > reach or cell_len(word) > width:
        head = chop_cells(word[:reach], width)[0]
        for signs in ("/", "-_.,:="):
            at = max(head.rfind(sign) for sign in signs) + 1
            if at > len(head) // 3:
                head = head[:at]
                break
        pieces.append(head)
        word = word[len(head) :]
    return [*pieces, word]


def fit(text: str, width: int, text_styles: TextStyles) -> str:
    """The text on one line of at most `width` cells; what was cut off is marked."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return text_styles.signs.more[:width]
    return chop_cells(text, width - 1)[0] + text_styles.signs.more


def fit_middle(text: str, width: int, text_styles: TextStyles) -> str:
    """As `fit`, but begin and end stay and the middle is left out: the end often says what a title is about."""
    if cell_len(text) <= width or width < _APART:
        return fit(text, width, text_styles)
    tail = chop_cells(text[::-1], width * 2 // 5)[0][::-1]
    return fit(text, width - cell_len(tail.lstrip()), text_styles).replace(" …", "…") + tail.lstrip()


def fit_apart(text: str, others: Iterable[str], width: int, text_styles: TextStyles) -> str:
    """As `fit_middle`; where another text would look the same then, the part that differs stays."""
    short = fit_middle(text, width, text_styles)
    if short == text or width < _APART:
        return short
    head, _, end = short.rpartition(text_styles.signs.more)
    alike = [other for other in others if other != text and other.startswith(head) and other.endswith(end)]
    if not alike:
        return short
    differs = max(_alike(text, other) for other in alike)
    begin = max(differs - len(text[:differs].rpartition(" ")[2]), 0)
    tail = fit(text[begin:], width * 2 // 3, text_styles)
    return fit(text[:begin].rstrip(), width - cell_len(tail), text_styles) + tail


def _alike(text: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text, other, strict=False)))


def edges(left: Content, right: Content, width: int) -> Content:
    """One line with something on both edges. The right one stays whole; the left one is cut when there is no room."""
    room = width - right.cell_length - (1 if right.cell_length else 0)
    if left.cell_length > room:
        left = left.truncate(max(room, 0), ellipsis=True)
    gap = max(width - left.cell_length - right.cell_length, 0)
    return Content.assemble(left, " " * gap, right)


def paragraph(text: str, width: int, text_styles: TextStyles, *, style: str = "", indent: int = 0) -> list[Content]:
    """Foreign text, wrapped and indented."""
    pad = " " * indent
    return [
        text_styles.ink(pad + line, style)
        for line in wrap(text_styles.clean(text.strip(), newlines=True), max(width - indent, 8))
    ]


def labelled(
    label: str, text: str, width: int, text_styles: TextStyles, *, column: int = 9, style: str = ""
) -> list[Content]:
    """A faint label, and its text in a column beside it."""
    column = max(column, len(label) + 1)
    lines = wrap(text_styles.clean(text.strip(), newlines=True), max(width - column, 8))
    heads = [label, *[""] * (len(lines) - 1)]
    return [
        Content.assemble(text_styles.ink(head.ljust(column), FAINT), text_styles.ink(line, style))
        for head, line in zip(heads, lines, strict=True)
    ]


def joined(lines: Iterable[Content]) -> Content:
    """Lines as one content."""
    return Content("\n").join(lines)
