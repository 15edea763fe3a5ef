"""What the values of a runbook have to be: tables with known keys, tables with free keys, and lists.

A `FieldType` defines both how a value is read and how JSON Schema describes it, so the two cannot differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.yaml_loader import Listing, Node, Scalar, Table
from midwatch.system.errors import SourceLocation
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import near_names, suggest
from midwatch.system.units import first_few

Schema = dict[str, Any]


LONGEST = 1000
"""Items of one list or table; a file with more was made to waste time."""


_OWNERS_LIMIT = 3
"""Tables that are named for a key that stands in the wrong one."""
RENAMED = {
    "as_written": "original_command",
    "ask": "questions",
    "elsewhere": "remote_manifests",
    "escalate": "raise_severity",
    "instead": "deviation",
    "moves": "measure",
    "needs": "depends_on",
    "places": "locations",
    "require": "preconditions",
    "sealed": "credential_backups",
    "second_journal": "journal_fallback",
    "two_people": "requires_approval",
}
"""Keys as builds before the first release had them, and as they are now."""


class FieldType(ABC):
    """What a value has to be."""

    @abstractmethod
    def read(self, node: Node, problems: Problems) -> Any:
        """The value; None after saying to `problems` why it cannot be one."""

    @abstractmethod
    def schema(self) -> Schema:
        """The same in JSON Schema."""

    def found(self, node: Node, problems: Problems, key: SourceLocation | None = None) -> Found | None:
        """The value with its position; None when it is wrong."""
        value = self.read(node, problems)
        return None if value is None else Found(value, node.place, key or node.place)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: what it is called, accepts and means."""

    name: str
    kind: FieldType
    help: str
    required: bool = False


@dataclass(frozen=True)
class Shape(FieldType):
    """A table with these keys and no others."""

    name: str
    help: str
    keys: tuple[Key, ...]

    def read(self, node: Node, problems: Problems) -> Fields | None:
        """Return the fields of the table, or report problems and return None."""
        if not isinstance(node, Table):
            problems.add(
                f"{sentence_case(self.name)} is a table of keys, not {described(node)}", node.place, self._example()
            )
            return None
        known = {key.name: key for key in self.keys}
        found: dict[str, Found] = {}
        keys: dict[str, SourceLocation] = {}
        for name, entry in node.entries.items():
            if name not in known:
                if problems.full:
                    problems.more += 1
                    continue
                if renamed := _renamed(name, known):
                    problems.add(f"`{name}` is now `{renamed}`", entry.place)
                    continue
                comma = " " in name and isinstance(entry.node, Scalar) and entry.node.value is None
                hint = "In { } a comma ends a value: put the text in quotes" if comma else self._where(name, node)
                problems.add(f"{sentence_case(self.name)} has no key {shortened(name)!r}", entry.place, hint)
                continue
            keys[name] = entry.place
            value = known[name].kind.found(entry.node, problems, entry.place)
            if value is not None:
                found[name] = value
        missing = [key for key in self.keys if key.required and key.name not in node.entries]
        for key in missing:
            problems.add(f"{sentence_case(self.name)} needs the key {key.name!r}", node.place, key.help)
        return Fields(node.place, found, keys)

    def schema(self) -> Schema:
        """Return a reference to the JSON Schema of the table."""
        return {"$ref": f"#/$defs/{self.name.replace(' ', '-')}"}

    def definition(self) -> Schema:
        """The table itself, for `$defs`."""
        required = [key.name for key in self.keys if key.required]
        return {
            "type": "object",
            "description": self.help,
            "additionalProperties": False,
            "properties": {key.name: {**key.kind.schema(), "description": key.help} for key in self.keys},
        } | ({"required": required} if required else {})

    def inner(self) -> Iterator[Shape]:
        """This shape and every one inside it, each once."""
        seen: dict[str, Shape] = {}
        _collect(self, seen)
        yield from seen.values()

    def _example(self) -> str:
        return f"It takes: {first_few([key.name for key in self.keys], 6)}"

    def _where(self, name: str, node: Table) -> str:
        """Where an unknown key belongs, or which key of this table was meant."""
        from midwatch.runbook.schema import RUNBOOK

        known = [key.name for key in self.keys]
        if near_names(name, known, cutoff=0.85):
            return suggest(name, known, "It takes")
        owners = [shape.name for shape in RUNBOOK.inner() if any(key.name == name for key in shape.keys)]
        if "with" in known and node.entries.keys() & {"uses", "check"} and RUNBOOK.name not in owners:
            return "Parameters stand under 'with'"
        if 0 < len(owners) <= _OWNERS_LIMIT:
            return f"It is a key of {listed([sentence_case(owner).lower() for owner in owners])}"
        return suggest(name, known, "It takes")


@dataclass(frozen=True)
class ListOf(FieldType):
    """A list; with `single`, one item may stand without the list."""

    item: FieldType
    single: bool = False
    filled: bool = False

    def read(self, node: Node, problems: Problems) -> list[Found] | None:
        """Return the items, or report problems and return None."""
        if not isinstance(node, Listing):
            if self.single and not (isinstance(node, Scalar) and node.value is None):
                one = self.item.found(node, problems)
                return None if one is None else [one]
            problems.add(
                f"This takes a list, not {described(node)}",
                node.place,
                "Write each item on a line that begins with '- '",
            )
            return None
        if self.filled and not node.items:
            problems.add("This list is empty", node.place, "Write at least one item")
        if len(node.items) > LONGEST:
            problems.add(f"This list has {len(node.items):,} items; {LONGEST:,} are the most", node.place)
            return None
        read = (self.item.found(item, problems) for item in node.items)
        return [found for found in read if found is not None]

    def schema(self) -> Schema:
        """Return the JSON Schema of the list."""
        listed: Schema = {"type": "array", "items": self.item.schema()} | ({"minItems": 1} if self.filled else {})
        return {"anyOf": [self.item.schema(), listed]} if self.single else listed


@dataclass(frozen=True)
class TableOf(FieldType):
    """A table with free keys, which `name` judges, and values of one kind; `known` keys have a kind of their own."""

    name: FieldType
    value: FieldType
    what: str
    known: tuple[Key, ...] = ()

    def read(self, node: Node, problems: Problems) -> dict[str, Found] | None:
        """Return the entries by name, or report problems and return None."""
        if not isinstance(node, Table):
            problems.add(f"This takes a table of {self.what}, not {described(node)}", node.place)
            return None
        if len(node.entries) > LONGEST:
            problems.add(f"This table has {len(node.entries):,} entries; {LONGEST:,} are the most", node.place)
            return None
        read: dict[str, Found] = {}
        kinds = {key.name: key.kind for key in self.known}
        for name, entry in node.entries.items():
            names = self.name.schema().get("enum", ())
            if name not in names and (renamed := _renamed(name, names)):
                problems.add(f"`{name}` is now `{renamed}`", entry.place)
                continue
            good = self.name.read(Scalar(entry.place, name, name), problems) is not None
            value = kinds.get(name, self.value).found(entry.node, problems, entry.place)
            if good:
                read[name] = value or Found(None, entry.node.place, entry.place)
        return read

    def schema(self) -> Schema:
        """Return the JSON Schema of the table."""
        names = {key: value for key, value in self.name.schema().items() if key in ("pattern", "enum", "maxLength")}
        known = {key.name: {**key.kind.schema(), "description": key.help} for key in self.known}
        return (
            {"type": "object", "additionalProperties": self.value.schema()}
            | ({"properties": known} if known else {})
            | ({"propertyNames": names} if names else {})
        )


@dataclass(frozen=True)
class ListOrTable(FieldType):
    """A list or text, or a table in its place."""

    listed: FieldType
    table: Shape

    def read(self, node: Node, problems: Problems) -> Any:
        """Return the items, the text or the fields, or report problems and return None."""
        return (self.table if isinstance(node, Table) else self.listed).read(node, problems)

    def schema(self) -> Schema:
        """Return the JSON Schema of both."""
        return {"anyOf": [self.listed.schema(), self.table.schema()]}


@dataclass(frozen=True)
class Inside(FieldType):
    """A type that is defined later, so that a shape can contain itself."""

    kind: Callable[[], FieldType]

    def read(self, node: Node, problems: Problems) -> Any:
        """Return the value, or report problems and return None."""
        return self.kind().read(node, problems)

    def schema(self) -> Schema:
        """Return the JSON Schema of the type."""
        return self.kind().schema()


def _renamed(name: str, known: Collection[str]) -> str:
    """The name that an old key has now in this table; empty when it is no old key of it."""
    now = "notify" if name == "tell" else RENAMED.get(name, "")
    return next((new for new in (now, f"{now}_when") if new in known), "")


def described(node: Node) -> str:
    """What a node is, in words, for 'takes X, not Y'."""
    match node:
        case Listing():
            return "a list"
        case Table():
            return "a table"
        case Scalar():
            return "nothing" if node.value is None else repr(shortened(node.text))


def listed(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def sentence_case(text: str) -> str:
    """The text with an article and a capital, as a sentence begins: `a step` → `A step`."""
    article = "An" if text[0] in "aeiou" else "A"
    return f"{article} {text}"


def _collect(kind: FieldType, seen: dict[str, Shape]) -> None:
    match kind:
        case Shape():
            if kind.name not in seen:
                seen[kind.name] = kind
                for key in kind.keys:
                    _collect(key.kind, seen)
        case ListOf():
            _collect(kind.item, seen)
        case TableOf():
            _collect(kind.value, seen)
        case ListOrTable():
            _collect(kind.listed, seen)
            _collect(kind.table, seen)
        case Inside():
            _collect(kind.kind(), seen)
