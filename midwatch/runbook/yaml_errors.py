"""Translates errors of the YAML parser into sentences for the author of the file."""

from __future__ import annotations

import re

import yaml

from midwatch.system.errors import BadInput, SourceLocation

_ODD_BLANK = re.compile(r"(?:^[ -]*|:)([\u00a0\u2000-\u200a\u202f\u205f\u3000])")
_QUOTE = "Put the text in quotes"
_ALIGN = "Items of one list, and keys of one table, begin in the same column"
# What libyaml and PyYAML's own scanner say, by a piece of their message; the first that fits counts.
_FAULTS = (
    (
        "mapping values are not allowed",
        "A colon stands where no key can be",
        "Put text that contains ': ' in quotes; indent with care",
    ),
    ("could not find expected ':'", "A key is not followed by a colon", "Write KEY: VALUE"),
    ("found unexpected end of stream", "The file ends inside a quoted text", "Close the quotes"),
    ("found unexpected document indicator", "A document begins or ends inside a quoted text", "Close the quotes"),
    (
        "did not find expected ',' or",
        "A list or table in brackets goes wrong here",
        "Put a comma between items and close the bracket",
    ),
    (
        "expected ',' or",
        "A list or table in brackets goes wrong here",
        "Put a comma between items and close the bracket",
    ),
    ("did not find expected key", "This line does not fit the lines above", _ALIGN),
    ("did not find expected '-'", "This line does not fit the list above", _ALIGN),
    ("expected <block end>", "This line does not fit the lines above", _ALIGN),
    ("block sequence entries are not allowed", "A list item cannot begin here", "Begin it on a line of its own"),
    ("block mapping entries", "A key cannot begin here", _ALIGN),
    (
        "unknown escape character",
        "A backslash in double quotes begins an unknown escape",
        "Use single quotes, or double the backslash",
    ),
    ("escape", "A backslash in double quotes is not a whole escape", "Use single quotes, or double the backslash"),
    (
        "expected comment or line break",
        "Text begins on the line after | or >",
        "Move it there, indented, or leave the sign out",
    ),
    ("expected node content", "A value is expected here", _QUOTE),
    ("alphabetic or numeric", "Anchors and aliases (&name, *name) are not part of the format", _QUOTE),
    (
        "undefined alias",
        "Anchors and aliases (&name, *name) are not part of the format",
        "Write the value out where it is used",
    ),
    ("undefined tag handle", "Tags (!name) are not part of the format", _QUOTE),
)


def explain(error: yaml.MarkedYAMLError, text: str, file: str) -> BadInput:
    """The error as one sentence at its position."""
    mark = error.problem_mark or error.context_mark
    place = SourceLocation(file, mark.line + 1, mark.column + 1) if mark else SourceLocation(file, 1, 1)
    problem = error.problem or error.context or "it cannot be read"
    line = _line(text, place.line)
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent:
        return BadInput(
            "A tab cannot indent", place=SourceLocation(file, place.line, indent.index("\t") + 1), hint="Use spaces"
        )
    if blank := _odd_blank(text, place.line):
        number, column, sign = blank
        sentence = f"A blank that is no ordinary one (U+{ord(sign):04X}) stands here, as copied text often has them"
        return BadInput(sentence, place=SourceLocation(file, number, column), hint="Type it anew")
    if "cannot start any token" in problem:
        sign = line[place.column - 1 : place.column]
        sentence = "A tab stands where a value begins" if sign == "\t" else f"Text cannot begin with {sign!r} here"
        return BadInput(sentence, place=place, hint="Use spaces" if sign == "\t" else _QUOTE)
    if "did not find expected" in problem and line[: place.column - 1].rstrip().endswith(("'", '"')):
        hint = "Quote the whole value; inside single quotes write two for one: 'it''s'"
        return BadInput("Something follows a closing quote", place=place, hint=hint)
    for piece, sentence, hint in _FAULTS:
        if piece in problem:
            if "{{" in line and "}}" in line:
                hint = "Put the whole text in quotes where {{ }} stands in it"
            return BadInput(sentence, place=place, hint=hint)
    return BadInput(f"This is not YAML: {problem}", place=place, hint=_QUOTE)


def _odd_blank(text: str, last: int) -> tuple[int, int, str] | None:
    """Line, column and sign of a blank that YAML takes for a letter where it indents or follows a colon, in the line
    with the fault or shortly before."""
    for number in range(max(1, last - 2), last + 1):
        if found := _ODD_BLANK.search(_line(text, number)):
            return number, found.start(1) + 1, found[1]
    return None


def _line(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[number - 1] if 0 < number <= len(lines) else ""
