"""Contrast of every theme: at least 4.5:1 for whatever is text, by the formula of WCAG 2."""

from __future__ import annotations

import itertools

import pytest
from textual.color import Color
from textual.theme import Theme

from tui.app.theme import THEMES

INKS = ("foreground", "wrong", "soon", "well", "chosen", "faint")
PAPERS = ("background", "surface", "cursor", "field", "field-focus")
_TRUE = [theme for theme in THEMES if not theme.ansi]


def contrast(one: Color, other: Color) -> float:
    """The ratio that WCAG 2 defines."""

    def luminance(colour: Color) -> float:
        parts = (part / 255 for part in colour.rgb)
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colour(theme: Theme, name: str) -> Color:
    return Color.parse(theme.variables.get(name) or getattr(theme, name))


@pytest.mark.parametrize("theme", _TRUE, ids=lambda theme: theme.name)
def test_theme_text_has_enough_contrast(theme: Theme) -> None:
    pairs = itertools.product(INKS, PAPERS)
    ratios = {(ink, paper): contrast(colour(theme, ink), colour(theme, paper)) for ink, paper in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", _TRUE, ids=lambda theme: theme.name)
def test_theme_cursor_has_enough_contrast(theme: Theme) -> None:
    assert contrast(colour(theme, "cursor-text"), colour(theme, "cursor")) >= 7


def test_other_themes_leave_the_colours_to_the_terminal() -> None:
    """Sixteen named ones, or none: what they look like is the terminal's to say."""
    for theme in (theme for theme in THEMES if theme.ansi):
        assert all(value.startswith("ansi_") for value in (theme.foreground, theme.background, theme.primary) if value)
