"""Hostile words, and what kinds of things a Markdown document holds."""

from __future__ import annotations

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("gfm-like", {"html": True, "linkify": True})


CHARACTERS = st.sampled_from("\\`*_{}[]()#+-.!|<>~&;:@/=\"' \t\n\raw0123456789\x1b\x00\u202e") | st.characters(
    codec="utf-8"
)


PIECES = [
    "http://a.b",
    "www.a.b",
    "<b>",
    "<!--",
    "&lt;",
    "&#65;",
    "[x](y)",
    "![x](y)",
    "```",
    "\n# h",
    "\n\n- x",
    "a@b.co",
    "*x*",
]

WORDS = st.lists(st.text(CHARACTERS, max_size=12) | st.sampled_from(PIECES), max_size=6).map("".join)


def shape(markdown: str) -> list[str]:
    """What kinds of things a document holds, text aside."""
    quiet = {"text", "softbreak", "hardbreak", "text_special"}

    def kinds(tokens: list[Token]) -> list[str]:
        return [t.type for token in tokens for t in [token, *(token.children or [])] if t.type not in quiet]

    return kinds(PARSER.parse(markdown))
