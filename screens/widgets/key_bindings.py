"""What is made from a registry of keys: bindings, footer and help, with every key as it has been given and as it works
now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen

from screens.widgets.key import Key, shown
from screens.widgets.key_line import ClickableLine, clickable, key_part, on_both_edges
from screens.widgets.styles import TextStyles
from screens.widgets.text_layout import labelled

YES = Key("dialog.yes", "y", "", "Yes: do it", action="yes")
DECLINE = Key("dialog.decline", "ctrl+d", "", "Say no to it, and why", action="decline")
EXPORT = Key("dialog.export", "e", "", "Write the timeline of a rehearsal to a file that stays", action="export")
EVALUATE = Key("dialog.evaluate", "ctrl+r", "", "Evaluate the criteria again", action="evaluate")
PREVIEW = Key("dialog.preview", "f3", "", "The message as its readers get it, and who they are", action="preview")
EDITOR = Key("dialog.editor", "f4", "", "Edit the text in your own editor ($EDITOR); steps go on", action="editor")
DRAFT = Key("dialog.draft", "f5", "", "Draft the text anew from the journal", action="draft")
ACCEPT = Key(
    "dialog.accept", "ctrl+s", "", "Do what the right choice says, from wherever the focus is", action="accept"
)
HELP = Key("dialog.help", "f1", "help", "These keys; so does ? where nothing is typed", action="help")
DIALOG = (YES, DECLINE, EXPORT, EVALUATE, PREVIEW, EDITOR, DRAFT, ACCEPT, HELP)


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


def footer(
    screen: Screen[Any],
    keys: Iterable[Key],
    said: Content,
    width: int,
    text_styles: TextStyles,
    hints: Sequence[tuple[str, str, str]] = (),
) -> ClickableLine:
    """The way out, the `hints` (a key, its words, its action), then the keys that work now, as many as there is room
    for. At the right what was said last, then help."""
    now = there(screen, keys)
    help_key = next((key for key, what in now if what.does == "help"), "")
    right = [("", said)] if said else []
    if help_key:
        right.append(("help", key_part(shown(help_key, ascii=text_styles.ascii), "help", text_styles)))
    left = [(action, key_part(key, words, text_styles)) for key, words, action in (("Esc", "back", "leave"), *hints)]
    room = width - clickable(right).line.cell_length - clickable(left).line.cell_length - 1
    for key, what in now:
        part = key_part(shown(key, ascii=text_styles.ascii), what.words, text_styles)
        if what.words and room >= part.cell_length + 3:
            room -= part.cell_length + 3
            left.append((what.does, part))
    return on_both_edges(clickable(left), clickable(right), width)


def key_lines(
    now: Sequence[tuple[str, Key]], moves: Sequence[tuple[str, str]], width: int, text_styles: TextStyles
) -> list[Content]:
    """Every key that works now with what it does, and how one moves."""
    rows = [*((shown(key, ascii=text_styles.ascii), what.help) for key, what in now), *moves]
    return [line for key, words in rows for line in labelled(f" {key}", words, width, text_styles, column=13)]
