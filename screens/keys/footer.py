"""The footer: what Enter does, then the keys that work now, as many as there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.content import Content

from screens.widgets.key import Key, shown
from screens.widgets.styles import CHOSEN, FAINT, TextStyles
from screens.widgets.text_layout import edges


def footer_line(
    deed: str, keys: Iterable[tuple[Key, str]], keymap: Mapping[str, str], width: int, text_styles: TextStyles
) -> Content:
    """`keys` are those that work now with their words, most useful first. Help stands at the edge at any width."""
    first = Content.assemble(text_styles.ink("Enter", f"bold {CHOSEN}"), text_styles.ink(f" {deed}", CHOSEN))
    help_ = Content.assemble(text_styles.ink("?", "bold"), text_styles.ink(" help", FAINT))
    parts, used = [first], first.cell_length + help_.cell_length + 3
    for key, words in keys:
        name = shown(keymap.get(key.id, key.key), ascii=text_styles.ascii)
        part = Content.assemble(text_styles.ink(name, "bold"), text_styles.ink(f" {words}", FAINT))
        if used + part.cell_length + 3 > width:
            continue
        parts.append(part)
        used += part.cell_length + 3
    return edges(Content("   ").join(parts), help_, width)
