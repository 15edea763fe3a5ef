"""What a parser of terminal input delivered, as words."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.message import Message


def named(messages: Iterable[Message]) -> list[str]:
    """What came, for comparison."""
    found = []
    for message in messages:
        if isinstance(message, events.Key):
            found.append(message.key)
        elif isinstance(message, events.Paste):
            found.append(f"pasted {message.text!r}")
        elif isinstance(message, events.MouseDown):
            found.append(f"mouse {message.x},{message.y}")
    return found
