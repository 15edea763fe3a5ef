"""Text cut to a length."""

from __future__ import annotations


def shortened(text: str, limit: int = 40) -> str:
    """The text in at most `limit` characters. A cut one ends with `…`."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
