"""Loads YAML as values with positions, without the error-prone features of YAML.

Scalars follow YAML 1.2: `no`, `on`, `12:30`, `0640` and `2026-11-23` are text. Anchors, aliases, tags, several
documents, duplicate keys and characters that cannot be seen are refused, so that what a person reads is what the
program does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from midwatch.runbook.source import read_text
from midwatch.runbook.yaml_errors import explain
from midwatch.system.errors import BadInput, SourceLocation

DEPTH = 24
"""Lists and tables inside one another; the format itself needs eight."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one reads a long runbook in milliseconds
RUNBOOK_BEGINS = "midwatch: 1"
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})$")
# Escapes in double quotes can make what an editor does not show: control characters, lone surrogates, and marks that
# turn the direction of text, so that a command reads otherwise than it runs (CVE-2021-42574). So do marks of no width
# and tags; joiners (U+200C, U+200D) stay, because words and emoji need them.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `text` is the value as it was written, without quotes."""

    place: SourceLocation
    value: str | int | bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    place: SourceLocation
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Keys and values in the order of the file; every key has a position of its own."""

    place: SourceLocation
    entries: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a table, where it stands, and its value."""

    place: SourceLocation
    node: Node


Node: TypeAlias = Scalar | Listing | Table


def read_yaml(path: Path, *, begin: str = RUNBOOK_BEGINS) -> Node:
    """The one document of a YAML file. Raises `BadInput` for the first thing that is wrong, with its position.

    `begin` is how such a file begins, for whoever gives an empty one.
    """
    node, problems = parse_yaml(read_text(path)[0], str(path), begin=begin)
    if problems:
        raise problems[0]
    return node


def parse_yaml(text: str, file: str, *, begin: str = RUNBOOK_BEGINS) -> tuple[Node, list[BadInput]]:
    """The document and what is wrong with it although it could be read: duplicate keys, characters that cannot be seen.

    Raises `BadInput` when it cannot be read at all.
    """
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise explain(error, text, file) from error
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # unmarked: a reader's complaint, or a number too long
        raise BadInput(f"This is not YAML: {str(error).splitlines()[0]}", place=SourceLocation(file, 1, 1)) from error
    if builder.root is None:
        raise BadInput("There is nothing in this file", place=SourceLocation(file, 1, 1), hint=f"Begin with: {begin}")
    return builder.root, builder.problems


def plain(node: Node) -> Any:
    """The value without positions: scalars, lists and dicts."""
    match node:
        case Scalar():
            return node.value
        case Listing():
            return [plain(item) for item in node.items]
        case Table():
            return {key: plain(entry.node) for key, entry in node.entries.items()}


@dataclass(slots=True)
class _Open:
    """A list or table whose end has not come yet."""

    place: SourceLocation
    items: list[Node] | None = None
    entries: dict[str, Entry] | None = None
    key: tuple[str, SourceLocation] | None = None


@dataclass(slots=True)
class _Builder:
    """Puts nodes together from parser events without recursion, so that nesting cannot exhaust the stack."""

    file: str
    root: Node | None = None
    problems: list[BadInput] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)

    def take(self, event: Any) -> None:
        place = SourceLocation(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
        if getattr(event, "anchor", None) is not None:
            raise BadInput(
                "Anchors and aliases (&name, *name) are not part of the format",
                place=place,
                hint="Write the value out where it is used",
            )
        if getattr(event, "tag", None) not in (None, "!"):
            raise BadInput(f"Tags such as {event.tag} are not part of the format", place=place, hint="Leave it out")
        match event:
            case yaml.DocumentStartEvent():
                if self.root is not None:
                    hint = "Keep one document a file: leave out the second '---'"
                    raise BadInput("A second document begins here", place=place, hint=hint)
            case yaml.ScalarEvent():
                self._scalar(event, place)
            case yaml.SequenceStartEvent():
                self._begin(_Open(place, items=[]))
            case yaml.MappingStartEvent():
                self._begin(_Open(place, entries={}))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end()

    def _scalar(self, event: yaml.ScalarEvent, place: SourceLocation) -> None:
        text = event.value
        unseen = _UNSEEN.search(text)
        if unseen:
            sentence = f"This text contains a character that cannot be seen (U+{ord(unseen[0]):04X})"
            self.problems.append(BadInput(sentence, place=place, hint="Take it out"))
            text = _UNSEEN.sub("", text)
        is_plain = event.implicit[0] and event.style in (None, "")
        top = self.stack[-1] if self.stack else None
        if top is not None and top.entries is not None and top.key is None:
            if text in top.entries:
                first = top.entries[text].place
                sentence = f"The key {text!r} is given twice; the first is in line {first.line}"
                self.problems.append(BadInput(sentence, place=place, hint="Keep one of them"))
            top.key = (text, place)
        else:
            self._put(Scalar(place, _value(text) if is_plain else text, text))

    def _begin(self, opened: _Open) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.entries is not None and top.key is None:
            hint = "Put text that begins with {{ in quotes"
            raise BadInput("A key has to be text, not a list or a table", place=opened.place, hint=hint)
        if len(self.stack) >= DEPTH:
            raise BadInput(f"Lists and tables are nested more than {DEPTH} deep here", place=opened.place)
        self.stack.append(opened)

    def _end(self) -> None:
        closed = self.stack.pop()
        if closed.items is not None:
            self._put(Listing(closed.place, tuple(closed.items)))
        else:
            self._put(Table(closed.place, closed.entries or {}))

    def _put(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if top.items is not None:
            top.items.append(node)
        elif top.entries is not None and top.key is not None:
            key, place = top.key
            top.entries.setdefault(key, Entry(place, node))
            top.key = None


def _value(text: str) -> str | int | bool | None:
    """A plain scalar by YAML 1.2's core schema, but numbers with a fraction or a leading zero stay as they are
    written."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return int(text) if _WHOLE.match(text) else text
