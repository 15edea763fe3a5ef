"""Names without a schema in the bodies of functions: a restore has an empty search path, and finds none of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = r'("(?:[^"]|"")+"|[A-Za-z_][\w$]*)(?![\w$"]|\s*\.)'
_TABLE = re.compile(
    rf"\b(?:(?:FROM|JOIN|UPDATE|TABLE|USING)\s+(?:ONLY\s+)?{_NAME}(?!\s*\()|INTO\s+{_NAME})|{_NAME}%ROWTYPE"
    r'|("(?:[^"]|"")+"|(?<![\w$."])[A-Za-z_][\w$]*)\.[\w"$]+%TYPE',
    re.IGNORECASE,
)
_FROM = re.compile(
    r"\bFROM\b(.*?)(?=\b(?:WHERE|GROUP|ORDER|HAVING|LIMIT|OFFSET|FETCH|UNION|EXCEPT|INTERSECT|RETURNING|WINDOW|LOOP|FOR)\b"
    r"|;|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_LISTED = re.compile(rf",\s*(?:ONLY\s+|LATERAL\s+)?{_NAME}(?!\s*\()", re.IGNORECASE)
_IN_TEXT = re.compile(
    r"\b(?:nextval|currval|setval|to_regclass)\s*\(\s*'([^'.]+)'|'([^'.]+)'\s*::\s*regclass\b", re.IGNORECASE
)
_TYPE = re.compile(rf"::\s*{_NAME}|\bAS\s+{_NAME}\s*\)", re.IGNORECASE)
_DECLARATIONS = re.compile(r"\bDECLARE(\s.*?)\bBEGIN\b", re.IGNORECASE | re.DOTALL)
_DECLARED = re.compile(rf"(?:^|;)\s*\w+\s+(?:CONSTANT\s+)?{_NAME}", re.IGNORECASE)
_OWN_TABLE = re.compile(rf"\b{_NAME}\s+AS\s+(?:(?:NOT\s+)?MATERIALIZED\s+)?\(", re.IGNORECASE)
"""What `WITH` names."""
_CALL = re.compile(r'(?<![\w$".])("(?:[^"]|"")+"|[A-Za-z_][\w$]*)\s*\(')
_INNER = re.compile(r"\(([^()]*)\)")


def unqualified_relations(body: str, known: frozenset[str]) -> set[str]:
    """The tables, views, sequences and types among `known` that a body names."""
    text = _COMMENT.sub(" ", body)
    found = {*_names(_TABLE, text), *_names(_IN_TEXT, text), *_names(_TYPE, text), *_listed(text)}
    for part in _DECLARATIONS.findall(text):
        found |= set(_names(_DECLARED, part))
    return (found & known) - set(_names(_OWN_TABLE, text))


def unqualified_calls(body: str) -> set[str]:
    """The functions that a body calls without a schema, and other words before a parenthesis."""
    return set(_names(_CALL, _COMMENT.sub(" ", body)))


def _listed(text: str) -> Iterator[str]:
    """The tables behind a comma, as in `FROM a, b`, at each depth of parentheses."""
    while True:
        inner = _INNER.findall(text)
        for part in inner or [text]:
            for clause in _FROM.findall(part):
                yield from _names(_LISTED, clause)
        if not inner:
            return
        text = _INNER.sub(" [] ", text)


def _names(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for found in pattern.finditer(text):
        name = next(filter(None, found.groups()))
        yield name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
