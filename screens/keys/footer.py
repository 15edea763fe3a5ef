"""The footer: what Enter does, then the keys that work now, as many as there is room for. Each can be clicked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from screens.widgets.key import Key, shown
from screens.widgets.key_line import ClickableLine, clickable, key_part, on_both_edges
from screens.widgets.styles import CHOSEN, TextStyles

ALWAYS = ("timeline", "detail", "leave", "help")
"""Keys that stand at the right edge at any width."""
_WORDS_FROM = 100
"""Cells from which on these have their words; below, only help has."""


def footer_line(
    deed: str, keys: Iterable[tuple[Key, str]], keymap: Mapping[str, str], width: int, text_styles: TextStyles
) -> ClickableLine:
    """`keys` are those that work now with their words, most useful first."""
    given = [(key.id, shown(keymap.get(key.id, key.key), ascii=text_styles.ascii), words) for key, words in keys]
    by_id = {name: (name, key, words) for name, key, words in given}
    full = width >= _WORDS_FROM
    right = [
        (_press(name), key_part(key, words if full or name == ALWAYS[-1] else "", text_styles))
        for name, key, words in (by_id[name] for name in ALWAYS if name in by_id)
    ]
    apart = 3 if full else 1
    room = width - sum(part.cell_length + apart for _, part in right) + apart - 3
    left = [(_press("go"), key_part("Enter", deed, text_styles, CHOSEN))]
    used = left[0][1].cell_length
    for name, key, words in given:
        part = key_part(key, words, text_styles)
        if name not in ALWAYS and used + 3 + part.cell_length <= room:
            left.append((_press(name), part))
            used += 3 + part.cell_length
    return on_both_edges(clickable(left), clickable(right, apart), width)


def _press(name: str) -> str:
    return f"press('{name}')"
