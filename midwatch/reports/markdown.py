"""Writes Markdown with escaped foreign text, which cannot create headings, tables, links, images, HTML or code.

The dialect is CommonMark with the tables and links of GitHub. Text that needs no escape is left as it is, so that the
source reads well too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from midwatch.system.sanitize import safe_text

RECORD_HEADING = "## The record"
"""The heading of the last section of an export, which foreign text never forms."""
BETWEEN = " · "
"""Between the parts of one line of the timeline."""
_ACTIVE = re.compile(r"[\\`*\[\]<>|~]")
_CODE = re.compile(r"(?<![`\\])`([^`|\\]*[^`|\\\s][^`|\\]*)`(?!`)")
"""What is meant as code; a bar would end a table's cell."""
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # inside a word it is no emphasis
_ENTITY = re.compile(r"&(?=#|[A-Za-z])")
_SCHEME = re.compile(r"(?<=[A-Za-z]):(?=//)|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)
_WWW = re.compile(r"(?<=www)\.", re.IGNORECASE)
_MAIL = re.compile(r"(?<=[A-Za-z0-9._+-])@(?=[A-Za-z0-9_-]+\.)")
_MARKER = re.compile(r"^(?:([-+=#])(?=[-+=#\s]|$)|(\d{1,9})([.)])(?=\s|$))")


def text(foreign: str) -> str:
    """Foreign text as one line of Markdown; line ends show as `⏎`, control characters as `^G` and the like."""
    return _MARKER.sub(_unmarked, _escaped(" ".join(safe_text(foreign.strip()).split())))


def sentence(foreign: str) -> str:
    """What a person wrote as one line of Markdown: lines run on, and what stands between backticks is code, as was
    meant."""
    pieces = _CODE.split(" ".join(safe_text(foreign, newlines=True).split()))
    return _MARKER.sub(_unmarked, "".join(code(piece) if n % 2 else _escaped(piece) for n, piece in enumerate(pieces)))


def _unmarked(marker: re.Match[str]) -> str:
    return f"\\{marker[1]}" if marker[1] else f"{marker[2]}\\{marker[3]}"


def _escaped(line: str) -> str:
    line = _ACTIVE.sub(r"\\\g<0>", line)
    line = _UNDERSCORE.sub(r"\\_", line)
    line = _ENTITY.sub(r"\\&", line)
    line = _SCHEME.sub(r"\\:", line)
    line = _WWW.sub(r"\\.", line)
    return _MAIL.sub("&#64;", line)


def lines(foreign: str) -> str:
    """Foreign text of several lines as one paragraph each between empty lines, its line ends kept."""
    shown = [text(line) for line in safe_text(foreign, newlines=True).split("\n")]
    paragraphs = "\n".join(shown).strip("\n")
    return re.sub(r"\n\n+", "\n\n", re.sub(r"(?<=[^\n])\n(?=[^\n])", "\\\\\n", paragraphs))


def code(foreign: str, *, exact: bool = False) -> str:
    """Foreign text as code within a line, its tabs kept when it is to be `exact`; not for a table, see `cell_code`."""
    line = safe_text(foreign.strip(), tabs=exact)
    fence = "`" * (_longest_run(line) + 1)
    blank = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{blank}{line}{blank}{fence}"


def cell_code(foreign: str) -> str:
    """Foreign text as code within a table's cell, where a bar splits cells even in code unless it is escaped."""
    shown = code(foreign)
    return re.sub(
        r"(\\*)\|", lambda bar: "\\|" if not bar[1] else f"{bar[1]}¦", shown
    )  # `\\|` cannot be told from an escape


def code_block(foreign: str, *, indent: str = "", exact: bool = False) -> str:
    """Foreign text of several lines as a block of code, each line indented, as within a list.

    A command is to be `exact`: its tabs and the blanks at the ends of its lines stay.
    """
    shown = safe_text(foreign.strip("\n"), newlines=True, tabs=exact)
    fence = "`" * max(3, _longest_run(shown) + 1)
    if not indent and any(line.strip() == RECORD_HEADING for line in shown.split("\n")):
        indent = " "  # of one blank more or less Markdown makes no difference
    indented = (indent + line if line else "" for line in [fence, *shown.split("\n"), fence])
    return "\n".join(line if exact else line.rstrip() for line in indented)


def _longest_run(line: str) -> int:
    return max((len(run) for run in re.findall("`+", line)), default=0)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    body = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{'|'.join(' --- ' for _ in head)}|", *body])


def bullets(items: Iterable[str]) -> str:
    """A list; its items are Markdown already."""
    return "\n".join(f"- {item}" for item in items)


def document(parts: Iterable[str]) -> str:
    """Blocks with an empty line between them, and one line end at the end."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"
