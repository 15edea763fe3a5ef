"""Markdown as calm lines: paragraphs, lists, code, headings, quotes and tables; what it cannot show stays as it was
written."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from midwatch.runbook.text_values import fill
from screens.widgets.styles import CHOSEN, FAINT, STRONG, TextStyles
from screens.widgets.text_layout import fit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode

_NARROWEST = 12
_DEEPEST = 8
"""Lists inside one another that are still indented."""


def markdown_lines(
    text: str, width: int, text_styles: TextStyles, values: Mapping[str, str] | None = None
) -> list[Content]:
    """The text as lines of at most `width` cells. Foreign text is safe here: it is cleaned before it is read as
    Markdown.

    `values` stand in place of their names in the text. They are put in after it was read, so they are never Markdown.
    """
    return list(_made(text, width, text_styles, tuple((values or {}).items())))


@functools.lru_cache(maxsize=32)  # a page is made again every second, and mostly from the same text
def _made(text: str, width: int, text_styles: TextStyles, values: tuple[tuple[str, str], ...]) -> tuple[Content, ...]:
    from markdown_it.tree import SyntaxTreeNode

    tokens = _parser().parse(text_styles.clean(text.strip(), newlines=True))
    if values:
        _put_in(tokens, dict(values))
    root = SyntaxTreeNode(tokens)
    lines = _blocks(root.children, max(width, _NARROWEST), text_styles, 0)
    return tuple(_trimmed(lines))


def _put_in(tokens: Sequence[Token], values: Mapping[str, str]) -> None:
    for token in tokens:
        token.content = fill(token.content, values)
        _put_in(token.children or (), values)


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _blocks(nodes: Sequence[SyntaxTreeNode], width: int, text_styles: TextStyles, depth: int) -> list[Content]:
    lines: list[Content] = []
    for node in nodes:
        lines += [*_block(node, width, text_styles, depth), Content("")]
    return lines


def _block(node: SyntaxTreeNode, width: int, text_styles: TextStyles, depth: int) -> list[Content]:
    if node.type == "heading":
        return [line.stylize(text_styles.style(STRONG)) for line in _wrapped(_inline(node, text_styles), width)]
    if node.type in ("bullet_list", "ordered_list"):
        return _list(node, width, text_styles, depth)
    if node.type in ("fence", "code_block"):
        code = [
            text_styles.ink(fit(line, width - 2, text_styles), STRONG) for line in node.content.rstrip("\n").split("\n")
        ]
        return _barred(code, text_styles)
    if node.type == "blockquote":
        return _barred(_trimmed(_blocks(node.children, width - 2, text_styles, depth)), text_styles)
    if node.type == "hr":
        return [text_styles.ink(text_styles.signs.empty * min(width, 24), FAINT)]
    if node.type == "table":
        return _table(node, width, text_styles)
    return _wrapped(_inline(node, text_styles), width)


def _list(node: SyntaxTreeNode, width: int, text_styles: TextStyles, depth: int) -> list[Content]:
    lines: list[Content] = []
    start = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
    for number, item in enumerate(node.children, start=start):
        head = f"{number}. " if node.type == "ordered_list" else f"{text_styles.signs.dot} "
        inner = _trimmed(
            _tight(item.children, width - len(head) if depth < _DEEPEST else width, text_styles, depth + 1)
        )
        for place, line in enumerate(inner or [Content("")]):
            lines.append(
                Content.assemble(
                    text_styles.ink(head if place == 0 else " " * len(head), CHOSEN if place == 0 else ""), line
                )
            )
    return lines


def _tight(nodes: Sequence[SyntaxTreeNode], width: int, text_styles: TextStyles, depth: int) -> list[Content]:
    """The inside of a list's item, without empty lines between its parts."""
    return [line for node in nodes for line in _block(node, max(width, _NARROWEST), text_styles, depth)]


def _barred(lines: Sequence[Content], text_styles: TextStyles) -> list[Content]:
    bar = text_styles.ink("| " if text_styles.ascii else "│ ", FAINT)
    return [Content.assemble(bar, line) for line in lines]


def _trimmed(lines: list[Content]) -> list[Content]:
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def _table(node: SyntaxTreeNode, width: int, text_styles: TextStyles) -> list[Content]:
    """Columns as wide as their widest cell; the last one is cut where there is no room."""
    rows = [
        [_inline(cell, text_styles) for cell in row.children]
        for part in node.children
        for row in part.children
        if row.type == "tr"
    ]
    columns = max(map(len, rows), default=0)
    widths = [max((row[n].cell_length for row in rows if n < len(row)), default=0) for n in range(columns)]
    lines = []
    for place, row in enumerate(rows):
        cells = [
            Content.assemble(cell, " " * (widths[n] - cell.cell_length if n + 1 < columns else 0))
            for n, cell in enumerate(row)
        ]
        line = Content("  ").join(cells).truncate(width, ellipsis=True)
        lines.append(line.stylize(text_styles.style(STRONG)) if place == 0 else line)
    return lines


def _wrapped(content: Content, width: int) -> list[Content]:
    return [line.rstrip() for part in content.split("\n") for line in part.wrap(max(width, 1))] if content else []


_STYLES = {"strong": STRONG, "em": "italic", "s": "strike"}


def _inline(node: SyntaxTreeNode, text_styles: TextStyles) -> Content:
    """The words of a block, with their stress."""
    return Content.assemble(*(part for child in node.children for part in _spans(child, "", text_styles)))


def _spans(node: SyntaxTreeNode, style: str, text_styles: TextStyles) -> list[Content]:
    if node.type == "code_inline":
        return [text_styles.ink(node.content, STRONG)]
    if node.type == "softbreak":
        return [Content(" ")]
    if node.type == "hardbreak":
        return [Content("\n")]
    inner = " ".join(filter(None, (style, _STYLES.get(node.type, ""))))
    if not node.children:
        return [text_styles.ink(node.content, style)] if node.content else []
    parts = [part for child in node.children for part in _spans(child, inner, text_styles)]
    if node.type == "link" and (href := str(node.attrs.get("href", ""))) != "".join(part.plain for part in parts):
        parts.append(text_styles.ink(f" <{href}>", FAINT))
    return parts
