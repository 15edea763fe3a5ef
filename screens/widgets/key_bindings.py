"""What is made from a registry of keys: bindings, footer and help, with every key as it has been given and as it works
now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen

from screens.widgets.key import Key, shown
from screens.widgets.styles import CHOSEN, FAINT, TextStyles
from screens.widgets.text_layout import edges, labelled

YES = Key("dialog.yes", "y", "", "Yes: do it", action="yes")
DECLINE = Key("dialog.decline", "ctrl+d", "", "Say no to it, and why", action="decline")
EXPORT = Key("dialog.export", "e", "", "Write the timeline of a rehearsal to a file that stays", action="export")
EVALUATE = Key("dialog.evaluate", "ctrl+r", "", "Evaluate the criteria again", action="evaluate")
ACCEPT = Key(
    "dialog.accept", "ctrl+s", "", "Do what the right choice says, from wherever the focus is", action="accept"
)
HELP = Key("dialog.help", "f1", "help", "These keys; so does ? where nothing is typed", action="help")
DIALOG = (YES, DECLINE, EXPORT, EVALUATE, ACCEPT, HELP)


def bindings(keys: Iterable[Key], *, priority: bool = False) -> list[BindingType]:
    """What Textual hears."""
    return [
        Binding(
            key.key,
            key.does,
            key.words or key.help,
            id=key.id,
            show=False,
            priority=priority or key.id == "dialog.accept",
        )
        for key in keys
    ]


def there(screen: Screen[Any], keys: Iterable[Key]) -> list[tuple[str, Key]]:
    """Those that do something on this screen now, each with the key as it has been given."""
    live = {
        active.binding.id: key for key, active in screen.active_bindings.items() if active.enabled and active.binding.id
    }
    return [(live[key.id], key) for key in keys if key.id in live]


def footer(screen: Screen[Any], keys: Iterable[Key], right: Content, width: int, text_styles: TextStyles) -> Content:
    """The way out, then the keys that work now, as many as there is room for."""
    parts = [Content.assemble(text_styles.ink("Esc", "bold"), text_styles.ink(" back", FAINT))]
    room = width - right.cell_length - 1 - parts[0].cell_length
    for key, what in there(screen, keys):
        part = Content.assemble(
            text_styles.ink(shown(key, ascii=text_styles.ascii), "bold"), text_styles.ink(f" {what.words}", FAINT)
        )
        if not what.words or room < part.cell_length + 3:
            continue
        room -= part.cell_length + 3
        parts.append(part)
    return edges(Content("   ").join(parts), right, width)


def help_word(screen: Screen[Any], keys: Iterable[Key], text_styles: TextStyles) -> Content:
    """`? help`, with the key that it has been given."""
    key = next((key for key, what in there(screen, keys) if what.action == "help"), "f1")
    return Content.assemble(
        text_styles.ink(shown(key, ascii=text_styles.ascii), "bold"), text_styles.ink(" help", FAINT)
    )


def key_lines(
    now: Sequence[tuple[str, Key]], moves: Sequence[tuple[str, str]], width: int, text_styles: TextStyles
) -> list[Content]:
    """Every key that works now with what it does, and how one moves."""
    rows = [*((shown(key, ascii=text_styles.ascii), what.help) for key, what in now), *moves]
    return [line for key, words in rows for line in labelled(f" {key}", words, width, text_styles, column=13)]


def notice_of(said: str, help_: Content, text_styles: TextStyles) -> Content:
    """The right end of a footer: what was said last, then help."""
    return Content.assemble(text_styles.ink(said, CHOSEN), "   ", help_) if said else help_
