"""Any JSON value, with what readers trip over: huge numbers, halves of surrogate pairs, paths, escape sequences."""

from __future__ import annotations

from hypothesis import strategies as st

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**63, 2**64, 10**400, -1])
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["..", "/etc/passwd", "\0", "\x1b[31m", "\ud800"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=16,
)
