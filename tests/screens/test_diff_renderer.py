"""Only what differs is sent, and whatever is drawn, the terminal shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tests.screens.line import Cells
from tui.terminal.diff_renderer import DiffRenderer

ROWS, COLUMNS = 4, 30
CONSOLE = Console(color_system="truecolor", force_terminal=True)
STYLES = [None, Style(color="#ff0000"), Style(bold=True, bgcolor="#001020"), Style(reverse=True)]
segments = st.builds(Segment, st.text("ab é━⣀", min_size=1, max_size=COLUMNS), st.sampled_from(STYLES), st.none())
strips = st.lists(segments, max_size=4).map(lambda parts: Strip(parts).adjust_cell_length(COLUMNS))
pictures = st.lists(strips, min_size=ROWS, max_size=ROWS)
cuts = st.lists(st.integers(1, COLUMNS - 1), max_size=3, unique=True).map(lambda found: [0, *sorted(found), COLUMNS])


def meant(picture: list[Strip]) -> list[list[tuple[str, str]]]:
    """Each cell with its style, as Textual itself would have it sent."""
    cells = Cells(ROWS, COLUMNS)
    cells.feed(whole(picture).render_segments(CONSOLE).replace("\n", ""))
    return seen(cells)


def seen(cells: Cells) -> list[list[tuple[str, str]]]:
    """Of a blank only its ground is seen, unless it is reversed."""
    return [
        [(sign, re.sub(r"^(?:1;)?38;2;[0-9;]+$|^1;(?=48)", "", style) if sign == " " else style) for sign, style in row]
        for row in cells.cells
    ]


def chops(picture: list[Strip], at: list[int], spans: list[tuple[int, int, int]]) -> ChopsUpdate:
    pieces: list[Mapping[int, Strip | None]] = [
        {begin: strip.crop(begin, end) for begin, end in pairwise(at)} for strip in picture
    ]
    return ChopsUpdate(pieces, spans, [at[1:]] * ROWS)


def whole(picture: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[strip] for strip in picture], Region(0, 0, COLUMNS, ROWS))


@given(pictures, st.lists(st.tuples(pictures, cuts, st.booleans()), max_size=6))
def test_terminal_shows_the_drawn_cells_after_any_updates(
    first: list[Strip], then: list[tuple[list[Strip], list[int], bool]]
) -> None:
    shown, terminal = DiffRenderer(), Cells(ROWS, COLUMNS)
    now = first
    for picture, at, all_of_it in [(first, [0, COLUMNS], True), *then]:
        now = picture
        update = whole(now) if all_of_it else chops(now, at, [(y, 0, COLUMNS) for y in range(ROWS)])
        found = shown.differing(update, CONSOLE)
        terminal.feed(found.render_segments(CONSOLE) if found else "")
        assert seen(terminal) == meant(now)
        assert shown.differing(chops(now, at, [(y, 0, COLUMNS) for y in range(ROWS)]), CONSOLE) is None


@given(pictures, pictures, cuts, st.tuples(st.integers(0, ROWS - 1), st.integers(0, 14), st.integers(15, COLUMNS)))
def test_part_that_is_drawn_leaves_the_rest_alone(
    first: list[Strip], then: list[Strip], at: list[int], span: tuple[int, int, int]
) -> None:
    shown, terminal = DiffRenderer(), Cells(ROWS, COLUMNS)
    for update in whole(first), chops(then, at, [span]):
        found = shown.differing(update, CONSOLE)
        terminal.feed(found.render_segments(CONSOLE) if found else "")
    y, begin, end = span
    before, after = meant(first), meant(then)
    assert seen(terminal)[y][begin:end] == after[y][begin:end]
    assert seen(terminal)[y][end:] == before[y][end:]
    assert [row for n, row in enumerate(seen(terminal)) if n != y] == [row for n, row in enumerate(before) if n != y]


def one(text: str) -> list[Strip]:
    return [Strip([Segment(text)]).adjust_cell_length(COLUMNS) for _ in range(ROWS)]


def test_figure_that_moves_costs_its_own_cells() -> None:
    shown = DiffRenderer()
    shown.differing(whole(one("disk   41 % full")), CONSOLE)
    found = shown.differing(chops(one("disk   42 % full"), [0, COLUMNS], [(1, 0, COLUMNS)]), CONSOLE)
    assert found is not None
    assert found.render_segments(CONSOLE) == "\x1b[2;9H2"


def test_cells_drawn_as_a_whole_or_overwritten_by_others_are_sent_again() -> None:
    shown, picture = DiffRenderer(), one("disk   41 % full")
    shown.differing(whole(picture), CONSOLE)
    part = chops(picture, [0, COLUMNS], [(1, 0, COLUMNS)])
    assert shown.differing(part, CONSOLE) is None
    shown.forget()
    again = shown.differing(part, CONSOLE)
    assert again is not None
    assert "disk   41 % full" in again.render_segments(CONSOLE)
    assert shown.differing(whole(picture), CONSOLE) is not None


def test_signs_that_are_not_one_cell_wide_are_sent_with_their_whole_piece() -> None:
    """Terminals differ on them, so that no place to the right of one is known."""
    shown = DiffRenderer()
    for text in ("漢字 and more", "e\u0301 and more"):
        shown.differing(whole(one(text)), CONSOLE)
        found = shown.differing(chops(one(text), [0, COLUMNS], [(1, 0, COLUMNS)]), CONSOLE)
        assert found is not None
        assert text in found.render_segments(CONSOLE)
