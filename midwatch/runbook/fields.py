"""What was read of a table in a runbook: its values with their positions, and the problems met on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from midwatch.system.errors import BadInput, SourceLocation

MOST = 100
"""Errors that are kept; a file with more is not a runbook, and nobody reads on."""


@dataclass(slots=True)
class Problems:
    """What is wrong so far."""

    found: list[BadInput] = field(default_factory=list)
    more: int = 0
    """How many were left out after the first hundred."""

    def add(self, sentence: str, place: SourceLocation, hint: str = "") -> None:
        """Take one in."""
        self.take(BadInput(sentence, place=place, hint=hint))

    def take(self, error: BadInput) -> None:
        """Take one in that was raised elsewhere."""
        if len(self.found) < MOST:
            self.found.append(error)
        else:
            self.more += 1

    @property
    def full(self) -> bool:
        """Whether further errors would be left out, so that looking for them is in vain."""
        return len(self.found) >= MOST

    def __bool__(self) -> bool:
        return bool(self.found)


@dataclass(frozen=True, slots=True)
class Found:
    """A value that was read, and where it stands. In lists the items are `Found`, in tables the values.

    In a table with free keys the value None stands for one that is wrong, so that its key still counts as given.
    """

    value: Any
    place: SourceLocation
    key: SourceLocation
    """Where its key stands; for an item of a list, where the item does."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The keys of one table: those that could be read, and where each one stands, also of those that could not."""

    place: SourceLocation
    found: Mapping[str, Found] = field(default_factory=dict)
    keys: Mapping[str, SourceLocation] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a key, or the default."""
        found = self.found.get(name)
        return default if found is None else found.value

    def items(self, name: str) -> list[Found]:
        """The items of a list; none when the key is not given."""
        value = self.get(name)
        return value if isinstance(value, list) else []

    def values(self, name: str) -> tuple[Any, ...]:
        """The bare values of a list."""
        return tuple(item.value for item in self.items(name))

    def table(self, name: str) -> dict[str, Found]:
        """The entries of a table with free keys; none when the key is not given."""
        value = self.get(name)
        return value if isinstance(value, dict) else {}

    def __contains__(self, name: str) -> bool:
        """Whether the key was given, were it with a wrong value."""
        return name in self.keys

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def where(self, name: str) -> SourceLocation:
        """Where a key's value stands, or the table when there is none."""
        found = self.found.get(name)
        return self.key(name) if found is None else found.place

    def key(self, name: str) -> SourceLocation:
        """Where a key stands, or the table when it is not given."""
        return self.keys.get(name, self.place)


def arguments(found: dict[str, Found], *, as_text: bool = False) -> Mapping[str, Any]:
    """The values of a table with free keys, without their positions; with `as_text`, as a shell has them."""

    def value(given: Any) -> Any:
        if isinstance(given, dict):
            return arguments(given)
        if not as_text or not isinstance(given, bool | int):
            return tuple(given) if isinstance(given, list) else given
        return ("true" if given else "false") if isinstance(given, bool) else str(given)

    return MappingProxyType({name: value(item.value) for name, item in found.items() if item.value is not None})
