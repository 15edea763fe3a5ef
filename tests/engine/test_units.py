"""Quantities as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.system.units import Percent, Seconds, Size, counted, duration, percent, size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30 min", 1800),
        ("90 s", 90),
        ("26 h", 93600),
        ("2 days", 172800),
        ("1.5 h", 5400),
        ("500 ms", 0.5),
        ("15min", 900),
    ],
)
def test_duration_in_each_form_is_parsed(text: str, seconds: float) -> None:
    assert Seconds.parse(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"), [("124 MB", 124_000_000), ("2 GiB", 2 * 2**30), ("5000", 5000), ("1.5 kB", 1500)]
)
def test_size_in_each_form_is_parsed(text: str, count: int) -> None:
    assert Size.parse(text) == count


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Seconds, "30"),
        (Seconds, "soon"),
        (Seconds, "-1 s"),
        (Seconds, "3 parsecs"),
        (Size, "12 apples"),
        (Size, ""),
        (Percent, "0.8"),
        (Percent, "101 %"),
    ],
)
def test_quantity_that_cannot_be_parsed_says_how_to_write_it(
    kind: type[Seconds] | type[Size] | type[Percent], text: str
) -> None:
    with pytest.raises(ValueError, match="write it like"):
        kind.parse(text)


@given(st.text())
def test_quantity_of_any_text_is_parsed_or_refused_clearly(text: str) -> None:
    for kind in (Seconds, Size, Percent):
        try:
            found = kind.parse(text)
        except ValueError as error:
            said = str(error)
        else:
            said = "write it like" if found >= 0 else "negative"
        assert "write it like" in said


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (3.14, "3.1 s"),
        (59.6, "1 min"),
        (80, "1 min 20 s"),
        (3600, "1 h"),
        (11100, "3 h 5 min"),
        (183600, "2 d 3 h"),
        (-5, "-5 s"),
    ],
)
def test_durations_are_shown_by_their_two_largest_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (124_400_000, "124 MB"),
        (1_250_000_000, "1.2 GB"),
        (9.996e8, "1.0 GB"),
    ],
)
def test_size_is_shown_with_three_digits(count: float, shown: str) -> None:
    assert size(count) == shown


def test_almost_full_is_not_shown_as_full() -> None:
    assert percent(99.7) == "99 %"
    assert percent(100) == "100 %"


@given(st.floats(0, 1e15, allow_nan=False))
def test_size_as_shown_is_parsed_back_nearly(count: float) -> None:
    assert Size.parse(size(count)) == pytest.approx(count, rel=0.06, abs=1)


def test_counted_noun_is_plural_except_for_one() -> None:
    assert [counted(count, "table") for count in (0, 1, 2)] == ["0 tables", "1 table", "2 tables"]
