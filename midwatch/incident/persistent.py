"""Immutable collections of which a changed copy costs the same however many items there are: one chunk, not all of
them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeVar, overload

T = TypeVar("T")
_CHUNK = 128


class PersistentList(Sequence[T]):
    """An immutable list."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: tuple[tuple[T, ...], ...] = ()) -> None:
        """Every chunk but the last is full."""
        self._chunks = chunks

    def __len__(self) -> int:
        return (len(self._chunks) - 1) * _CHUNK + len(self._chunks[-1]) if self._chunks else 0

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(self._chunks)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        position = range(len(self))[index]
        return self._chunks[position // _CHUNK][position % _CHUNK]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PersistentList) and self._chunks == other._chunks

    __hash__ = None  # type: ignore[assignment]

    def appended(self, item: T) -> PersistentList[T]:
        """The list with this item behind the others."""
        if len(self) % _CHUNK == 0:
            return PersistentList((*self._chunks, (item,)))
        return PersistentList((*self._chunks[:-1], (*self._chunks[-1], item)))

    def replaced(self, index: int, item: T) -> PersistentList[T]:
        """The list with this item in the place of another."""
        number, position = divmod(range(len(self))[index], _CHUNK)
        chunk = self._chunks[number]
        changed = (*chunk[:position], item, *chunk[position + 1 :])
        return PersistentList((*self._chunks[:number], changed, *self._chunks[number + 1 :]))


class PersistentMap(Mapping[int, T]):
    """An immutable mapping of numbers, such as those of events."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: Mapping[int, Mapping[int, T]] | None = None) -> None:
        """`chunks` by the quotient of their keys; none is empty."""
        self._chunks = chunks or {}

    def __getitem__(self, key: int) -> T:
        return self._chunks[key // _CHUNK][key]

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self._chunks.values())

    def __len__(self) -> int:
        return sum(map(len, self._chunks.values()))

    def with_item(self, key: int, value: T) -> PersistentMap[T]:
        """The mapping with this value for the key."""
        number = key // _CHUNK
        return PersistentMap({**self._chunks, number: {**self._chunks.get(number, {}), key: value}})

    def without(self, key: int) -> PersistentMap[T]:
        """The mapping without the key; the mapping itself when the key is not there."""
        if key not in self:
            return self
        number = key // _CHUNK
        rest = {other: value for other, value in self._chunks[number].items() if other != key}
        chunks = {other: chunk for other, chunk in self._chunks.items() if other != number}
        return PersistentMap(chunks | ({number: rest} if rest else {}))
