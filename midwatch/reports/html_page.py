"""An export as one HTML file: made from its Markdown, without a script and without any outside resource."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template

from markdown_it import MarkdownIt
from markdown_it.token import Token

from midwatch.reports.charts import Chart
from midwatch.reports.markdown import BETWEEN
from midwatch.reports.timeline_entry import BY, Source
from midwatch.system.sanitize import safe_text

CHARTS = "Charts"
_ROWS_AT_ONCE = 1000
"""A long table is read in parts of this many rows, so that memory is bounded."""
_FENCE = re.compile(r" *(?P<ticks>`{3,})(?P<rest>[^`]*)$")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d( \w{1,5})?")
_HATCH = (
    '<svg class="patterns" aria-hidden="true"><defs><pattern id="hatched" width="6" height="6" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="6" class="hatch"/>'
    "</pattern></defs></svg>"
)
_SHOWN = ((Source.PERSON, "people"), (Source.AUTOMATIC, "automatic"), (Source.OUTSIDE, "from outside"))
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def html_page(markdown: str, charts: Sequence[Chart] = (), *, template: str = "", before: str = "") -> str:
    """The page. The charts stand before the section with the heading `before`, or at the end.

    A template is a page with `$title`, `$style`, `$policy` and `$content`. Raises `KeyError` and `ValueError` for a
    template with other placeholders.
    """
    style = files("midwatch.reports").joinpath("page.css").read_text(encoding="utf-8")
    page = template or files("midwatch.reports").joinpath("page.html").read_text(encoding="utf-8")
    return Template(page).substitute(
        title=escape(_plain_title(markdown)),
        style=style,
        policy=_policy(style),
        content="".join(_content(markdown, charts, before)),
    )


def _policy(style: str) -> str:
    """Nothing is loaded, nothing runs, and only our own style counts."""
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _plain_title(markdown: str) -> str:
    heading = markdown.lstrip().partition("\n")[0]
    inline = _PARSER.parseInline(heading.removeprefix("# "))
    return "".join(token.content for token in inline[0].children or ())


def _content(markdown: str, charts: Sequence[Chart], before: str) -> Iterator[str]:
    drawn = "".join(_figures(charts))
    slugs = _Slugs()
    body: list[str] = []
    for piece in _pieces(markdown):
        tokens = _PARSER.parse(piece)
        slugs.name(tokens)
        html = _rendered(tokens)
        if drawn and before and slugs.last == before:
            html, drawn = drawn + html, ""
            slug, title = slugs.found.popitem()
            slugs.found |= {"charts": CHARTS, slug: title}
        body.append(html)
    if drawn:
        slugs.found["charts"] = CHARTS
        body.append(drawn)
    first, *rest = body
    yield first.replace("</h1>\n", f"</h1>\n{slugs.contents()}", 1)
    yield from rest


class _Slugs:
    """The headings of the second level, each with a name for links that occurs once."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.last = ""

    def name(self, tokens: Sequence[Token]) -> None:
        """Give each heading its name."""
        for number, token in enumerate(tokens):
            if token.type == "heading_open" and token.tag == "h2":
                self.last = "".join(child.content for child in tokens[number + 1].children or ())
                slug = re.sub(r"[^a-z0-9]+", "-", self.last.lower()).strip("-") or "section"
                while slug in self.found:
                    slug += "-2"
                self.found[slug] = self.last
                token.attrSet("id", slug)

    def contents(self) -> str:
        """Links to the headings."""
        links = (f'<a href="#{slug}">{escape(title)}</a>' for slug, title in self.found.items())
        return f'<nav aria-label="Contents">{"".join(links)}</nav>\n' if self.found else ""


def _figures(charts: Sequence[Chart]) -> Iterator[str]:
    if charts:
        yield f'<h2 id="charts">{CHARTS}</h2>\n{_HATCH}'
    for chart in charts:
        head = "".join(f'<th scope="col">{_shown(name)}</th>' for name in chart.head)
        rows = "".join(f"<tr>{''.join(f'<td>{_shown(cell)}</td>' for cell in row)}</tr>\n" for row in chart.rows)
        table = f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        yield f"<figure><figcaption><strong>{_shown(chart.title)}.</strong> {_shown(chart.note)}</figcaption>"
        yield f'<div class="wide">{chart.picture}</div>'
        yield f"<details><summary>The numbers as a table</summary>{table}</details></figure>\n"


def _shown(foreign: str) -> str:
    return escape(safe_text(foreign))


def _pieces(markdown: str) -> Iterator[str]:
    """The document in parts that can be read one by one: its sections, and long tables by their rows."""
    piece: list[str] = []
    head: list[str] = []
    fence = ""
    for line in markdown.splitlines():
        found = _FENCE.match(line)
        if found and not fence:
            fence = found["ticks"]
        elif found and len(found["ticks"]) >= len(fence) and not found["rest"].strip():
            fence = ""
        elif not fence and line.startswith("## "):
            yield "\n".join(piece)
            piece = []
        is_row = line.startswith("|") and not fence
        head = [*head, line][:2] if is_row else []
        if is_row and len(piece) >= _ROWS_AT_ONCE:
            yield "\n".join(piece)
            piece = list(head)
        piece.append(line)
    yield "\n".join(piece)


def _rendered(tokens: list[Token]) -> str:
    columns: list[str] = []
    row: Token | None = None
    for number, token in enumerate(tokens):
        if token.type == "table_open":
            columns = []
        elif token.type == "tr_open":
            row, column = token, 0
        elif token.type == "th_open":
            token.attrSet("scope", "col")
            columns.append(tokens[number + 1].content)
        elif token.type == "td_open" and row is not None:
            inline = tokens[number + 1]
            if _TIME.fullmatch(inline.content):
                token.attrSet("class", "time")
            if BY in columns:
                _mark_cell(token, inline, row, columns[column])
            column += 1
    html = str(_PARSER.renderer.render(tokens, _PARSER.options, {}))
    timeline = f'<th scope="col">{BY}</th>'
    return re.sub(r"<table>(.*?)</table>", lambda found: _framed(found[0], timeline), html, flags=re.DOTALL)


def _framed(table: str, timeline: str) -> str:
    if timeline not in table.partition("</thead>")[0]:
        return f'<div class="wide">{table}</div>'
    return f'{_filters()}<div class="wide">{table.replace("<table>", "<table class=timeline>", 1)}</div>'


def _filters() -> str:
    boxes = [*((f"show-{source}", words) for source, words in _SHOWN), ("show-details", "details")]
    shown = "".join(f'<label><input type="checkbox" id="{name}" checked> {words}</label>' for name, words in boxes)
    return f'<fieldset class="filters" aria-label="What the timeline shows">{shown}</fieldset>\n'


def _mark_cell(cell: Token, inline: Token, row: Token, column: str) -> None:
    """Name the class of a row by who made it happen, and put each detail of a row on a line of its own."""
    if column == BY:
        row.attrSet("class", inline.content if inline.content in frozenset(Source) else "unknown")
    elif column == "What":
        cell.attrSet("class", "what")
        inline.children = list(_with_lines(inline.children or []))


def _with_lines(children: Sequence[Token]) -> Iterator[Token]:
    opened = False
    for child in children:
        parts = child.content.split(BETWEEN) if child.type == "text" else [""]
        for number, part in enumerate(parts):
            if number:
                if opened:
                    yield Token("detail_close", "span", -1)
                yield Token("detail_open", "span", 1, attrs={"class": "detail"})
                opened = True
            yield child.copy(content=part) if len(parts) > 1 else child
    if opened:
        yield Token("detail_close", "span", -1)
