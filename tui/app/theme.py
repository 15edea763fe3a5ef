"""The themes: dark, light, and the terminal's own colours. Colours have four meanings."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import BUILTIN_THEMES, Theme

_ANSI = BUILTIN_THEMES["ansi-dark"].variables

DARK = Theme(
    name="midwatch-dark",
    primary="#82aaff",
    secondary="#82aaff",
    accent="#82aaff",
    warning="#e5c07b",
    error="#ff7a85",
    success="#8fc98b",
    foreground="#d3d7de",
    background="#11151c",
    surface="#1a202a",
    panel="#1a202a",
    dark=True,
    variables={
        "wrong": "#ff7a85",
        "soon": "#e5c07b",
        "well": "#8fc98b",
        "chosen": "#82aaff",
        "faint": "#9aa3b2",
        "edge": "#3a4352",
        "cursor": "#26324a",
        "cursor-text": "#e8ecf3",
        "field": "#252d3a",
        "field-focus": "#2c3749",
    },
)
LIGHT = Theme(
    name="midwatch-light",
    primary="#1d4fb8",
    secondary="#1d4fb8",
    accent="#1d4fb8",
    warning="#855500",
    error="#b3182a",
    success="#22692a",
    foreground="#20262f",
    background="#fbfbf9",
    surface="#eeeeea",
    panel="#eeeeea",
    dark=False,
    variables={
        "wrong": "#b3182a",
        "soon": "#855500",
        "well": "#22692a",
        "chosen": "#1d4fb8",
        "faint": "#5c6470",
        "edge": "#c3c6cc",
        "cursor": "#d8e3fa",
        "cursor-text": "#10151c",
        "field": "#e4e4df",
        "field-focus": "#dce6fb",
    },
)
# The terminal's own sixteen: for TERM=linux, and for NO_COLOR, where every colour is the default one.
PLAIN = Theme(
    name="midwatch-plain",
    ansi=True,
    primary="ansi_default",
    secondary="ansi_default",
    warning="ansi_default",
    error="ansi_default",
    success="ansi_default",
    accent="ansi_default",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables=_ANSI
    | {
        "wrong": "ansi_default",
        "soon": "ansi_default",
        "well": "ansi_default",
        "chosen": "ansi_default",
        "faint": "ansi_default",
        "edge": "ansi_default",
        "cursor": "ansi_default",
        "cursor-text": "ansi_default",
        "field": "ansi_default",
        "field-focus": "ansi_default",
    },
)
SIXTEEN = Theme(
    name="midwatch-16",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables=_ANSI
    | {
        "wrong": "ansi_bright_red",
        "soon": "ansi_bright_yellow",
        "well": "ansi_green",
        "chosen": "ansi_bright_cyan",
        "faint": "ansi_default",
        "edge": "ansi_default",
        "cursor": "ansi_blue",
        "cursor-text": "ansi_bright_white",
        "field": "ansi_blue",
        "field-focus": "ansi_blue",
    },
)
THEMES = (DARK, LIGHT, SIXTEEN, PLAIN)


def theme_for(environment: Mapping[str, str]) -> str:
    """The theme's name for a terminal: MIDWATCH_THEME, else no colours, sixteen, light or dark by what it says of
    itself."""
    wanted = environment.get("MIDWATCH_THEME", "")
    for theme in THEMES:
        if theme.name == f"midwatch-{wanted}":
            return theme.name
    if environment.get("NO_COLOR"):
        return PLAIN.name
    if environment.get("TERM", "") in ("linux", "vt100", "vt220", "ansi", "screen", "xterm-color"):
        return SIXTEEN.name
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in ("7", "15") else DARK.name
