"""`--input NAME=VALUE`: whatever is typed becomes these pairs, or one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.system.errors import BadInput
from tui.cli_context import inputs_given

NAMES = st.text(st.characters(exclude_characters="="), min_size=1, max_size=8)


@given(st.dictionaries(NAMES, st.text(max_size=12), max_size=5))
def test_input_options_come_back_as_they_were_given(pairs: dict[str, str]) -> None:
    assert inputs_given([f"{name}={value}" for name, value in pairs.items()]) == pairs


@given(st.lists(st.text(max_size=8), max_size=4))
def test_anything_is_pairs_or_refused(given_: list[str]) -> None:
    try:
        found = inputs_given(given_)
    except BadInput:
        return
    assert [f"{name}={value}" for name, value in found.items()] == given_


def test_input_option_given_twice_is_bad_input() -> None:
    with pytest.raises(BadInput, match="--input gives 'a' twice"):
        inputs_given(["a=1", "b=2", "a=3"])
