"""Renders differences only: compares with the shown cells and sends the changed ones, for slow connections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

_GAP = 10
"""Cells that are the same between two that differ, above which it costs less to move the cursor than to send them
again."""
_RESET = "\x1b[0m"


class DiffRenderer:
    """Remembers what was sent. A screen that is drawn as a whole is sent as a whole, so that it mends whatever went
    wrong."""

    def __init__(self) -> None:
        self._rows: dict[int, tuple[list[str], list[str]]] = {}
        """The sign and the style of each cell, by row; empty where nobody knows."""
        self._grounds: dict[str, str] = {"": ""}
        """What is seen of each style where there is a blank."""

    def forget(self) -> None:
        """Somebody else may have written there: what is drawn from now on is sent, whatever stood there before."""
        self._rows.clear()

    def differing(self, update: CompositorUpdate, console: Console) -> DiffUpdate | None:
        """What has to be sent for this update, and counts as shown from now on; None where the terminal shows it
        already."""
        if isinstance(update, LayoutUpdate):
            self.forget()
        pieces = _pieces(update)
        if pieces is None:
            self.forget()
            return DiffUpdate(update.render_segments(console))
        pencil, system = _Pencil(self._grounds), console._color_system or ColorSystem.TRUECOLOR
        for y, x, strip in pieces:
            cells = self._cells(strip, system)
            if cells is None:
                self._rows.pop(y, None)
                pencil.whole(y, x, strip.render(console))
            else:
                self._draw(y, x, cells, pencil)
        text = pencil.text
        return DiffUpdate(text) if text else None

    def _draw(self, y: int, x: int, cells: tuple[str, list[str]], pencil: _Pencil) -> None:
        signs, styles = self._rows.setdefault(y, ([], []))
        missing = x + len(cells[0]) - len(signs)
        if missing > 0:
            signs += [""] * missing
            styles += [""] * missing
        end = x + len(cells[0])
        for first, last in _runs(signs[x:end], styles[x:end], *cells):
            pencil.write(y, x + first, cells[0][first:last], cells[1][first:last])
        signs[x:end], styles[x:end] = cells[0], cells[1]

    def _cells(self, strip: Strip, system: ColorSystem) -> tuple[str, list[str]] | None:
        """Signs and styles; None where a sign is not one cell wide, or carries more than can be compared."""
        text, styles = [], []
        for part, style, control in strip:
            if control or (style is not None and style.link) or not _single(part):
                return None
            text.append(part)
            ink, ground = _inks(style, system) if style is not None else ("", "")
            self._grounds[ink] = self._grounds[ground] = ground
            styles += [ground if sign == " " else ink for sign in part] if ink != ground else [ink] * len(part)
        return "".join(text), styles


class DiffUpdate(CompositorUpdate):
    """Text for the terminal, made already."""

    def __init__(self, text: str) -> None:
        self._text = text

    def render_segments(self, console: Console) -> str:
        """Return the prepared text."""
        return self._text


class _Pencil:
    """Gathers what is sent; a style is said once and stands until there is another one."""

    def __init__(self, grounds: Mapping[str, str]) -> None:
        self._grounds, self._style = grounds, ""
        self._parts: list[str] = []

    @property
    def text(self) -> str:
        """All of it; it ends without a style."""
        return "".join([*self._parts, _RESET]) if self._style else "".join(self._parts)

    def write(self, y: int, x: int, signs: str, styles: list[str]) -> None:
        """Signs of one cell each, from this cell on."""
        self._parts.append(f"\x1b[{y + 1};{x + 1}H")
        at = 0
        for n, style in enumerate(styles):
            if style != self._style and not (signs[n] == " " and style == self._grounds[self._style]):
                self._parts += [signs[at:n], f"\x1b[0;{style}m" if style else _RESET]
                at, self._style = n, style
        self._parts.append(signs[at:])

    def whole(self, y: int, x: int, rendered: str) -> None:
        """Text that brings its own styles."""
        self._parts += [_RESET if self._style else "", f"\x1b[{y + 1};{x + 1}H", rendered]
        self._style = ""


def _pieces(update: CompositorUpdate) -> Iterable[tuple[int, int, Strip]] | None:
    """Row, column and content of each piece; None for an update of another kind."""
    if isinstance(update, LayoutUpdate):
        return _of_layout(update)
    return _of_chops(update) if isinstance(update, ChopsUpdate) else None


def _of_layout(update: LayoutUpdate) -> Iterator[tuple[int, int, Strip]]:
    for y, strips in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in strips:
            yield y, x, strip
            x += strip.cell_length


def _of_chops(update: ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    for y, begin, end in update.spans:
        for stop, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x < end and stop > begin:
                yield y, x, strip if stop <= end else strip.crop(0, end - x)


def _single(text: str) -> bool:
    return text.isascii() or all(get_character_cell_size(sign) == 1 for sign in text)


@lru_cache(maxsize=2048)
def _inks(style: Style, system: ColorSystem) -> tuple[str, str]:
    """How a sign is written, and a blank: of a blank only the ground is seen, unless something is drawn through it."""
    ink = Strip.render_ansi(style, system)
    if style.reverse or style.underline or style.underline2 or style.overline or style.strike or style.blink:
        return ink, ink
    return ink, Strip.render_ansi(Style(bgcolor=style.bgcolor), system)


def _runs(old: list[str], old_styles: list[str], signs: str, styles: list[str]) -> Iterator[tuple[int, int]]:
    """Begin and end of what differs, near ones as one."""
    first = last = -1
    for n, (sign, style) in enumerate(zip(signs, styles, strict=True)):
        if sign == old[n] and style == old_styles[n]:
            continue
        if first < 0:
            first = n
        elif n - last > _GAP:
            yield first, last + 1
            first = n
        last = n
    if first >= 0:
        yield first, last + 1
