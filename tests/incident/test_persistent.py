"""Persistent collections: they hold what a list or a dict would hold, and no change reaches an older one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midwatch.incident.persistent import PersistentList, PersistentMap

CHANGES = st.lists(st.tuples(st.booleans(), st.integers(0, 600), st.integers()), max_size=60)


@given(st.integers(0, 400), CHANGES)
def test_list_that_grows_and_is_changed_equals_a_plain_list(size: int, changes: list[tuple[bool, int, int]]) -> None:
    ours: PersistentList[int] = PersistentList()
    plain: list[int] = []
    for number in range(size):
        ours, plain = ours.appended(number), [*plain, number]
    kept = [(ours, list(plain))]
    for grows, index, value in changes:
        if grows or not plain:
            ours, plain = ours.appended(value), [*plain, value]
        else:
            index %= len(plain)
            ours, plain = ours.replaced(index, value), [*plain[:index], value, *plain[index + 1 :]]
        kept.append((ours, list(plain)))
    for view, expected in kept:
        assert (list(view), len(view), bool(view)) == (expected, len(expected), bool(expected))
        assert view[-3:] == tuple(expected[-3:])
        assert not expected or (view[0], view[-1]) == (expected[0], expected[-1])


@given(CHANGES)
def test_map_that_is_changed_equals_a_plain_dict(changes: list[tuple[bool, int, int]]) -> None:
    ours: PersistentMap[int] = PersistentMap()
    plain: dict[int, int] = {}
    kept = [(ours, dict(plain))]
    for sets, key, value in changes:
        ours = ours.with_item(key, value) if sets else ours.without(key)
        plain = {**plain, key: value} if sets else {k: v for k, v in plain.items() if k != key}
        kept.append((ours, dict(plain)))
    for view, expected in kept:
        assert (dict(view), len(view), set(view.keys())) == (expected, len(expected), set(expected))
